// route_search.c: POST /v1/search: the rows of the store that are nearest to pictures, to vectors
// or to a row of it.
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "pictures.h"
#include "routes.h"
#include "serve.h"
#include "shelf.h"

enum { MOST_QUERIES = 64, MOST_HITS = 1000 };

struct search {
    struct shelf_job job;
    long long k, row; // row: -1 for none
    bool exact, by_index;
    float *vectors; // of the request; NULL: none
    size_t count;   // of the queries
    struct pipilo_hits *hits;
    struct pipilo_error error; // code 0: none
    struct pipilo_error over;  // likewise, of why it was ended
};

static void forget_search(void *more)
{
    struct search *search = more;
    pipilo_free(search->hits);
    free(search->vectors);
    free(search);
}

// --- on the shelf's thread -------------------------------------------------------------------

static void fill_query(struct pipilo_query *query, const struct search *search, size_t index)
{
    const struct pictures *pictures = pictures_of(search->job.exchange);
    struct pipilo_error ignored;
    *query = (struct pipilo_query)PIPILO_QUERY_INIT;
    if (search->row >= 0)
        query->row = search->row;
    else if (search->vectors != NULL)
        query->vector = search->vectors + index * pictures_dim(pictures);
    else
        query->vector = pictures_vector(pictures, index, &ignored);
}

// A store of many millions is compared for a long time: not longer than somebody waits for it.
static int go_on(void *cookie, int64_t done, int64_t rows)
{
    struct search *search = cookie;
    (void)done, (void)rows;
    return shelf_over(&search->job, &search->over);
}

static void search_work(struct shelf_job *job, struct shelf *shelf, const struct pipilo_error *err)
{
    struct search *search = (struct search *)job;
    struct pipilo_query queries[MOST_QUERIES];
    struct pipilo_search_options options = PIPILO_SEARCH_OPTIONS_INIT;
    pipilo_store *store = shelf_store(shelf);
    if (err != NULL) {
        search->error = *err;
        return;
    }
    // A store that is not there yet holds nothing that is near.
    if (store == NULL && search->row < 0)
        return;
    if (store == NULL) {
        search->error = (struct pipilo_error){ PIPILO_ENOTFOUND, "", "the store has no rows yet" };
        return;
    }
    for (size_t i = 0; i < search->count; i++)
        fill_query(&queries[i], search, i);
    options.index = search->exact ? NULL : shelf_index(shelf);
    search->by_index = options.index != NULL;
    options.progress = go_on;
    options.cookie = search;
    if (pipilo_store_search(&search->hits, store, queries, search->count, (size_t)search->k,
                            &options, &search->error) == 0)
        return;
    search->hits = NULL;
    if (search->over.code < 0)
        search->error = search->over;
}

// --- the request and its answer ----------------------------------------------------------------

static void add_hits(struct text *text, const struct pipilo_hits *hits)
{
    for (size_t i = 0; hits != NULL && i < hits->count; i++) {
        const struct pipilo_hit *hit = &hits->list[i];
        text_addf(text, "%s{\"rank\": %zu, \"score\": ", i > 0 ? ", " : "", i + 1);
        text_add_float(text, hit->score);
        text_addf(text, ", \"row\": %lld, \"source\": ", (long long)hit->row);
        text_add_json(text, hit->source);
        text_add(text, "}");
    }
}

static void finish(struct exchange *exchange)
{
    const struct pictures *pictures = pictures_of(exchange);
    const struct search *search = pictures->more;
    struct text *text = &exchange->answer;
    // The pictures failed, or the store's queue was full.
    if (exchange->status != 0 || !pictures_all_good(exchange))
        return;
    if (search->error.code < 0) {
        answer_failure(exchange, &search->error, NULL);
        return;
    }
    text_add(text, "{\"object\": \"list\", \"model\": ");
    text_add_json(text, exchange->model);
    text_addf(text, ", \"by_index\": %s, \"data\": [", search->by_index ? "true" : "false");
    for (size_t i = 0; i < search->count; i++) {
        text_addf(text, "%s{\"query\": %zu, \"hits\": [", i > 0 ? ", " : "", i);
        add_hits(text, search->hits != NULL ? &search->hits[i] : NULL);
        text_add(text, "]}");
    }
    text_add(text, "]}\n");
    answer_json(exchange, 200);
}

// To the store, once there are vectors; on whatever thread made them.
static void ask_store(struct exchange *exchange)
{
    struct search *search = pictures_of(exchange)->more;
    if (!shelf_submit(exchange->server->shelf, &search->job))
        exchange_resume(exchange);
}

static void after_pictures(struct exchange *exchange)
{
    const struct pictures *pictures = pictures_of(exchange);
    struct pipilo_error ignored;
    for (size_t i = 0; i < pictures->count; i++)
        if (pictures_vector(pictures, i, &ignored) == NULL) {
            exchange_resume(exchange);
            return;
        }
    ask_store(exchange);
}

static void begin(struct pictures *pictures, struct search *search)
{
    struct exchange *exchange = pictures->exchange;
    if (pictures->count > MOST_QUERIES) {
        answer_error(exchange, 400, "limit_exceeded", "input", "a search has at most %d pictures",
                     MOST_QUERIES);
    } else if (pictures->count > 0) {
        search->count = pictures->count;
        pictures->then = after_pictures;
        pictures_begin(pictures, finish);
    } else {
        exchange->start = ask_store;
        exchange->finish = finish;
    }
}

// {"vector": [..]}, or several of them.
static bool read_vector(struct exchange *exchange, struct search *search, const struct json *vector)
{
    size_t dim = pictures_dim(pictures_of(exchange)), at = 0;
    bool several = json_kind(vector) == JSON_ARRAY && json_kind(vector->first) == JSON_ARRAY;
    const struct json *row = several ? vector->first : vector;
    search->count = several ? vector->length : 1;
    if (search->count > MOST_QUERIES) {
        answer_error(exchange, 400, "limit_exceeded", "vector", "a search has at most %d vectors",
                     MOST_QUERIES);
        return false;
    }
    search->vectors = calloc(search->count * dim, sizeof *search->vectors);
    if (search->vectors == NULL) {
        answer_error(exchange, 503, "out_of_memory", NULL, "no memory for the request");
        return false;
    }
    for (; row != NULL; row = several ? row->next : NULL) {
        bool good = json_kind(row) == JSON_ARRAY && row->length == dim;
        for (const struct json *number = good ? row->first : NULL; number != NULL;
             number = number->next) {
            good = good && number->kind == JSON_NUMBER;
            search->vectors[at++] = (float)number->number;
        }
        if (!good) {
            answer_error(exchange, 400, "invalid_argument", "vector",
                         "a vector is an array of %zu numbers", dim);
            return false;
        }
    }
    return true;
}

static bool read_json(struct exchange *exchange, struct pictures *pictures, struct search *search,
                      const struct json *body)
{
    const struct json *input = json_get(body, "input"), *vector = json_get(body, "vector"),
                      *row = json_get(body, "row"), *k = json_get(body, "k");
    if ((input != NULL) + (vector != NULL) + (row != NULL) != 1) {
        answer_error(exchange, 400, "invalid_argument", NULL,
                     "a search is for either input, or vector, or row");
        return false;
    }
    const struct json *exact = json_get(body, "exact");
    if (json_kind(exact) > JSON_NULL && json_kind(exact) != JSON_BOOL) {
        answer_error(exchange, 400, "invalid_argument", "exact", "exact is true or false");
        return false;
    }
    search->exact = json_is_set(exact);
    if (k != NULL && !json_int(k, 1, MOST_HITS, &search->k)) {
        answer_error(exchange, 400, "invalid_argument", "k", "k is a whole number from 1 to %d",
                     MOST_HITS);
        return false;
    }
    if (row != NULL && !json_int(row, 0, INT64_MAX / 1024, &search->row)) {
        answer_error(exchange, 400, "invalid_argument", "row", "row is a whole number from 0 on");
        return false;
    }
    if (vector != NULL)
        return read_vector(exchange, search, vector);
    return input == NULL || input_read(pictures, input, true, "input");
}

static bool read_body(struct exchange *exchange, struct pictures *pictures, struct search *search)
{
    char type[64];
    exchange_type(exchange, type, sizeof type);
    if (!exchange_number(exchange, "k", 10, 1, MOST_HITS, &search->k))
        return false;
    if (strcasecmp(type, "application/json") != 0)
        return body_pictures(pictures);
    struct json_document document;
    bool good =
        body_json(exchange, &document) && read_json(exchange, pictures, search, document.root);
    json_free(&document);
    return good;
}

static void handle(struct exchange *exchange)
{
    struct shelf *shelf = exchange->server->shelf;
    if (shelf == NULL) {
        answer_error(exchange, 404, "not_found", NULL,
                     "this server has no store: pipilo serve --store photos.db");
        return;
    }
    // The room is only read; it is not const because jobs go through it.
    struct pictures *pictures = pictures_create(exchange, exchange->server->store_room);
    struct search *search = pictures != NULL ? calloc(1, sizeof *search) : NULL;
    if (pictures != NULL && search == NULL)
        answer_error(exchange, 503, "out_of_memory", NULL, "no memory for the request");
    if (search == NULL)
        return;
    pictures->more = search;
    pictures->forget_more = forget_search;
    search->job.exchange = exchange;
    search->job.work = search_work;
    search->job.model = pictures->model;
    search->row = -1;
    search->count = 1;
    if (read_body(exchange, pictures, search))
        begin(pictures, search);
}

const struct route route_search = { "POST", "/v1/search", handle };
