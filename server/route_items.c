// route_items.c: what the store holds: GET /v1/items (a stretch of rows), /v1/items/N,
// /v1/items/N/thumbnail, GET /v1/vectors, a stretch of vectors as bare float32, and GET /v1/map.
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "routes.h"
#include "serve.h"
#include "shelf.h"

enum { MOST_ROWS = 1000, MOST_VECTORS = 10000, MAP_ROWS = 3000, MOST_MAP_ROWS = 10000 };
// The last whole number that JSON is sure to hold.
#define MOST_NUMBER (1LL << 53)

// What is wanted of the store.
struct wanted {
    struct shelf_job job;
    long long first, count;
    struct pipilo_error over; // of a map that nobody waits for any more
};

static void forget(struct exchange *exchange)
{
    free(exchange->work);
}

// What the shelf's thread has answered already.
static void answered(struct exchange *exchange)
{
    (void)exchange;
}

static void start(struct exchange *exchange)
{
    struct wanted *wanted = exchange->work;
    if (!shelf_submit(exchange->server->shelf, &wanted->job))
        exchange_resume(exchange);
}

static bool has_store(struct exchange *exchange)
{
    if (exchange->server->shelf == NULL)
        answer_error(exchange, 404, "not_found", NULL,
                     "this server has no store: pipilo serve --store photos.db");
    return exchange->server->shelf != NULL;
}

static void begin(struct exchange *exchange, long long first, long long count,
                  void (*work)(struct shelf_job *, struct shelf *, const struct pipilo_error *))
{
    struct wanted *wanted = calloc(1, sizeof *wanted);
    if (wanted == NULL) {
        answer_error(exchange, 503, "out_of_memory", NULL, "no memory for the request");
        return;
    }
    wanted->job.exchange = exchange;
    wanted->job.work = work;
    wanted->first = first;
    wanted->count = count;
    exchange->work = wanted;
    exchange->forget = forget;
    exchange->start = start;
    exchange->finish = answered;
}

// --- rows ----------------------------------------------------------------------------------------

static void add_row(struct text *text, const struct pipilo_store_row *row)
{
    text_addf(text, "{\"row\": %lld, \"source\": ", (long long)row->row);
    text_add_json(text, row->source);
    text_addf(text, ", \"width\": %u, \"height\": %u, \"thumbnail\": ", row->width, row->height);
    if (row->thumbnail != NULL)
        text_addf(text, "\"/v1/items/%lld/thumbnail\"", (long long)row->row);
    else
        text_add(text, "null");
    if (row->code != NULL) {
        text_add(text, ", \"error\": {\"code\": ");
        text_add_json(text, row->code);
        text_add(text, ", \"message\": ");
        text_add_json(text, row->message);
        text_add(text, "}");
    }
    text_add(text, "}");
}

static int64_t rows_of(const struct shelf *shelf)
{
    pipilo_store *store = shelf_store(shelf);
    return store != NULL ? pipilo_store_info(store)->rows : 0;
}

static void list_work(struct shelf_job *job, struct shelf *shelf, const struct pipilo_error *err)
{
    struct exchange *exchange = job->exchange;
    const struct wanted *wanted = (struct wanted *)job;
    struct text *text = &exchange->answer;
    const struct pipilo_model_info *model = shelf_model(shelf);
    struct pipilo_error why = { 0 };
    struct pipilo_store_row row;
    int64_t rows = rows_of(shelf), end = wanted->first + wanted->count;
    if (err != NULL) {
        answer_failure(exchange, err, NULL);
        return;
    }
    text_addf(text,
              "{\"object\": \"list\", \"rows\": %lld, \"dim\": %zu, \"model\": ", (long long)rows,
              model->dim);
    text_add_json(text, model->name);
    text_addf(text, ", \"fingerprint\": \"%s\", \"indexed\": %s, \"data\": [", model->fingerprint,
              shelf_index(shelf) != NULL ? "true" : "false");
    const char *comma = "";
    int result = 0;
    for (int64_t i = wanted->first; i < end && i < rows; i++) {
        result = pipilo_store_row(&row, shelf_store(shelf), i, &why);
        // Where rows were deleted from a database there are gaps.
        if (result == PIPILO_ENOTFOUND)
            continue;
        if (result < 0)
            break;
        text_add(text, comma);
        add_row(text, &row);
        comma = ", ";
    }
    text_add(text, "]}\n");
    if (result < 0 && result != PIPILO_ENOTFOUND)
        answer_failure(exchange, &why, NULL);
    else
        answer_json(exchange, 200);
}

static void list(struct exchange *exchange)
{
    long long first, count;
    if (has_store(exchange) && exchange_number(exchange, "first", 0, 0, MOST_NUMBER, &first) &&
        exchange_number(exchange, "count", 100, 1, MOST_ROWS, &count))
        begin(exchange, first, count, list_work);
}

// Reads the row that was asked for; false after the answer.
static bool read_row(struct shelf_job *job, struct shelf *shelf, const struct pipilo_error *err,
                     struct pipilo_store_row *row)
{
    struct pipilo_error why = { 0 };
    const struct wanted *wanted = (struct wanted *)job;
    if (err == NULL && wanted->first >= rows_of(shelf)) {
        answer_error(job->exchange, 404, "not_found", NULL,
                     "there is no row %lld; the store has %lld", wanted->first,
                     (long long)rows_of(shelf));
        return false;
    }
    if (err == NULL && pipilo_store_row(row, shelf_store(shelf), wanted->first, &why) < 0)
        err = &why;
    if (err != NULL)
        answer_failure(job->exchange, err, NULL);
    return err == NULL;
}

static void row_work(struct shelf_job *job, struct shelf *shelf, const struct pipilo_error *err)
{
    struct pipilo_store_row row;
    if (!read_row(job, shelf, err, &row))
        return;
    add_row(&job->exchange->answer, &row);
    text_add(&job->exchange->answer, "\n");
    answer_json(job->exchange, 200);
}

// A name for these bytes (FNV-1a), quoted as ETag wants it.
static void name_bytes(char name[20], const unsigned char *bytes, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3;
    snprintf(name, 20, "\"%016" PRIx64 "\"", hash);
}

static void thumbnail_work(struct shelf_job *job, struct shelf *shelf,
                           const struct pipilo_error *err)
{
    struct exchange *exchange = job->exchange;
    struct pipilo_store_row row;
    if (!read_row(job, shelf, err, &row))
        return;
    if (row.thumbnail == NULL) {
        answer_error(exchange, 404, "not_found", NULL,
                     "the row %lld has no thumbnail: embed with --thumbnails", (long long)row.row);
        return;
    }
    // A row may be updated, and another store be behind the same address tomorrow: it is kept, and
    // asked about each time.
    char name[20];
    name_bytes(name, row.thumbnail, row.thumbnail_size);
    answer_header(exchange, "Cache-Control", "private, no-cache");
    answer_header(exchange, "ETag", "%s", name);
    const char *held = exchange_header(exchange, "If-None-Match");
    if (held != NULL && strstr(held, name) != NULL) {
        exchange->status = 304;
        return;
    }
    text_add_bytes(&exchange->answer, row.thumbnail, row.thumbnail_size);
    exchange->status = 200;
    exchange->type = "image/jpeg";
}

// /v1/items/N and /v1/items/N/thumbnail
static void one(struct exchange *exchange)
{
    const char *text = exchange->path + strlen("/v1/items/");
    char *end = NULL;
    errno = 0;
    long long row = *text >= '0' && *text <= '9' ? strtoll(text, &end, 10) : -1;
    bool thumbnail = end != NULL && strcmp(end, "/thumbnail") == 0;
    if (row < 0 || errno != 0 || (*end != '\0' && !thumbnail))
        answer_error(exchange, 404, "not_found", NULL, "there is nothing at %.200s",
                     exchange->path);
    else if (has_store(exchange))
        begin(exchange, row, 1, thumbnail ? thumbnail_work : row_work);
}

// --- vectors -------------------------------------------------------------------------------------

static void vectors_work(struct shelf_job *job, struct shelf *shelf, const struct pipilo_error *err)
{
    struct exchange *exchange = job->exchange;
    const struct wanted *wanted = (struct wanted *)job;
    size_t dim = shelf_model(shelf)->dim;
    int64_t rows = rows_of(shelf), left = rows > wanted->first ? rows - wanted->first : 0;
    size_t count = (size_t)(left < wanted->count ? left : wanted->count);
    struct pipilo_error why = { 0 };
    char *room = NULL;
    if (err == NULL && count > 0) {
        room = text_room(&exchange->answer, count * dim * sizeof(float));
        if (room != NULL && pipilo_store_vectors((float *)(void *)room, shelf_store(shelf),
                                                 wanted->first, count, &why) < 0)
            err = &why;
    }
    if (err != NULL) {
        answer_failure(exchange, err, NULL);
        return;
    }
    exchange->status = 200;
    exchange->type = "application/octet-stream";
    answer_header(exchange, "X-Pipilo-Shape", "%zu, %zu", count, dim);
    answer_header(exchange, "X-Pipilo-Rows", "%lld", (long long)rows);
}

static void vectors(struct exchange *exchange)
{
    long long first, count;
    if (has_store(exchange) && exchange_number(exchange, "first", 0, 0, MOST_NUMBER, &first) &&
        exchange_number(exchange, "count", 1000, 1, MOST_VECTORS, &count))
        begin(exchange, first, count, vectors_work);
}

// --- the map -------------------------------------------------------------------------------------

static int stop_map(void *cookie)
{
    struct wanted *wanted = cookie;
    return shelf_over(&wanted->job, &wanted->over);
}

static void add_map(struct exchange *exchange, const struct pipilo_model_info *model,
                    const struct pipilo_map *map)
{
    struct text *text = &exchange->answer;
    text_addf(text, "{\"object\": \"map\", \"rows\": %lld, \"dim\": %zu, \"model\": ",
              (long long)(map != NULL ? map->rows : 0), model->dim);
    text_add_json(text, model->name);
    text_add(text, ", \"data\": [");
    for (size_t i = 0; map != NULL && i < map->count; i++)
        text_addf(text, "%s{\"row\": %lld, \"x\": %.6g, \"y\": %.6g}", i > 0 ? ", " : "",
                  (long long)map->list[i].row, (double)map->list[i].x, (double)map->list[i].y);
    text_add(text, "]}\n");
    answer_json(exchange, 200);
}

static void map_work(struct shelf_job *job, struct shelf *shelf, const struct pipilo_error *err)
{
    struct wanted *wanted = (struct wanted *)job;
    struct pipilo_map_options options = PIPILO_MAP_OPTIONS_INIT;
    struct pipilo_error why = { 0 };
    struct pipilo_map *map = NULL;
    options.limit = (size_t)wanted->count;
    options.stop = stop_map;
    options.cookie = wanted;
    if (err == NULL && shelf_store(shelf) != NULL &&
        pipilo_store_map(&map, shelf_store(shelf), &options, &why) < 0)
        err = wanted->over.code < 0 ? &wanted->over : &why;
    if (err != NULL)
        answer_failure(job->exchange, err, NULL);
    else
        add_map(job->exchange, shelf_model(shelf), map);
    pipilo_free(map);
}

static void map_rows(struct exchange *exchange)
{
    long long count;
    if (has_store(exchange) &&
        exchange_number(exchange, "count", MAP_ROWS, 1, MOST_MAP_ROWS, &count))
        begin(exchange, 0, count, map_work);
}

const struct route route_items = { "GET", "/v1/items", list };
const struct route route_item = { "GET", "/v1/items/*", one };
const struct route route_vectors = { "GET", "/v1/vectors", vectors };
const struct route route_map = { "GET", "/v1/map", map_rows };
