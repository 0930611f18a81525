// routes.h: which paths there are. One file a route; routes.c lists them. Threads: any.
#ifndef SERVER_ROUTES_H
#define SERVER_ROUTES_H

#include <stddef.h>

#include "exchange.h"

// The route of a request, or NULL; then route_missing answers 404 or 405.
const struct route *route_of(const struct exchange *exchange);
void route_missing(struct exchange *exchange);

// Whether a path without its '/' is one of these routes'.
bool route_is_taken(const char *name, size_t length);

// A route's place for the metrics; the last place stands for no route.
size_t route_index(const struct route *route);
const char *route_name(size_t index);

extern const struct route route_live, route_ready, route_metrics, route_models, route_model,
    route_operators, route_embed, route_embeddings, route_page, route_asset, route_search,
    route_items, route_item, route_vectors, route_map, route_store, route_run, route_named,
    route_cohere, route_openapi;

// Whether the path is that of a pipeline loaded at the start.
bool route_names_pipeline(const struct exchange *exchange);

#endif
