// fetch.c: pictures by their URL, by libcurl (see fetch.h).
#include "fetch.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "text.h"

enum { THREADS = 4, MOST_JOBS = 256, MOST_REDIRECTS = 3 };
#define MOST_TIME (15 * SECOND)

struct fetcher {
    const char *const *hosts;
    size_t host_count;
    uint64_t most;
    pthread_t threads[THREADS];
    int thread_count;
    pthread_mutex_t lock; // guards what follows
    pthread_cond_t woken;
    struct fetch_job *first, **end;
    size_t count;
    bool stopping;
};

// One transfer.
struct transfer {
    const struct fetcher *fetcher;
    const struct fetch_job *job;
    struct text body;
    bool too_large, refused;
};

static int fail(struct pipilo_error *err, int code, const char *format, ...) SERVER_PRINTF(3, 4);

static int fail(struct pipilo_error *err, int code, const char *format, ...)
{
    va_list args;
    *err = (struct pipilo_error){ .code = code };
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return code;
}

// --- which hosts ---------------------------------------------------------------------------------

// Whether an entry of the list stands for the host at this port.
static bool fits(const char *entry, const char *host, const char *port)
{
    const char *colon = strrchr(entry, ':');
    // Those of "[::1]" are none before a port.
    if (colon != NULL && entry[0] == '[' && colon[-1] != ']')
        colon = NULL;
    size_t length = colon != NULL ? (size_t)(colon - entry) : strlen(entry);
    bool usual = strcmp(port, "80") == 0 || strcmp(port, "443") == 0;
    if (colon != NULL ? strcmp(colon + 1, port) != 0 : !usual)
        return false;
    if (length > 2 && entry[0] == '*' && entry[1] == '.') {
        size_t all = strlen(host), tail = length - 1;
        return all > tail && strncasecmp(host + all - tail, entry + 1, tail) == 0;
    }
    return strlen(host) == length && strncasecmp(host, entry, length) == 0;
}

// The list's entry for a URL, by libcurl's own reading of it; NULL: none.
static const char *entry_for(const struct fetcher *fetcher, const char *url)
{
    CURLU *parts = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL, *user = NULL;
    const char *found = NULL;
    bool read = parts != NULL && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
                curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                curl_url_get(parts, CURLUPART_USER, &user, 0) == CURLUE_NO_USER;
    bool web = read && (strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0);
    for (size_t i = 0; web && found == NULL && i < fetcher->host_count; i++)
        if (fits(fetcher->hosts[i], host, port))
            found = fetcher->hosts[i];
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(user);
    curl_url_cleanup(parts);
    return found;
}

bool fetch_allowed(const struct fetcher *fetcher, const char *url)
{
    return fetcher != NULL && entry_for(fetcher, url) != NULL;
}

// --- which addresses -----------------------------------------------------------------------------

static bool open_to_all_v4(uint32_t address)
{
    static const struct {
        uint32_t net;
        int bits;
    } closed[] = {
        { 0x00000000, 8 },  { 0x0a000000, 8 },  { 0x64400000, 10 }, { 0x7f000000, 8 },
        { 0xa9fe0000, 16 }, { 0xac100000, 12 }, { 0xc0000000, 24 }, { 0xc0000200, 24 },
        { 0xc0a80000, 16 }, { 0xc6120000, 15 }, { 0xc6336400, 24 }, { 0xcb007100, 24 },
        { 0xe0000000, 4 },  { 0xf0000000, 4 },
    };
    for (size_t i = 0; i < sizeof closed / sizeof closed[0]; i++)
        if ((address ^ closed[i].net) >> (32 - closed[i].bits) == 0)
            return false;
    return true;
}

static uint32_t number(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

// Of the world's (2000::/3) all but what leads to others: Teredo, 6to4, and what is for documents.
static bool open_to_all_v6(const uint8_t *bytes)
{
    static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    static const uint8_t nat64[12] = { 0, 0x64, 0xff, 0x9b };
    if (memcmp(bytes, mapped, 12) == 0 || memcmp(bytes, nat64, 12) == 0)
        return open_to_all_v4(number(bytes + 12));
    uint32_t first = number(bytes);
    return bytes[0] >> 5 == 1 && first != 0x20010000 && first >> 16 != 0x2002 &&
           first != 0x20010db8;
}

static bool open_to_all(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return open_to_all_v4(
            ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr));
    return address->sa_family == AF_INET6 &&
           open_to_all_v6(((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr);
}

// Whether the list names the very address.
static bool named(const struct fetcher *fetcher, const struct sockaddr *address)
{
    char text[INET6_ADDRSTRLEN] = "", bracketed[INET6_ADDRSTRLEN + 2], port[8];
    bool six = address->sa_family == AF_INET6;
    const struct sockaddr_in6 *in6 = (const void *)address;
    const struct sockaddr_in *in4 = (const void *)address;
    inet_ntop(address->sa_family, six ? (const void *)&in6->sin6_addr : &in4->sin_addr, text,
              sizeof text);
    snprintf(bracketed, sizeof bracketed, six ? "[%s]" : "%s", text);
    snprintf(port, sizeof port, "%u", ntohs(six ? in6->sin6_port : in4->sin_port));
    for (size_t i = 0; i < fetcher->host_count; i++)
        if (fits(fetcher->hosts[i], bracketed, port))
            return true;
    return false;
}

// libcurl asks for a socket to the address it has found: the last moment to refuse one.
static curl_socket_t open_socket(void *cookie, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *transfer = cookie;
    (void)purpose;
    if (!open_to_all(&address->addr) && !named(transfer->fetcher, &address->addr)) {
        transfer->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// --- transfers -----------------------------------------------------------------------------------

static size_t take_body(char *data, size_t size, size_t count, void *cookie)
{
    struct transfer *transfer = cookie;
    size_t length = size * count;
    transfer->too_large = transfer->body.length + length > transfer->fetcher->most;
    if (transfer->too_large)
        return 0;
    text_add_bytes(&transfer->body, data, length);
    return transfer->body.failed ? 0 : length;
}

// Called about once a second, and when something comes.
static int go_on(void *cookie, curl_off_t total, curl_off_t now, curl_off_t up, curl_off_t upped)
{
    const struct transfer *transfer = cookie;
    (void)total, (void)now, (void)up, (void)upped;
    return atomic_load(transfer->job->gone);
}

static void set_up(CURL *curl, struct transfer *transfer)
{
    int64_t left = transfer->job->deadline - clock_now();
    if (left > MOST_TIME)
        left = MOST_TIME;
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); // it would connect in our place
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(left > 0 ? left / MILLISECOND + 1 : 1));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, go_on);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "pipilo");
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, NULL);
}

static int judge(CURLcode code, long status, const struct transfer *transfer,
                 struct pipilo_error *err)
{
    if (transfer->refused)
        return fail(err, PIPILO_EINVALID, "its host's address is none that may be asked");
    if (transfer->too_large)
        return fail(err, PIPILO_ELIMIT, "it is larger than %llu bytes",
                    (unsigned long long)transfer->fetcher->most);
    if (transfer->body.failed)
        return fail(err, PIPILO_ENOMEM, "no memory for it");
    if (code == CURLE_OPERATION_TIMEDOUT)
        return fail(err, PIPILO_ENETWORK, "its host took too long");
    if (code != CURLE_OK)
        return fail(err, PIPILO_ENETWORK, "it cannot be fetched: %s", curl_easy_strerror(code));
    if (status != 200)
        return fail(err, PIPILO_ENETWORK, "its host answered with %ld", status);
    return 0;
}

// One hop; `*next` is where it leads to, NULL at the end.
static int hop(struct transfer *transfer, CURL *curl, const char *url, char **next,
               struct pipilo_error *err)
{
    long status = 0;
    char *target = NULL;
    *next = NULL;
    transfer->body.length = 0;
    if (!fetch_allowed(transfer->fetcher, url))
        return fail(err, PIPILO_EINVALID, "its host is none that may be asked");
    curl_easy_setopt(curl, CURLOPT_URL, url);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &target);
    if (code != CURLE_OK || target == NULL)
        return judge(code, status, transfer, err);
    *next = strdup(target);
    return *next != NULL ? 0 : fail(err, PIPILO_ENOMEM, "no memory for it");
}

// What came, as a picture that the job holds.
static int keep(struct fetch_job *job, const struct text *body, pipilo_value **out,
                struct pipilo_error *err)
{
    if ((int64_t)(job->bytes + body->length) > job->held->most)
        return fail(err, PIPILO_ELIMIT, "the pictures of the request are too large together");
    if (!held_take(job->held, body->length))
        return fail(err, PIPILO_EBUSY, "too many pictures wait already; try again");
    job->bytes += body->length;
    return pipilo_value_create_image(out, body->data, body->length, err);
}

static int fetch(const struct fetcher *fetcher, struct fetch_job *job, const char *url,
                 pipilo_value **out, struct pipilo_error *err)
{
    struct transfer transfer = { .fetcher = fetcher, .job = job };
    CURL *curl = curl_easy_init();
    char *at = strdup(url), *next = NULL;
    int result = curl != NULL && at != NULL ? 0 : fail(err, PIPILO_ENOMEM, "no memory for it");
    if (result == 0)
        set_up(curl, &transfer);
    for (int hops = 0; result == 0; hops++) {
        result = hops <= MOST_REDIRECTS
                     ? hop(&transfer, curl, at, &next, err)
                     : fail(err, PIPILO_ENETWORK, "it leads on and on to other places");
        if (result < 0 || next == NULL)
            break;
        free(at);
        at = next;
    }
    if (result == 0)
        result = keep(job, &transfer.body, out, err);
    curl_easy_cleanup(curl);
    text_reset(&transfer.body);
    free(at);
    return result;
}

static void do_job(const struct fetcher *fetcher, struct fetch_job *job)
{
    for (size_t i = 0; i < job->count; i++) {
        struct pipilo_error err = { 0 };
        if (job->urls[i] == NULL)
            continue;
        bool late = clock_now() >= job->deadline || atomic_load(job->gone);
        int result = !late ? fetch(fetcher, job, job->urls[i], &job->results[i], &err)
                           : fail(&err, PIPILO_ETIMEOUT, "it took longer than a request may");
        if (result < 0)
            pipilo_value_create_error(&job->results[i], &err, NULL);
    }
    job->done(job);
}

// --- threads -------------------------------------------------------------------------------------

static void *work(void *cookie)
{
    struct fetcher *fetcher = cookie;
    pthread_mutex_lock(&fetcher->lock);
    for (;;) {
        while (fetcher->first == NULL && !fetcher->stopping)
            pthread_cond_wait(&fetcher->woken, &fetcher->lock);
        struct fetch_job *job = fetcher->first;
        if (job == NULL)
            break;
        fetcher->first = job->next;
        if (fetcher->first == NULL)
            fetcher->end = &fetcher->first;
        fetcher->count--;
        pthread_mutex_unlock(&fetcher->lock);
        do_job(fetcher, job);
        pthread_mutex_lock(&fetcher->lock);
    }
    pthread_mutex_unlock(&fetcher->lock);
    return NULL;
}

bool fetch_submit(struct fetcher *fetcher, struct fetch_job *job)
{
    job->next = NULL;
    pthread_mutex_lock(&fetcher->lock);
    bool room = fetcher->count < MOST_JOBS;
    if (room) {
        *fetcher->end = job;
        fetcher->end = &job->next;
        fetcher->count++;
        pthread_cond_signal(&fetcher->woken);
    }
    pthread_mutex_unlock(&fetcher->lock);
    return room;
}

int fetch_create(struct fetcher **out, const char *const *hosts, size_t host_count, uint64_t most,
                 struct pipilo_error *err)
{
    struct fetcher *fetcher = calloc(1, sizeof *fetcher);
    if (fetcher == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
        free(fetcher);
        return fail(err, PIPILO_ENOMEM, "no memory");
    }
    fetcher->hosts = hosts;
    fetcher->host_count = host_count;
    fetcher->most = most;
    fetcher->end = &fetcher->first;
    pthread_mutex_init(&fetcher->lock, NULL);
    pthread_cond_init(&fetcher->woken, NULL);
    while (fetcher->thread_count < THREADS &&
           pthread_create(&fetcher->threads[fetcher->thread_count], NULL, work, fetcher) == 0)
        fetcher->thread_count++;
    if (fetcher->thread_count == 0) {
        fetch_destroy(fetcher);
        return fail(err, PIPILO_ENOMEM, "no thread");
    }
    *out = fetcher;
    return 0;
}

void fetch_destroy(struct fetcher *fetcher)
{
    if (fetcher == NULL)
        return;
    pthread_mutex_lock(&fetcher->lock);
    fetcher->stopping = true;
    pthread_cond_broadcast(&fetcher->woken);
    pthread_mutex_unlock(&fetcher->lock);
    for (int i = 0; i < fetcher->thread_count; i++)
        pthread_join(fetcher->threads[i], NULL);
    pthread_cond_destroy(&fetcher->woken);
    pthread_mutex_destroy(&fetcher->lock);
    free(fetcher);
    curl_global_cleanup();
}
