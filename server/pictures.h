// pictures.h: the pictures of one request: gathered from its body, embedded, and their vectors.
//
//     struct pictures *pictures = pictures_create(exchange, room);
//     if (pictures == NULL || !input_read(...))      // both have answered
//         return;
//     pictures_begin(pictures, finish);              // finish(exchange) follows
//
// Ownership: the exchange owns it (exchange->work). Threads: as exchange.h says.
#ifndef SERVER_PICTURES_H
#define SERVER_PICTURES_H

#include "embedder.h"
#include "exchange.h"
#include "fetch.h"
#include "json.h"

enum { MOST_PICTURES = 2048 }; // of one request, as OpenAI's API has it

struct pictures {
    struct embed_job job;
    struct exchange *exchange;
    const struct pipilo_model_info *model; // as it was when the request came
    struct fetch_job fetching;
    size_t count, capacity;
    pipilo_value **pictures, **results;
    char **urls;         // of pictures that are to be fetched; NULL where there is none
    bool fetches;        // one of them is
    bool keep;           // `kept` is wanted
    pipilo_value **kept; // the pictures, also once they are embedded
    char **names;        // of parts of a form; NULL where there is none
    bool rows;           // on_error: a picture that failed is a row
    void *more;          // the route's own
    void (*forget_more)(void *more);
    // The route's own, before the exchange goes on; on the runner's thread. May be NULL.
    void (*then)(struct exchange *exchange);
};

// NULL after the answer (no memory).
struct pictures *pictures_create(struct exchange *exchange, struct room *room);
static inline struct pictures *pictures_of(const struct exchange *exchange)
{
    return exchange->work;
}

// One more; copies the bytes. `name` may be NULL. False after the answer.
bool pictures_add(struct pictures *pictures, const void *data, size_t size, const char *name);

// Calls a picture by a client's name; false after the answer.
bool pictures_name(struct pictures *pictures, size_t index, const char *name);

// One that is to be fetched, from a URL that fetch_allowed allows. False after the answer.
bool pictures_add_url(struct pictures *pictures, const char *url);

// Has them embedded, then calls `finish`.
void pictures_begin(struct pictures *pictures, void (*finish)(struct exchange *exchange));

// The vector of a picture, or NULL and why there is none.
const float *pictures_vector(const struct pictures *pictures, size_t index,
                             struct pipilo_error *err);
size_t pictures_dim(const struct pictures *pictures);

// Unless rows may fail: false after answering with the first that did, by name.
bool pictures_all_good(struct exchange *exchange);

// The HTTP status and `param` for a picture that failed.
int picture_status(int code);
void picture_param(const struct pictures *pictures, size_t index, char *out, size_t size);

// --- the shapes in which clients send pictures in JSON -----------------------------------------

// Reads `input`: one picture or an array. `images`: a plain string is base64 too. `name` is what it
// is called in errors. False after the answer.
bool input_read(struct pictures *pictures, const struct json *input, bool images, const char *name);

// The body as one picture, or as a form with several, named by their file names; false after the
// answer (415, 400).
bool body_pictures(struct pictures *pictures);

// The query's on_error=row; false after the answer.
bool query_rows(struct pictures *pictures);

// The body as JSON of any kind and by any name; false after the answer (400).
bool body_parse(struct exchange *exchange, struct json_document *document);

// The body as an object of JSON; false after the answer (415, 400).
bool body_json(struct exchange *exchange, struct json_document *document);

// The room for the member "model", the first where there is none; NULL after the answer (404).
struct room *body_room(struct exchange *exchange, const struct json *model);

#endif
