// exchange.h: one request and its answer, as the routes see them; what speaks HTTP is behind
// http.h.
//
// A route's `handle` gets the whole request. It either fills the answer, or sets `start` and
// `finish`: then `start` begins something, which ends with exchange_resume, and `finish` fills the
// answer. Meanwhile no thread waits for it.
//
// Threads: `handle`, `start` and `finish` run on a thread of HTTP's and must not block; between
// `start` and exchange_resume the exchange belongs to whoever works on it.
#ifndef SERVER_EXCHANGE_H
#define SERVER_EXCHANGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipilo/pipilo.h>

#include "text.h"

struct server;
struct exchange;

struct route {
    const char *method;
    const char *path; // with '*' at the end: all that begins so
    void (*handle)(struct exchange *exchange);
    bool open; // needs no key
    bool own;  // about the server itself: not counted among what is asked of it
};

enum { EXCHANGE_HEADERS = 8 };

struct exchange {
    struct server *server;
    const struct route *route; // NULL: none was found
    char *method, *path;
    char *body; // NUL-terminated behind `size` bytes; may be changed; gone once `handle` returns
    size_t size;
    char trace[33];       // W3C trace id, 32 hex digits
    char traceparent[56]; // as it came, or made here
    int64_t began, deadline;

    // The answer.
    int status;
    const char *type;   // of the content; static
    struct text answer; // or `still`
    const void *still;  // something that is never freed
    size_t still_size;
    struct {
        const char *name; // static
        char value[256];
    } headers[EXCHANGE_HEADERS];
    size_t header_count;

    // For what takes its time.
    void (*start)(struct exchange *exchange);
    void (*finish)(struct exchange *exchange);
    void *work;                                // what is worked on
    void (*forget)(struct exchange *exchange); // lets go of `work`; once, at the end

    // For the log.
    size_t pictures;
    const char *model;

    // HTTP's own.
    void *connection;
    size_t reserved; // bytes of server->held
    bool is_done;    // what was asked for has been done: its answer is not refused
    bool counted;    // among what is asked of the server
    bool begun, suspended;
    atomic_bool gone; // the client did not wait for its answer
    bool refused;     // it is answered before all of it came: what follows is read and dropped
    size_t discarded;
};

// Header or query parameter of the request; NULL where there is none. Borrowed.
const char *exchange_header(const struct exchange *exchange, const char *name);
const char *exchange_query(const struct exchange *exchange, const char *name);

// Its work is done: `finish` is to be called. Once, by any thread.
void exchange_resume(struct exchange *exchange);

// The media type of the body without parameters, in `out`; "" where none was sent.
void exchange_type(const struct exchange *exchange, char *out, size_t size);

// Whether the client's Accept names `type` in so many words.
bool exchange_accepts(const struct exchange *exchange, const char *type);

// --- answers ---------------------------------------------------------------------------------

// What was added to exchange->answer is JSON; `status` goes with it.
void answer_json(struct exchange *exchange, int status);

void answer_header(struct exchange *exchange, const char *name, const char *format, ...)
    SERVER_PRINTF(3, 4);

// An error as OpenAI's API has it: {"error": {"message", "type", "param", "code"}}. `param` may be
// NULL. What was in the answer is dropped.
void answer_error(struct exchange *exchange, int status, const char *code, const char *param,
                  const char *format, ...) SERVER_PRINTF(5, 6);

// A failure of the library's: its HTTP status and name.
void answer_failure(struct exchange *exchange, const struct pipilo_error *err, const char *param);

// {"message", "type", "param", "code"}, for a row that failed.
void add_error_object(struct text *text, int status, const char *code, const char *param,
                      const char *message);

// Reads a whole number from the query; false after answering that it is none.
bool exchange_number(struct exchange *exchange, const char *name, long long fallback,
                     long long least, long long most, long long *out);

#endif
