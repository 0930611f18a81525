// fetch.c: libcurl behind fetch.h: one transfer at a time, into a file or a text.
#include "model/pull/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <pipilo/version.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"
#include "core/fail.h"
#include "core/late.h"

enum { CONNECT_SECONDS = 30, IDLE_SECONDS = 60, ATTEMPTS = 4, TEXT_CEILING = 32 << 20 };

#define WORD(number)    #number
#define WORD_OF(number) WORD(number)
#define USER_AGENT      "pipilo/" WORD_OF(PIPILO_VERSION_MAJOR) "." WORD_OF(PIPILO_VERSION_MINOR)

static struct {
    CURLcode (*global_init)(long);
    CURL *(*init)(void);
    CURLcode (*setopt)(CURL *, CURLoption, ...);
    CURLcode (*perform)(CURL *);
    CURLcode (*getinfo)(CURL *, CURLINFO, ...);
    void (*cleanup)(CURL *);
    const char *(*strerror)(CURLcode);
    struct curl_slist *(*append)(struct curl_slist *, const char *);
    void (*free_all)(struct curl_slist *);
} lib;

#define SYMBOL(slot, name)               \
    {                                    \
        name, (void **)(void *)&lib.slot \
    }

static const struct plo_dynlib_symbol symbols[] = {
    SYMBOL(global_init, "curl_global_init"), SYMBOL(init, "curl_easy_init"),
    SYMBOL(setopt, "curl_easy_setopt"),      SYMBOL(perform, "curl_easy_perform"),
    SYMBOL(getinfo, "curl_easy_getinfo"),    SYMBOL(cleanup, "curl_easy_cleanup"),
    SYMBOL(strerror, "curl_easy_strerror"),  SYMBOL(append, "curl_slist_append"),
    SYMBOL(free_all, "curl_slist_free_all"),
};

static int start_library(struct pipilo_error *err)
{
    CURLcode code = lib.global_init(CURL_GLOBAL_DEFAULT);
    if (code == CURLE_OK)
        return 0;
    return plo_fail(err, code == CURLE_OUT_OF_MEMORY ? PIPILO_ENOMEM : PIPILO_ENETWORK,
                    "libcurl does not start: %s", lib.strerror(code));
}

static const char *const library_names[] = PLO_LIBCURL;
static struct plo_late library = { .names = library_names,
                                   .symbols = symbols,
                                   .count = PLO_COUNT(symbols),
                                   .needed_for = "fetching models needs libcurl",
                                   .code = PIPILO_ENETWORK,
                                   .start = start_library,
                                   .lock = PLO_LOCK_INIT(NULL) };

// One transfer: what libcurl's callbacks see.
struct transfer {
    struct plo_fetch *fetch;
    CURL *handle;
    int fd; // where the bytes go, or -1 for `text`
    struct plo_str text;
    uint64_t offset;   // bytes that were there before
    bool started;      // the first bytes of the answer are here
    bool unverifiable; // it goes on from an offset, and no digest will tell whether that fits
    bool cancelled;
    int64_t told;    // when progress was last called
    int write_error; // negative errno
};

// The digest of Hugging Face's answer: a 64-digit X-Linked-ETag is the SHA-256 of the file.
static size_t on_header(char *data, size_t size, size_t count, void *cookie)
{
    struct transfer *t = cookie;
    static const char name[] = "x-linked-etag:";
    size_t length = size * count, at = sizeof name - 1;
    if (t->fetch->sha256[0] != '\0' || length < at || strncasecmp(data, name, at) != 0)
        return length;
    while (at < length && strchr(" \t\"", data[at]) != NULL)
        at++;
    size_t digits = 0;
    while (at + digits < length && digits < 65 &&
           strchr("0123456789abcdef", data[at + digits]) != NULL)
        digits++;
    if (digits == 64) {
        memcpy(t->fetch->sha256, data + at, 64);
        t->fetch->sha256[64] = '\0';
    }
    return length;
}

// The first bytes of an answer: does it go on where the file ends, or begin anew?
static bool start(struct transfer *t)
{
    long status = 0;
    t->started = true;
    lib.getinfo(t->handle, CURLINFO_RESPONSE_CODE, &status);
    if (t->offset == 0)
        return true;
    if (status != 206) {
        t->offset = 0;
        if (ftruncate(t->fd, 0) < 0 || lseek(t->fd, 0, SEEK_SET) < 0)
            t->write_error = -errno;
        return t->write_error == 0;
    }
    t->unverifiable = t->fetch->sha256[0] == '\0';
    return !t->unverifiable;
}

static size_t on_data(char *data, size_t size, size_t count, void *cookie)
{
    struct transfer *t = cookie;
    size_t length = size * count;
    if (!t->started && !start(t))
        return 0;
    if (t->fd >= 0) {
        t->write_error = plo_file_write_all(t->fd, data, length);
        return t->write_error == 0 ? length : 0;
    }
    plo_str_add_bytes(&t->text, data, length);
    return t->text.failed ? 0 : length;
}

static int on_progress(void *cookie, curl_off_t total, curl_off_t done, curl_off_t up_total,
                       curl_off_t up_done)
{
    struct transfer *t = cookie;
    (void)up_total;
    (void)up_done;
    int64_t now = plo_clock_ns();
    if (t->fetch->progress == NULL || (now - t->told < 100000000 && done < total))
        return 0;
    t->told = now;
    uint64_t before = t->started ? t->offset : 0;
    t->cancelled = t->fetch->progress(t->fetch->cookie, t->fetch->file, before + (uint64_t)done,
                                      total > 0 ? before + (uint64_t)total : 0) != 0;
    return t->cancelled;
}

// "https://user:secret@host/path" -> "host": messages show no more of an address.
static void host_of(const char *url, char *out, size_t out_size)
{
    const char *host = strstr(url, "://");
    host = host != NULL ? host + 3 : url;
    size_t length = strcspn(host, "/?#");
    const char *at = memchr(host, '@', length);
    if (at != NULL) {
        length -= (size_t)(at + 1 - host);
        host = at + 1;
    }
    snprintf(out, out_size, "%.*s", (int)length, host);
}

static int fail_transfer(const struct transfer *t, CURLcode result, long status,
                         struct pipilo_error *err)
{
    char host[200];
    host_of(t->fetch->url, host, sizeof host);
    const char *file = t->fetch->file;
    if (t->cancelled)
        return plo_fail(err, PIPILO_ECANCELED, "%s: stopped", file);
    if (t->write_error != 0)
        return plo_fail_errno(err, t->write_error, "writing %s", file);
    if (t->text.failed)
        return plo_fail(err, PIPILO_ELIMIT, "%s: the answer of %s is longer than %d MB", file, host,
                        TEXT_CEILING >> 20);
    if (result == CURLE_HTTP_RETURNED_ERROR && status == 404)
        return plo_fail(err, PIPILO_ENOTFOUND, "%s: %s has no such thing (status 404)", file, host);
    if (result == CURLE_HTTP_RETURNED_ERROR && (status == 401 || status == 403))
        return plo_fail(err, PIPILO_ENETWORK,
                        "%s: %s refused it (status %ld): it may not exist, or be private or gated; "
                        "then a token is needed (HF_TOKEN)",
                        file, host, status);
    if (result == CURLE_HTTP_RETURNED_ERROR)
        return plo_fail(err, PIPILO_ENETWORK, "%s: %s answered with status %ld", file, host,
                        status);
    return plo_fail(err, result == CURLE_OPERATION_TIMEDOUT ? PIPILO_ETIMEOUT : PIPILO_ENETWORK,
                    "%s: %s: %s", file, host, lib.strerror(result));
}

static bool worth_another_try(CURLcode result, long status)
{
    switch (result) {
    case CURLE_HTTP_RETURNED_ERROR:
        return status == 429 || status >= 500;
    case CURLE_COULDNT_CONNECT:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return true;
    default:
        return false;
    }
}

static struct curl_slist *headers_of(const struct plo_fetch *fetch, bool *failed)
{
    struct curl_slist *list = NULL;
    char *texts[] = {
        fetch->accept != NULL ? plo_format("Accept: %s", fetch->accept) : NULL,
        // libcurl gives this one to the first host only, not to those it is redirected to.
        fetch->token != NULL ? plo_format("Authorization: Bearer %s", fetch->token) : NULL,
    };
    *failed =
        (fetch->accept != NULL && texts[0] == NULL) || (fetch->token != NULL && texts[1] == NULL);
    for (size_t i = 0; i < PLO_COUNT(texts); i++) {
        struct curl_slist *more = texts[i] != NULL ? lib.append(list, texts[i]) : list;
        *failed = *failed || (texts[i] != NULL && more == NULL);
        list = more != NULL ? more : list;
        plo_free(texts[i]);
    }
    return list;
}

static void configure(struct transfer *t, struct curl_slist *headers, const char *range)
{
    CURL *c = t->handle;
    bool secure = strncmp(t->fetch->url, "https://", 8) == 0;
    lib.setopt(c, CURLOPT_URL, t->fetch->url);
    lib.setopt(c, CURLOPT_USERAGENT, USER_AGENT);
    lib.setopt(c, CURLOPT_HTTPHEADER, headers);
    lib.setopt(c, CURLOPT_NOSIGNAL, 1L);
    lib.setopt(c, CURLOPT_FAILONERROR, 1L);
    lib.setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
    lib.setopt(c, CURLOPT_MAXREDIRS, 10L);
    lib.setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    lib.setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
    lib.setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    lib.setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
    lib.setopt(c, CURLOPT_LOW_SPEED_TIME, (long)IDLE_SECONDS);
    lib.setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    lib.setopt(c, CURLOPT_HEADERDATA, t);
    lib.setopt(c, CURLOPT_WRITEFUNCTION, on_data);
    lib.setopt(c, CURLOPT_WRITEDATA, t);
    lib.setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    lib.setopt(c, CURLOPT_XFERINFODATA, t);
    lib.setopt(c, CURLOPT_NOPROGRESS, 0L);
    if (*range != '\0')
        lib.setopt(c, CURLOPT_RANGE, range);
}

// One attempt. *again says whether another one may help.
static int attempt(struct transfer *t, bool *again, struct pipilo_error *err)
{
    bool failed = false;
    char range[32] = "";
    *again = false;
    t->started = t->unverifiable = false;
    struct curl_slist *headers = headers_of(t->fetch, &failed);
    t->handle = lib.init();
    if (t->handle == NULL || failed) {
        lib.free_all(headers);
        return plo_fail_nomem(err, 0);
    }
    if (t->offset > 0)
        snprintf(range, sizeof range, "%llu-", (unsigned long long)t->offset);
    configure(t, headers, range);
    CURLcode result = lib.perform(t->handle);
    long status = 0;
    lib.getinfo(t->handle, CURLINFO_RESPONSE_CODE, &status);
    lib.cleanup(t->handle);
    lib.free_all(headers);
    // Nothing lies behind the bytes there: they may be all of it, which the digest tells.
    bool at_end = result == CURLE_HTTP_RETURNED_ERROR && status == 416 && t->offset > 0;
    if (result == CURLE_OK || (at_end && t->fetch->sha256[0] != '\0'))
        return 0;
    t->unverifiable = t->unverifiable || at_end;
    *again = t->unverifiable || worth_another_try(result, status);
    return fail_transfer(t, result, status, err);
}

static void wait_before(int number)
{
    struct timespec pause = { number / 2, number % 2 * 500000000L };
    (void)nanosleep(&pause, NULL);
}

static int transfer_file(struct transfer *t, struct pipilo_error *err)
{
    int code = 0, idle = 0; // attempts that brought nothing
    for (bool again = true; again && idle < ATTEMPTS;) {
        struct stat status;
        // What no digest can vouch for is fetched from the start.
        if (t->unverifiable && ftruncate(t->fd, 0) < 0)
            return plo_fail_errno(err, -errno, "%s", t->fetch->file);
        if (fstat(t->fd, &status) < 0 || lseek(t->fd, 0, SEEK_END) < 0)
            return plo_fail_errno(err, -errno, "%s", t->fetch->file);
        idle = (uint64_t)status.st_size > t->offset ? 0 : idle + 1;
        if (idle > 1)
            wait_before(idle - 1);
        t->offset = (uint64_t)status.st_size;
        code = attempt(t, &again, err);
    }
    return code;
}

static int check_digest(const struct plo_fetch *fetch, const char *part, struct pipilo_error *err)
{
    char hex[PLO_SHA256_HEX];
    if (fetch->sha256[0] == '\0')
        return 0;
    int result = plo_sha256_file(part, hex);
    if (result < 0)
        return plo_fail_errno(err, result, "%s", part);
    if (strcmp(hex, fetch->sha256) == 0)
        return 0;
    (void)unlink(part);
    return plo_fail(err, PIPILO_ECORRUPT, "%s came damaged: its sha256 is %s, it should be %s",
                    fetch->file, hex, fetch->sha256);
}

int plo_fetch_file(struct plo_fetch *fetch, const char *path, struct pipilo_error *err)
{
    PLO_TRY(plo_late_open(&library, err));
    char *part = plo_format("%s.part", path);
    if (part == NULL)
        return plo_fail_nomem(err, 0);
    int code = 0;
    struct transfer t = { .fetch = fetch };
    t.fd = open(part, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (t.fd < 0) {
        code = plo_fail_errno(err, -errno, "%s", part);
        goto out;
    }
    code = transfer_file(&t, err);
    if (code == 0 && fsync(t.fd) < 0)
        code = plo_fail_errno(err, -errno, "%s", part);
    close(t.fd);
    if (code == 0)
        code = check_digest(fetch, part, err);
    if (code == 0 && rename(part, path) < 0)
        code = plo_fail_errno(err, -errno, "%s", path);
out:
    plo_free(part);
    return code;
}

int plo_fetch_text(struct plo_fetch *fetch, char **out, struct pipilo_error *err)
{
    PLO_TRY(plo_late_open(&library, err));
    int code = 0;
    bool again = true;
    struct transfer t = { .fetch = fetch, .fd = -1, .text = { .ceiling = TEXT_CEILING } };
    for (int number = 0; again && number < ATTEMPTS; number++) {
        if (number > 0)
            wait_before(number);
        plo_str_reset(&t.text);
        code = attempt(&t, &again, err);
    }
    if (code < 0) {
        plo_str_reset(&t.text);
        return code;
    }
    *out = plo_str_take(&t.text);
    return *out != NULL ? 0 : plo_fail_nomem(err, 0);
}
