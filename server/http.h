// http.h: the only part that speaks HTTP (libmicrohttpd): connections, bodies, answers.
//
// Two threads wait for all connections. A request whose work goes on elsewhere is set aside and
// costs no thread. Bodies are held in memory: each up to a ceiling, all of them up to another, past
// which new ones are answered 429. Clients that are too slow are cut off by http_watch.
//
// Threads: one starts and stops it and calls http_watch.
#ifndef SERVER_HTTP_H
#define SERVER_HTTP_H

#include "exchange.h"

struct http;

// Whether an address ("HOST:PORT") is of this machine alone.
bool http_is_loopback(const char *address);

// Listens and serves; sets server->http before the first request. Errors: PIPILO_EINVALID (the
// address is none), PIPILO_EIO (it is taken), PIPILO_ENOMEM.
int http_start(struct server *server, struct pipilo_error *err);

// "http://127.0.0.1:8080"; borrowed.
const char *http_address(const struct http *http);

// Reads the certificate and its key anew, where there are such; on failure those before stay.
int http_reload(struct http *http, struct pipilo_error *err);

// To be called every now and then: cuts off who is too slow.
void http_watch(struct http *http);

// Takes no new connections from here on, and closes those between two requests.
void http_quiesce(struct http *http);

// Every exchange must have been resumed. NULL is allowed.
void http_stop(struct http *http);

#endif
