// server.h: `pipilo serve`: what the command line wants served. The program opens this library when
// it is asked to serve, for what speaks HTTP takes as long to load as all else together.
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipilo/error.h>

enum { SERVER_WORDS = 8 };

struct server_options {
    const char *models[SERVER_WORDS];
    size_t model_count;
    const char *pipelines[SERVER_WORDS]; // "NAME=TEXT"
    size_t pipeline_count;
    const char *store;                 // NULL: none
    const char *listen;                // "HOST:PORT"
    const char *keys;                  // a file; NULL: none are asked for
    const char *origins[SERVER_WORDS]; // of web pages that may ask
    size_t origin_count;
    const char *fetch_hosts[SERVER_WORDS]; // that pictures may be fetched from
    size_t fetch_host_count;
    const char *tls_certificate, *tls_key; // files; NULL: no TLS
    const char *access_log;                // a file, "-" for standard output; "off"
    const char *precision, *exif, *device;
    bool fast, normalize;
    int64_t threads, batch;
    int64_t batch_wait_ms; // a picture may wait for others
    int64_t timeout_s;     // of a request, from its last byte on
    int64_t connections;   // at once
    int64_t waiting;       // pictures
    uint64_t body_bytes;   // of one request
    uint64_t queue_bytes;  // of all requests together
    // A line for people, on any thread.
    void (*say)(const char *line);
};

// Serves until SIGTERM or SIGINT, then lets what was accepted end, and gives the exit status. The
// main thread's; other threads that exist must block those signals.
PIPILO_API int server_run(const struct server_options *options);

#endif
