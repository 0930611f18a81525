// serve.h: the running server, as its parts and routes see it. Fixed once it listens, but for the
// counters, which are atomic.
#ifndef SERVER_SERVE_H
#define SERVER_SERVE_H

#include <stdatomic.h>

#include "embedder.h"
#include "pipelines.h"
#include "runner.h"
#include "server.h"
#include "shelf.h"

struct server {
    const struct server_options *options;
    struct runner *runner;
    struct http *http;
    struct embedder *embedder;
    struct pipelines *pipelines;
    struct gate *gate;
    struct fetcher *fetcher;    // NULL: nothing is fetched
    struct shelf *shelf;        // NULL: no store is served
    struct room *store_room;    // the model that makes its vectors
    _Atomic int64_t exchanges;  // requests begun and not completed
    _Atomic int64_t body_bytes; // what their bodies hold
    _Atomic int64_t connections;
    atomic_bool draining; // no new requests
};

#endif
