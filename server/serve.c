// serve.c: the server's life: models and listening, signals, and an end in good order (see
// server.h).
#include "serve.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <pipilo/pipilo.h>

#include "access_log.h"
#include "clock.h"
#include "fetch.h"
#include "gate.h"
#include "http.h"

// Beyond the time-out of a request, for its answer to be read.
#define GRACE (5 * SECOND)
#define LOOK  (250 * MILLISECOND)

static void say(const struct server *server, const char *format, ...) SERVER_PRINTF(2, 3);

static void say(const struct server *server, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    server->options->say(line);
}

static int say_failure(const struct server *server, const struct pipilo_error *err)
{
    say(server, "%s", err->message[0] != '\0' ? err->message : pipilo_error_text(err->code));
    return pipilo_error_exit_status(err->code);
}

// Every connection takes a descriptor.
static void allow_descriptors(int64_t connections)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)connections + 256;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur =
        limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= wanted ? wanted : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

// What is not there and no first row makes would answer 404 for ever.
static int fail_missing(const char *path, struct pipilo_error *err)
{
    char why[160];
    snprintf(why, sizeof why, "%.159s", err->message);
    snprintf(err->message, sizeof err->message,
             "%s; --store %.100s is served with the .jsonl and .meta.json beside it: put them "
             "back, or make it again with pipilo embed (only a .db is made by the server)",
             why, path);
    return err->code;
}

// A store that is not there yet is made by the first row, or by another program: in a folder.
static int check_folder(const char *path, struct pipilo_error *err)
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%.*s.", slash != NULL ? (int)(slash - path) + 1 : 0, path);
    if (access(folder, X_OK) == 0)
        return 0;
    *err = (struct pipilo_error){ .code = PIPILO_ENOTFOUND };
    snprintf(err->message, sizeof err->message,
             "--store %.200s: no store can be made in its folder: %s", path, strerror(errno));
    return err->code;
}

// The model a store's vectors come from must be one of those that are served.
static int open_store(struct server *server, struct pipilo_error *err)
{
    const char *path = server->options->store;
    pipilo_store *store = NULL;
    server->store_room = embedder_find(server->embedder, NULL);
    int result = pipilo_store_open(&store, path, err);
    if (result == PIPILO_ENOTFOUND && !shelf_path_grows(path))
        return fail_missing(path, err);
    if (result == PIPILO_ENOTFOUND && check_folder(path, err) < 0)
        return err->code;
    if (result < 0 && result != PIPILO_ENOTFOUND)
        return result;
    if (store != NULL) {
        const struct pipilo_store_info *info = pipilo_store_info(store);
        server->store_room = embedder_of_fingerprint(server->embedder, info->fingerprint);
        if (server->store_room == NULL) {
            *err = (struct pipilo_error){ .code = PIPILO_EMISMATCH };
            snprintf(err->message, sizeof err->message,
                     "%.200s: its vectors are of the model %.100s, fingerprint %s, and no model "
                     "that is served makes such; that of the first one is %s",
                     path, info->model, info->fingerprint,
                     room_info(embedder_room(server->embedder, 0))->fingerprint);
        }
        pipilo_store_close(&store);
    }
    if (server->store_room == NULL)
        return err->code;
    return shelf_create(&server->shelf, path, server->store_room, err);
}

static int open_all(struct server *server, struct pipilo_error *err)
{
    const struct server_options *options = server->options;
    struct embedder_options embedding = {
        .precision = options->precision,
        .exif = options->exif,
        .device = options->device,
        .fast = options->fast,
        .normalize = options->normalize,
        .threads = options->threads,
        .batch = options->batch,
        .most_waiting = options->waiting,
        .batch_wait = options->batch_wait_ms * MILLISECOND,
    };
    server->runner = runner_create();
    if (server->runner == NULL) {
        *err = (struct pipilo_error){ PIPILO_ENOMEM, "", "no memory, or no thread" };
        return err->code;
    }
    server->embedder = embedder_create(server->runner, &embedding, err);
    int result = server->embedder != NULL ? 0 : err->code;
    for (size_t i = 0; result == 0 && i < options->model_count; i++)
        result = embedder_add(server->embedder, options->models[i], err);
    server->pipelines = pipelines_create(server->runner, server->embedder, &server->held);
    if (result == 0 && server->pipelines == NULL) {
        *err = (struct pipilo_error){ PIPILO_ENOMEM, "", "no memory" };
        result = err->code;
    }
    for (size_t i = 0; result == 0 && i < options->pipeline_count; i++)
        result = pipelines_add(server->pipelines, options->pipelines[i], err);
    if (result == 0 && options->store != NULL)
        result = open_store(server, err);
    if (result == 0)
        result = access_log_open(options->access_log, err);
    if (result == 0 && options->fetch_host_count > 0)
        result = fetch_create(&server->fetcher, options->fetch_hosts, options->fetch_host_count,
                              options->body_bytes, err);
    if (result == 0)
        result = gate_create(&server->gate, options->keys, options->origins, options->origin_count,
                             http_is_loopback(options->listen), err);
    if (result == 0)
        result = http_start(server, err);
    if (result == 0)
        embedder_begin(server->embedder);
    return result;
}

// A signal, or 0 after a moment without one.
static int wait_signal(const sigset_t *signals)
{
    struct timespec moment = { 0, LOOK };
    int signal = sigtimedwait(signals, NULL, &moment);
    return signal > 0 ? signal : 0;
}

static void reload_models(struct server *server)
{
    struct pipilo_error err = { 0 };
    struct room *room;
    bool any = false;
    for (size_t i = 0; (room = embedder_room(server->embedder, i)) != NULL; i++) {
        bool changed = false;
        if (room_reload(room, &changed, &err) < 0)
            say(server, "%s stays as it was: %s", room_info(room)->name, err.message);
        else if (changed)
            say(server, "%s: %zu values a picture, anew", room_info(room)->name,
                room_info(room)->dim);
        any = any || changed;
    }
    if (any && pipelines_reload(server->pipelines, &err) < 0)
        say(server, "a pipeline stays as it was: %s", err.message);
}

// Keys, certificate and models, as they are now, and the log at its path; what cannot be read stays
// as it was.
static void reload(struct server *server)
{
    struct pipilo_error err = { 0 };
    if (access_log_open(server->options->access_log, &err) < 0)
        say(server, "the log stays where it was: %s", err.message);
    if (gate_reload(server->gate, &err) < 0)
        say(server, "the keys stay as they were: %s", err.message);
    if (http_reload(server->http, &err) < 0)
        say(server, "the certificate stays as it was: %s", err.message);
    reload_models(server);
    say(server, "keys, certificate and models are read anew");
}

static void serve(struct server *server, const sigset_t *signals)
{
    for (;;) {
        int signal = wait_signal(signals);
        http_watch(server->http);
        if (signal == SIGHUP)
            reload(server);
        if (signal == SIGTERM || signal == SIGINT) {
            say(server, "stopping: requests that were accepted are answered first");
            return;
        }
    }
}

// Whether everything that was accepted is answered. A second signal ends the waiting.
static bool drain(struct server *server, const sigset_t *signals)
{
    int64_t until = clock_now() + server->options->timeout_s * SECOND + GRACE;
    atomic_store(&server->draining, true);
    http_quiesce(server->http);
    http_watch(server->http);
    while (atomic_load(&server->exchanges) > 0) {
        int signal = wait_signal(signals);
        http_watch(server->http);
        if (signal == SIGTERM || signal == SIGINT || clock_now() > until) {
            say(server, "%lld requests are not answered",
                (long long)atomic_load(&server->exchanges));
            return false;
        }
    }
    return true;
}

static void close_all(struct server *server)
{
    http_stop(server->http);
    fetch_destroy(server->fetcher);
    shelf_destroy(server->shelf);
    runner_destroy(server->runner);
    pipelines_destroy(server->pipelines);
    embedder_destroy(server->embedder);
    gate_destroy(server->gate);
    access_log_close();
}

int server_run(const struct server_options *options)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct server server = { .options = options,
                             .held.most = (int64_t)options->queue_bytes,
                             .began = (double)now.tv_sec + (double)now.tv_nsec / (double)SECOND };
    struct pipilo_error err = { 0 };
    sigset_t signals;
    // Blocked before the first thread, which inherits it: they are this one's to wait for.
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    allow_descriptors(options->connections);
    int result = open_all(&server, &err);
    if (result < 0) {
        close_all(&server);
        return say_failure(&server, &err);
    }
    for (size_t i = 0; i < options->model_count; i++) {
        const struct room *room = embedder_room(server.embedder, i);
        say(&server, "%s: %zu values a picture", room_info(room)->name, room_info(room)->dim);
    }
    if (options->keys == NULL && !http_is_loopback(options->listen))
        say(&server, "no keys are asked for (--keys): whoever reaches %s may ask", options->listen);
    say(&server, "serving at %s", http_address(server.http));
    serve(&server, &signals);
    // What is stuck cannot be taken apart; the end of the process does it.
    if (!drain(&server, &signals) || !embedder_stop(server.embedder, GRACE) ||
        !pipelines_stop(server.pipelines, GRACE))
        _exit(pipilo_error_exit_status(PIPILO_ETIMEOUT));
    close_all(&server);
    return 0;
}
