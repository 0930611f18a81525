// serve.h: the running server, as its parts and routes see it. Fixed once it listens, but for the
// counters, which are atomic.
#ifndef SERVER_SERVE_H
#define SERVER_SERVE_H

#include <stdatomic.h>

#include "embedder.h"
#include "held.h"
#include "pipelines.h"
#include "runner.h"
#include "server.h"
#include "shelf.h"

struct server {
    const struct server_options *options;
    double began; // seconds since 1970
    struct runner *runner;
    struct http *http;
    struct embedder *embedder;
    struct pipelines *pipelines;
    struct gate *gate;
    struct fetcher *fetcher; // NULL: nothing is fetched
    struct shelf *shelf;     // NULL: no store is served
    struct room *store_room; // the model that makes its vectors
    struct held held;
    _Atomic int64_t exchanges; // requests begun and not completed
    _Atomic int64_t asked;     // likewise, of them those of routes that are not its own
    _Atomic int64_t connections;
    atomic_bool draining; // no new requests
};

#endif
