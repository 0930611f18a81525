// access_log.c: one line a request (see access_log.h).
#include "access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; // lines are whole; guards the next
static int log_fd = -1;
static atomic_bool wanted;

int access_log_open(const char *path, struct pipilo_error *err)
{
    if (strcmp(path, "off") == 0)
        return 0;
    int fd = strcmp(path, "-") == 0
                 ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
                 : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
    if (fd < 0) {
        *err = (struct pipilo_error){ .code = PIPILO_EIO };
        snprintf(err->message, sizeof err->message, "%.200s: %.200s", path, strerror(errno));
        return err->code;
    }
    pthread_mutex_lock(&lock);
    int before = log_fd;
    log_fd = fd;
    pthread_mutex_unlock(&lock);
    wanted = true;
    if (before >= 0)
        close(before);
    return 0;
}

void access_log_close(void)
{
    if (log_fd >= 0)
        close(log_fd);
    log_fd = -1;
}

static void add_time(struct text *line)
{
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    text_addf(line, "{\"time\": \"%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ\"", parts.tm_year + 1900,
              parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
              now.tv_nsec / 1000000);
}

static void add_client(struct text *line, const struct sockaddr *client)
{
    char host[64];
    socklen_t size = client == NULL                  ? 0
                     : client->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                     : sizeof(struct sockaddr_in);
    if (size == 0 || getnameinfo(client, size, host, sizeof host, NULL, 0, NI_NUMERICHOST) != 0)
        return;
    text_add(line, ", \"client\": ");
    text_add_json(line, host);
}

// Of kilobytes a part is shown: a line of more than PIPE_BUF bytes would wait for a pipe's reader.
static void add_part(struct text *line, const char *name, const char *value)
{
    char part[200];
    snprintf(part, sizeof part, "%s", value);
    text_addf(line, ", \"%s\": ", name);
    text_add_json(line, part);
}

// Waits for nobody: a pipe that is full drops the line.
static void put(const struct text *line)
{
    pthread_mutex_lock(&lock);
    struct pollfd room = { .fd = log_fd, .events = POLLOUT };
    if (poll(&room, 1, 0) == 1 && (room.revents & POLLOUT))
        (void)!write(log_fd, line->data, line->length);
    pthread_mutex_unlock(&lock);
}

void access_log_write(const struct exchange *exchange, const struct sockaddr *client, int64_t took,
                      bool whole)
{
    struct text line = { 0 };
    if (!atomic_load(&wanted))
        return;
    size_t out = exchange->still != NULL ? exchange->still_size : exchange->answer.length;
    add_time(&line);
    add_client(&line, client);
    add_part(&line, "method", exchange->method);
    add_part(&line, "path", exchange->path);
    text_addf(&line, ", \"status\": %d, \"in\": %zu, \"out\": %zu, \"ms\": %.3f, \"trace\": \"%s\"",
              exchange->status, exchange->size + exchange->discarded, out, (double)took / 1e6,
              exchange->trace);
    if (exchange->model != NULL) {
        text_addf(&line, ", \"pictures\": %zu", exchange->pictures);
        add_part(&line, "model", exchange->model);
    }
    text_add(&line, whole ? "}\n" : ", \"broken_off\": true}\n");
    if (!line.failed)
        put(&line);
    text_reset(&line);
}

// --- ids -----------------------------------------------------------------------------------------

// "00-" 32 hex digits "-" 16 hex digits "-" 2 hex digits; the ids are not all zeros.
static bool valid(const char *text)
{
    static const char form[] = "00-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";
    if (text == NULL || strlen(text) != sizeof form - 1)
        return false;
    for (size_t i = 0; form[i] != '\0'; i++)
        if (form[i] == 'h' ? strchr("0123456789abcdef", text[i]) == NULL : text[i] != form[i])
            return false;
    return strspn(text + 3, "0") < 32 && strspn(text + 36, "0") < 16;
}

void trace_begin(struct exchange *exchange)
{
    const char *given = exchange_header(exchange, "traceparent");
    unsigned char random[24] = { 1 };
    if (valid(given)) {
        snprintf(exchange->traceparent, sizeof exchange->traceparent, "%s", given);
    } else {
        (void)!getrandom(random, sizeof random, GRND_NONBLOCK);
        char *at = exchange->traceparent;
        at += snprintf(at, 4, "00-");
        for (size_t i = 0; i < sizeof random; i++)
            at += snprintf(at, 4, "%s%02x", i == 16 ? "-" : "", random[i]);
        snprintf(at, 4, "-00");
    }
    snprintf(exchange->trace, sizeof exchange->trace, "%.32s", exchange->traceparent + 3);
}
