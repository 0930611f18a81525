// routes.c: the table of routes (see routes.h).
#include "routes.h"

#include <string.h>

#include "metrics.h"

static const struct route *const routes[] = {
    &route_live,      &route_ready,      &route_metrics, &route_models, &route_model,
    &route_operators, &route_embeddings, &route_embed,   &route_search, &route_items,
    &route_store,     &route_item,       &route_vectors, &route_map,    &route_cohere,
    &route_openapi,   &route_run,        &route_named,   &route_page,   &route_asset,
};

enum { COUNT = sizeof routes / sizeof routes[0] };

static bool matches(const struct route *route, const struct exchange *exchange)
{
    const char *path = exchange->path;
    if (route == &route_named)
        return route_names_pipeline(exchange);
    size_t length = strlen(route->path);
    if (length > 1 && route->path[length - 1] == '*')
        return strncmp(route->path, path, length - 1) == 0 && path[length - 1] != '\0';
    return strcmp(route->path, path) == 0;
}

const struct route *route_of(const struct exchange *exchange)
{
    bool head = strcmp(exchange->method, "HEAD") == 0;
    const char *method = head ? "GET" : exchange->method;
    for (size_t i = 0; i < COUNT; i++)
        if (matches(routes[i], exchange) && strcmp(routes[i]->method, method) == 0)
            return routes[i];
    return NULL;
}

bool route_is_taken(const char *name, size_t length)
{
    for (size_t i = 0; i < COUNT; i++)
        if (strncmp(routes[i]->path + 1, name, length) == 0 && routes[i]->path[1 + length] == '\0')
            return true;
    return false;
}

void route_missing(struct exchange *exchange)
{
    char allowed[64] = "";
    for (size_t i = 0; i < COUNT; i++) {
        const char *method = routes[i]->method;
        if (!matches(routes[i], exchange) || strstr(allowed, method) != NULL ||
            strlen(allowed) + strlen(method) + 3 > sizeof allowed)
            continue;
        strncat(allowed, allowed[0] != '\0' ? ", " : "", 3);
        strncat(allowed, method, 16);
    }
    if (allowed[0] == '\0') {
        answer_error(exchange, 404, "not_found", NULL, "there is nothing at %.200s",
                     exchange->path);
        return;
    }
    answer_error(exchange, 405, "method_not_allowed", NULL, "%.200s takes %s", exchange->path,
                 allowed);
    answer_header(exchange, "Allow", "%s", allowed);
}

size_t route_index(const struct route *route)
{
    for (size_t i = 0; i < COUNT; i++)
        if (routes[i] == route)
            return i;
    return METRIC_ROUTES - 1;
}

const char *route_name(size_t index)
{
    return index < COUNT ? routes[index]->path : "other";
}

_Static_assert((int)COUNT < (int)METRIC_ROUTES, "each route has a place");
