// http.c: HTTP by libmicrohttpd (see http.h).
#include "http.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "access_log.h"
#include "clock.h"
#include "gate.h"
#include "links.h"
#include "metrics.h"
#include "routes.h"
#include "serve.h"
#include "tls.h"

enum {
    THREADS = 2,
    BACKLOG = 1024,
    HEAD_BYTES = 32 << 10, // of a request's head, and of the buffers of a connection
    IDLE_SECONDS = 60,     // without a byte, whatever it is doing
    DISCARD = 64 << 20,    // of a refused body, so that the answer is read behind it
    STEP = 64 << 10,       // the queue is charged in such steps
};

struct http {
    struct server *server;
    struct MHD_Daemon *daemon;
    struct links *links;
    int listener;
    bool quiesced; // MHD has let go of the listener
    bool tls;
    char address[96];
};

// --- what routes ask -------------------------------------------------------------------------

const char *exchange_header(const struct exchange *exchange, const char *name)
{
    return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

const char *exchange_query(const struct exchange *exchange, const char *name)
{
    return MHD_lookup_connection_value(exchange->connection, MHD_GET_ARGUMENT_KIND, name);
}

void exchange_resume(struct exchange *exchange)
{
    MHD_resume_connection(exchange->connection);
}

static struct link *link_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}

// --- an exchange's life ----------------------------------------------------------------------

static void drop_body(struct exchange *exchange)
{
    free(exchange->body);
    exchange->body = NULL;
}

// All but the answer: nothing else is needed any more.
static void let_go(struct exchange *exchange)
{
    if (exchange->forget != NULL)
        exchange->forget(exchange);
    exchange->forget = NULL;
    exchange->work = NULL;
    drop_body(exchange);
    held_give(&exchange->server->held, exchange->reserved);
    exchange->reserved = 0;
}

static void exchange_free(struct exchange *exchange)
{
    if (exchange == NULL)
        return;
    let_go(exchange);
    atomic_fetch_sub(&exchange->server->exchanges, 1);
    atomic_fetch_sub(&exchange->server->asked, exchange->counted);
    text_reset(&exchange->answer);
    free(exchange->method);
    free(exchange->path);
    free(exchange);
}

static struct exchange *exchange_create(struct http *http, struct MHD_Connection *connection,
                                        const char *path, const char *method)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (exchange == NULL)
        return NULL;
    exchange->server = http->server;
    exchange->connection = connection;
    exchange->began = clock_now();
    atomic_fetch_add(&http->server->exchanges, 1);
    exchange->path = strdup(path);
    exchange->method = strdup(method);
    exchange->body = calloc(1, 1);
    if (exchange->path == NULL || exchange->method == NULL || exchange->body == NULL) {
        exchange_free(exchange);
        return NULL;
    }
    trace_begin(exchange);
    return exchange;
}

static enum MHD_Result count_length(void *cookie, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    int *count = cookie;
    (void)kind, (void)value;
    *count += strcasecmp(name, "Content-Length") == 0 || strcasecmp(name, "Transfer-Encoding") == 0;
    return MHD_YES;
}

// What the head alone decides.
static void judge_head(struct exchange *exchange)
{
    const struct server *server = exchange->server;
    const char *length = exchange_header(exchange, "Content-Length");
    exchange->route = route_of(exchange);
    exchange->counted = exchange->route == NULL || !exchange->route->own;
    atomic_fetch_add(&exchange->server->asked, exchange->counted);
    // Who may not ask does not learn what there is.
    if (gate_pass(server->gate, exchange) && exchange->route == NULL)
        route_missing(exchange);
    if (exchange->status == 0 && atomic_load(&server->draining))
        answer_error(exchange, 503, "busy", NULL, "the server is shutting down");
    if (exchange->status == 0 && length != NULL &&
        strtoull(length, NULL, 10) > server->options->body_bytes)
        answer_error(exchange, 413, "limit_exceeded", NULL, "a body has at most %llu bytes here",
                     (unsigned long long)server->options->body_bytes);
    // Where the body ends must not be a matter of opinion between this server and one before it.
    int lengths = 0;
    MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, count_length, &lengths);
    if (lengths > 1) {
        answer_error(exchange, 400, "invalid_argument", NULL,
                     "the request says more than once how long its body is");
        answer_header(exchange, MHD_HTTP_HEADER_CONNECTION, "close");
    }
    exchange->refused = exchange->status != 0;
}

// Room for `more` bytes of body; false after the answer why not.
static bool make_room(struct exchange *exchange, size_t more)
{
    struct server *server = exchange->server;
    size_t wanted = exchange->size + more;
    if (wanted > server->options->body_bytes) {
        answer_error(exchange, 413, "limit_exceeded", NULL, "a body has at most %llu bytes here",
                     (unsigned long long)server->options->body_bytes);
        return false;
    }
    if (wanted <= exchange->reserved)
        return true;
    size_t room = (wanted + wanted / 2 + STEP) / STEP * STEP;
    if (!held_take(&server->held, room - exchange->reserved)) {
        answer_error(exchange, 429, "busy", NULL, "too many requests wait already; try again");
        return false;
    }
    exchange->reserved = room;
    char *body = realloc(exchange->body, room + 1);
    if (body != NULL)
        exchange->body = body;
    else
        answer_error(exchange, 503, "out_of_memory", NULL, "no memory for the request");
    return body != NULL;
}

static enum MHD_Result take_body(struct exchange *exchange, const char *data, size_t size)
{
    if (!exchange->refused && make_room(exchange, size)) {
        memcpy(exchange->body + exchange->size, data, size);
        exchange->size += size;
        exchange->body[exchange->size] = '\0';
        return MHD_YES;
    }
    // A refused request keeps nothing.
    if (!exchange->refused) {
        let_go(exchange);
        exchange->refused = true;
        exchange->discarded = exchange->size;
        exchange->size = 0;
    }
    exchange->discarded += size;
    // Who sends on and on is cut off.
    return exchange->discarded <= DISCARD ? MHD_YES : MHD_NO;
}

// --- answering -------------------------------------------------------------------------------

static void add_headers(struct exchange *exchange, struct MHD_Response *response)
{
    if (exchange->type != NULL)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, exchange->type);
    for (size_t i = 0; i < exchange->header_count; i++)
        MHD_add_response_header(response, exchange->headers[i].name, exchange->headers[i].value);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "X-Request-Id", exchange->trace);
    MHD_add_response_header(response, "traceparent", exchange->traceparent);
    if (atomic_load(&exchange->server->draining))
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
}

// Large answers that nobody reads must not fill the memory. Small ones are bounded by the number of
// connections.
static void charge_answer(struct exchange *exchange)
{
    let_go(exchange);
    size_t size = exchange->answer.length;
    if (exchange->answer.full)
        answer_error(exchange, 400, "limit_exceeded", NULL, "the answer is too large");
    else if (exchange->answer.failed)
        answer_error(exchange, 503, "out_of_memory", NULL, "no memory for the answer");
    else if (size > STEP && held_take(&exchange->server->held, size))
        exchange->reserved = size;
    else if (size > STEP && !exchange->is_done)
        answer_error(exchange, 429, "busy", NULL, "too many answers wait to be read; try again");
}

static enum MHD_Result queue_answer(struct exchange *exchange)
{
    charge_answer(exchange);
    struct MHD_Response *response;
    if (exchange->still != NULL) {
        // It is not changed; the interface lacks a const.
        response = MHD_create_response_from_buffer(
            exchange->still_size, (void *)(uintptr_t)exchange->still, MHD_RESPMEM_PERSISTENT);
    } else {
        response = MHD_create_response_from_buffer(exchange->answer.length, exchange->answer.data,
                                                   MHD_RESPMEM_MUST_FREE);
        if (response != NULL)
            exchange->answer.data = NULL;
    }
    if (response == NULL)
        return MHD_NO;
    add_headers(exchange, response);
    struct link *link = link_of(exchange->connection);
    struct http *http = exchange->server->http;
    links_set(http->links, link, LINK_ANSWER);
    links_moved(http->links, link,
                exchange->still != NULL ? exchange->still_size : exchange->answer.length);
    enum MHD_Result result =
        MHD_queue_response(exchange->connection, (unsigned)exchange->status, response);
    MHD_destroy_response(response);
    return result;
}

// The whole request is here.
static enum MHD_Result begin(struct http *http, struct exchange *exchange)
{
    exchange->begun = true;
    exchange->deadline = clock_now() + http->server->options->timeout_s * SECOND;
    if (exchange->counted)
        metrics_stage(STAGE_RECEIVE, clock_now() - exchange->began);
    if (exchange->status == 0)
        exchange->route->handle(exchange);
    // Its pictures have bytes of their own by now, for which `reserved` goes on to stand.
    drop_body(exchange);
    if (exchange->start == NULL)
        return queue_answer(exchange);
    links_work(http->links, link_of(exchange->connection), &exchange->gone);
    exchange->suspended = true;
    MHD_suspend_connection(exchange->connection);
    exchange->start(exchange);
    return MHD_YES;
}

// --- libmicrohttpd's calls -------------------------------------------------------------------

static enum MHD_Result access_request(void *cookie, struct MHD_Connection *connection,
                                      const char *path, const char *method, const char *version,
                                      const char *data, size_t *size, void **context)
{
    struct http *http = cookie;
    struct exchange *exchange = *context;
    (void)version;
    if (exchange == NULL) {
        exchange = exchange_create(http, connection, path, method);
        *context = exchange;
        if (exchange == NULL)
            return MHD_NO;
        judge_head(exchange);
        links_set(http->links, link_of(connection), LINK_BODY);
        // Who asks first whether to send the body is told at once.
        bool asks = exchange_header(exchange, "Expect") != NULL;
        return exchange->refused && asks ? queue_answer(exchange) : MHD_YES;
    }
    if (*size > 0) {
        size_t length = *size;
        *size = 0;
        links_moved(http->links, link_of(connection), length);
        return take_body(exchange, data, length);
    }
    if (!exchange->begun)
        return begin(http, exchange);
    if (exchange->suspended) {
        exchange->suspended = false;
        if (atomic_load(&exchange->gone))
            answer_error(exchange, 499, "canceled", NULL, "the client did not wait");
        else
            exchange->finish(exchange);
    }
    return queue_answer(exchange);
}

static void completed(void *cookie, struct MHD_Connection *connection, void **context,
                      enum MHD_RequestTerminationCode how)
{
    struct http *http = cookie;
    struct exchange *exchange = *context;
    *context = NULL;
    if (exchange == NULL)
        return;
    int64_t took = clock_now() - exchange->began;
    // It ended in the middle of the request: by who is served, or for its slowness.
    if (exchange->status == 0)
        exchange->status = links_is_cut(http->links, link_of(connection)) ? 408 : 499;
    metrics_request(route_index(exchange->route), exchange->status);
    if (exchange->counted)
        metrics_answered(route_index(exchange->route), took);
    const union MHD_ConnectionInfo *client =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    access_log_write(exchange, client != NULL ? client->client_addr : NULL, took,
                     how == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    links_set(http->links, link_of(connection), LINK_IDLE);
    exchange_free(exchange);
}

static void connected(void *cookie, struct MHD_Connection *connection, void **context,
                      enum MHD_ConnectionNotificationCode what)
{
    struct http *http = cookie;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        *context = info != NULL ? links_add(http->links, info->connect_fd) : NULL;
        atomic_fetch_add(&http->server->connections, 1);
    } else {
        links_remove(http->links, *context);
        *context = NULL;
        atomic_fetch_sub(&http->server->connections, 1);
    }
}

// What libmicrohttpd says of broken clients helps nobody.
static void ignore(void *cookie, const char *format, va_list args)
{
    (void)cookie, (void)format, (void)args;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

// %XX in a path or query, in place. %00 stays as it is: it would end the text.
static size_t unescape(void *cookie, struct MHD_Connection *connection, char *text)
{
    char *to = text;
    (void)cookie, (void)connection;
    for (const char *at = text; *at != '\0'; to++) {
        int high = at[0] == '%' ? hex(at[1]) : -1, low = high >= 0 ? hex(at[2]) : -1;
        bool escaped = low >= 0 && high + low > 0;
        *to = escaped ? (char)(high << 4 | low) : at[0];
        at += escaped ? 3 : 1;
    }
    *to = '\0';
    return (size_t)(to - text);
}

// --- listening -------------------------------------------------------------------------------

static int fail(struct pipilo_error *err, int code, const char *what, const char *why)
{
    *err = (struct pipilo_error){ .code = code };
    snprintf(err->message, sizeof err->message, "%.200s: %.200s", what, why);
    return code;
}

// "HOST:PORT", "[HOST]:PORT" with an IPv6 address.
static int split_address(const char *text, char *host, size_t size, const char **port)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon[1] == '\0')
        return -1;
    const char *start = text, *end = colon;
    if (*start == '[' && end > start && end[-1] == ']') {
        start++;
        end--;
    }
    if (end <= start || (size_t)(end - start) >= size)
        return -1;
    memcpy(host, start, (size_t)(end - start));
    host[end - start] = '\0';
    *port = colon + 1;
    return 0;
}

bool http_is_loopback(const char *address)
{
    char host[256];
    const char *port;
    if (split_address(address, host, sizeof host, &port) < 0)
        return false;
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "::1") == 0;
}

static int bind_first(const struct addrinfo *found)
{
    int one = 1;
    for (; found != NULL; found = found->ai_next) {
        int fd = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
            continue;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
            return fd;
        int reason = errno;
        close(fd);
        errno = reason;
    }
    return -1;
}

static void name_address(struct http *http)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    char host[64], port[16];
    getsockname(http->listener, (struct sockaddr *)&address, &size);
    getnameinfo((struct sockaddr *)&address, size, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    bool six = strchr(host, ':') != NULL;
    snprintf(http->address, sizeof http->address, "%s://%s%s%s:%s", http->tls ? "https" : "http",
             six ? "[" : "", host, six ? "]" : "", port);
}

static int open_listener(struct http *http, struct pipilo_error *err)
{
    const char *text = http->server->options->listen, *port;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *found;
    char host[256];
    if (split_address(text, host, sizeof host, &port) < 0)
        return fail(err, PIPILO_EINVALID, text, "an address is HOST:PORT, such as 127.0.0.1:8080");
    // It would be taken modulo 65536.
    size_t digits = strspn(port, "0123456789");
    if (port[digits] == '\0' && (digits > 5 || strtoul(port, NULL, 10) > 65535))
        return fail(err, PIPILO_EINVALID, text, "a port is a number up to 65535");
    int code = getaddrinfo(host, port, &hints, &found);
    if (code != 0)
        return fail(err, PIPILO_EINVALID, text, gai_strerror(code));
    http->listener = bind_first(found);
    int reason = errno;
    freeaddrinfo(found);
    if (http->listener < 0)
        return fail(err, PIPILO_EIO, text, strerror(reason));
    name_address(http);
    return 0;
}

static int read_tls(struct http *http, struct pipilo_error *err)
{
    const struct server_options *options = http->server->options;
    if (options->tls_certificate == NULL && options->tls_key == NULL)
        return 0;
    if (options->tls_certificate == NULL || options->tls_key == NULL)
        return fail(err, PIPILO_EINVALID, "TLS", "a certificate and its key belong together");
    int result = tls_read(options->tls_certificate, options->tls_key, err);
    http->tls = http->tls || result == 0;
    return result;
}

int http_reload(struct http *http, struct pipilo_error *err)
{
    return read_tls(http, err);
}

static int start_daemon(struct http *http, struct pipilo_error *err)
{
    const struct server_options *options = http->server->options;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    char priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
    if (http->tls)
        flags |= MHD_USE_TLS;
    struct MHD_OptionItem items[] = {
        { MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)ignore, NULL },
        { MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)unescape, NULL },
        { MHD_OPTION_LISTEN_SOCKET, http->listener, NULL },
        { MHD_OPTION_THREAD_POOL_SIZE, THREADS, NULL },
        { MHD_OPTION_CONNECTION_LIMIT, options->connections, NULL },
        { MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, NULL },
        { MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEAD_BYTES, NULL },
        { MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)completed, http },
        { MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)connected, http },
        { http->tls ? MHD_OPTION_HTTPS_CERT_CALLBACK : MHD_OPTION_END, 0, tls_callback() },
        { MHD_OPTION_HTTPS_PRIORITIES, 0, priorities },
        { MHD_OPTION_END, 0, NULL },
    };
    http->daemon = MHD_start_daemon(flags, 0, NULL, NULL, access_request, http, MHD_OPTION_ARRAY,
                                    items, MHD_OPTION_END);
    if (http->daemon != NULL)
        return 0;
    return http->tls ? fail(err, PIPILO_EINVALID, options->tls_certificate,
                            "TLS cannot be served with this certificate and key")
                     : fail(err, PIPILO_EIO, options->listen, "serving did not start");
}

int http_start(struct server *server, struct pipilo_error *err)
{
    struct http *http = calloc(1, sizeof *http);
    if (http == NULL)
        return fail(err, PIPILO_ENOMEM, "http", "no memory");
    http->server = server;
    http->listener = -1;
    server->http = http;
    int result = read_tls(http, err);
    if (result == 0) {
        http->links = links_create(!http->tls);
        result = http->links != NULL ? open_listener(http, err)
                                     : fail(err, PIPILO_ENOMEM, "http", "no memory");
    }
    if (result == 0)
        result = start_daemon(http, err);
    if (result < 0) {
        http_stop(http);
        server->http = NULL;
    }
    return result;
}

const char *http_address(const struct http *http)
{
    return http->address;
}

void http_watch(struct http *http)
{
    links_cut(http->links, atomic_load(&http->server->draining));
}

void http_quiesce(struct http *http)
{
    // Connecting is refused from here on, and the next process may listen on the port. Not closed:
    // a thread of MHD's may be about to look at the socket, and the number could be another file's
    // by then.
    if (MHD_quiesce_daemon(http->daemon) != MHD_INVALID_SOCKET) {
        shutdown(http->listener, SHUT_RDWR);
        http->quiesced = true;
    }
}

void http_stop(struct http *http)
{
    if (http == NULL)
        return;
    // MHD closes the listener it was started with, unless it was made to let go of it.
    bool ours = http->daemon == NULL || http->quiesced;
    if (http->daemon != NULL)
        MHD_stop_daemon(http->daemon);
    if (ours && http->listener >= 0)
        close(http->listener);
    links_destroy(http->links);
    tls_forget();
    free(http);
}
