// gate.c: who may ask (see gate.h).
#include "gate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { KEY_LEAST = 16, KEY_MOST = 255, MOST_KEYS = 1000 };

struct key {
    size_t length;
    char text[KEY_MOST + 1]; // zeros behind it
};

struct gate {
    const char *keys_path; // NULL: no key is needed
    const char *const *origins;
    size_t origin_count;
    bool loopback; // listens on this machine alone

    pthread_rwlock_t lock; // guards what follows
    struct key *keys;
    size_t count;
};

// --- keys ----------------------------------------------------------------------------------------

static int fail(struct pipilo_error *err, int code, const char *path, const char *why)
{
    *err = (struct pipilo_error){ .code = code };
    snprintf(err->message, sizeof err->message, "%.200s: %.200s", path, why);
    return code;
}

// The key of a line, or a length of 0.
static size_t trim(char **line)
{
    *line += strspn(*line, " \t\r\n");
    size_t length = **line == '#' ? 0 : strcspn(*line, " \t\r\n");
    (*line)[length] = '\0';
    return length;
}

static int add_key(struct key *keys, size_t *count, const char *text, size_t length,
                   const char *path, struct pipilo_error *err)
{
    if (length < KEY_LEAST || length > KEY_MOST)
        return fail(err, PIPILO_EINVALID, path, "a key has 16 to 255 characters");
    if (*count == MOST_KEYS)
        return fail(err, PIPILO_EINVALID, path, "there are more than 1000 keys");
    keys[*count].length = length;
    memcpy(keys[*count].text, text, length);
    (*count)++;
    return 0;
}

static int read_keys(FILE *file, const char *path, struct key *keys, size_t *count,
                     struct pipilo_error *err)
{
    char *line = NULL;
    size_t size = 0;
    int result = 0;
    *count = 0;
    // Whole lines: the rest of a long comment must not be taken for a key.
    while (result == 0 && getline(&line, &size, file) >= 0) {
        char *key = line;
        size_t length = trim(&key);
        if (length > 0)
            result = add_key(keys, count, key, length, path, err);
    }
    free(line);
    if (result < 0)
        return result;
    if (ferror(file))
        return fail(err, PIPILO_EIO, path, "reading failed");
    // A file that was emptied by mistake must not let everybody in.
    return *count > 0 ? 0 : fail(err, PIPILO_EINVALID, path, "there is no key in it");
}

int gate_reload(struct gate *gate, struct pipilo_error *err)
{
    size_t count = 0;
    if (gate->keys_path == NULL)
        return 0;
    FILE *file = fopen(gate->keys_path, "re");
    if (file == NULL)
        return fail(err, errno == ENOENT ? PIPILO_ENOTFOUND : PIPILO_EIO, gate->keys_path,
                    strerror(errno));
    struct key *keys = calloc(MOST_KEYS, sizeof *keys);
    int result = keys != NULL ? read_keys(file, gate->keys_path, keys, &count, err)
                              : fail(err, PIPILO_ENOMEM, gate->keys_path, "no memory");
    fclose(file);
    if (result == 0) {
        pthread_rwlock_wrlock(&gate->lock);
        struct key *before = gate->keys;
        gate->keys = keys;
        gate->count = count;
        pthread_rwlock_unlock(&gate->lock);
        keys = before;
    }
    free(keys);
    return result;
}

// How long it takes tells nothing about how much of a key was right, nor which it was.
static bool known(struct gate *gate, const char *text)
{
    struct key given = { .length = strlen(text) };
    unsigned any = 0;
    if (given.length > KEY_MOST)
        return false;
    memcpy(given.text, text, given.length);
    pthread_rwlock_rdlock(&gate->lock);
    for (size_t i = 0; i < gate->count; i++) {
        const struct key *key = &gate->keys[i];
        unsigned differs = key->length != given.length;
        for (size_t k = 0; k < sizeof given.text; k++)
            differs |= (unsigned char)key->text[k] ^ (unsigned char)given.text[k];
        any |= differs == 0;
    }
    pthread_rwlock_unlock(&gate->lock);
    return any != 0;
}

static bool has_key(struct gate *gate, const struct exchange *exchange)
{
    const char *header = exchange_header(exchange, "Authorization");
    if (header == NULL || strncasecmp(header, "Bearer ", 7) != 0)
        return false;
    return known(gate, header + 7 + strspn(header + 7, " "));
}

// --- web pages -----------------------------------------------------------------------------------

static bool listed(const struct gate *gate, const char *origin)
{
    for (size_t i = 0; i < gate->origin_count; i++)
        if (strcmp(gate->origins[i], "*") == 0 || strcasecmp(gate->origins[i], origin) == 0)
            return true;
    return false;
}

// A name without a dot, one under .localhost, or an address: none that somebody elsewhere could
// have made to point here. "localhost", "127.0.0.1:8080", "[::1]:8080"
static bool names_this_machine(const char *host)
{
    static const char local[] = ".localhost";
    char name[64];
    struct in_addr address;
    size_t length = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    if (host[0] == '[')
        return host[length - 1] == ']' && (host[length] == '\0' || host[length] == ':');
    if (memchr(host, '.', length) == NULL)
        return true;
    if (length >= sizeof name)
        return false;
    memcpy(name, host, length);
    name[length] = '\0';
    return inet_pton(AF_INET, name, &address) == 1 ||
           (length > sizeof local && strcasecmp(name + length - (sizeof local - 1), local) == 0);
}

// Whether an origin that is listed is of this host.
static bool named(const struct gate *gate, const char *host)
{
    for (size_t i = 0; i < gate->origin_count; i++) {
        const char *name = strstr(gate->origins[i], "://");
        if (strcmp(gate->origins[i], "*") == 0 || (name != NULL && strcasecmp(name + 3, host) == 0))
            return true;
    }
    return false;
}

// A browser says where the page comes from that asks, but not with everything: what a page asks of
// its own site it asks without a word. So where a key does not tell friends, the name that is asked
// for must be one of this machine's.
static bool host_is_ours(const struct gate *gate, const struct exchange *exchange, bool browser)
{
    const char *host = exchange_header(exchange, "Host");
    if (!gate->loopback || host == NULL || (gate->keys_path != NULL && !browser))
        return true;
    return names_this_machine(host) || named(gate, host);
}

// A page of another site must be named by the server's options; one that had its own name point to
// this machine is another site too.
static bool page_may_ask(const struct gate *gate, const struct exchange *exchange)
{
    const char *origin = exchange_header(exchange, "Origin");
    const char *host = exchange_header(exchange, "Host");
    bool browser = origin != NULL || exchange_header(exchange, "Sec-Fetch-Site") != NULL;
    if (!host_is_ours(gate, exchange, browser))
        return false;
    if (origin == NULL || listed(gate, origin))
        return true;
    const char *name = strstr(origin, "://");
    return name != NULL && host != NULL && strcasecmp(name + 3, host) == 0;
}

// What a browser asks before a page's request proper.
static bool preflight(const struct gate *gate, struct exchange *exchange)
{
    const char *origin = exchange_header(exchange, "Origin");
    if (strcmp(exchange->method, "OPTIONS") != 0 || origin == NULL || !listed(gate, origin))
        return false;
    exchange->status = 204;
    answer_header(exchange, "Access-Control-Allow-Methods", "GET, POST");
    answer_header(exchange, "Access-Control-Allow-Headers",
                  "Authorization, Content-Type, traceparent");
    answer_header(exchange, "Access-Control-Max-Age", "600");
    return true;
}

bool gate_pass(struct gate *gate, struct exchange *exchange)
{
    const char *origin = exchange_header(exchange, "Origin");
    if (origin != NULL && listed(gate, origin)) {
        answer_header(exchange, "Access-Control-Allow-Origin", "%s", origin);
        answer_header(exchange, "Vary", "Origin");
        answer_header(
            exchange, "Access-Control-Expose-Headers",
            "X-Pipilo-Shape, X-Pipilo-Rows, X-Pipilo-Fingerprint, X-Request-Id, Retry-After");
    }
    if (preflight(gate, exchange))
        return false;
    if (!page_may_ask(gate, exchange)) {
        answer_error(exchange, 403, "origin_not_allowed", NULL,
                     "pages of another site may not ask here, nor by another name of this "
                     "machine; --cors names those that may");
        return false;
    }
    bool open = exchange->route != NULL && exchange->route->open;
    if (gate->keys_path == NULL || open || has_key(gate, exchange))
        return true;
    answer_error(exchange, 401, "invalid_api_key", NULL,
                 "a key is needed: Authorization: Bearer KEY");
    answer_header(exchange, "WWW-Authenticate", "Bearer");
    return false;
}

int gate_create(struct gate **out, const char *keys_path, const char *const *origins,
                size_t origin_count, bool loopback, struct pipilo_error *err)
{
    struct gate *gate = calloc(1, sizeof *gate);
    if (gate == NULL)
        return fail(err, PIPILO_ENOMEM, "keys", "no memory");
    gate->keys_path = keys_path;
    gate->origins = origins;
    gate->origin_count = origin_count;
    gate->loopback = loopback;
    pthread_rwlock_init(&gate->lock, NULL);
    int result = gate_reload(gate, err);
    if (result < 0)
        gate_destroy(gate);
    else
        *out = gate;
    return result;
}

void gate_destroy(struct gate *gate)
{
    if (gate == NULL)
        return;
    pthread_rwlock_destroy(&gate->lock);
    free(gate->keys);
    free(gate);
}
