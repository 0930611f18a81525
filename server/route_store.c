// route_store.c: POST /v1/items: embeds pictures and keeps them in the store.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "pictures.h"
#include "routes.h"
#include "serve.h"
#include "shelf.h"

struct keeping {
    struct shelf_job job;
    struct shelf_row *rows; // of those that have a vector
    size_t *which;          // picture each of them is
    size_t count;
    bool update;               // a source that is there has its row replaced
    struct pipilo_error error; // code 0: none
};

static void forget_keeping(void *more)
{
    struct keeping *keeping = more;
    free(keeping->rows);
    free(keeping->which);
    free(keeping);
}

static void write_work(struct shelf_job *job, struct shelf *shelf, const struct pipilo_error *err)
{
    struct keeping *keeping = (struct keeping *)job;
    if (err != NULL)
        keeping->error = *err;
    else
        shelf_write(shelf, keeping->rows, keeping->count, keeping->update, &keeping->error);
}

static void add_row(struct text *text, const struct pictures *pictures, size_t index,
                    const struct shelf_row *row)
{
    struct pipilo_error err;
    text_addf(text, "{\"index\": %zu, \"source\": ", index);
    text_add_json(text, pictures->names[index]);
    if (row != NULL) {
        text_addf(text, ", \"row\": %lld}", (long long)row->row);
        return;
    }
    pictures_vector(pictures, index, &err);
    text_add(text, ", \"row\": null, \"error\": ");
    add_error_object(text, picture_status(err.code), pipilo_error_name(err.code),
                     pictures->names[index], err.message);
    text_add(text, "}");
}

static void finish(struct exchange *exchange)
{
    const struct pictures *pictures = pictures_of(exchange);
    const struct keeping *keeping = pictures->more;
    struct text *text = &exchange->answer;
    size_t at = 0;
    if (exchange->status != 0 || !pictures_all_good(exchange))
        return;
    if (keeping->error.code < 0) {
        answer_failure(exchange, &keeping->error, NULL);
        return;
    }
    exchange->is_done = true;
    text_add(text, "{\"object\": \"list\", \"model\": ");
    text_add_json(text, exchange->model);
    text_add(text, ", \"data\": [");
    for (size_t i = 0; i < pictures->count; i++) {
        bool written = at < keeping->count && keeping->which[at] == i;
        text_add(text, i > 0 ? ", " : "");
        add_row(text, pictures, i, written ? &keeping->rows[at++] : NULL);
    }
    text_add(text, "]}\n");
    answer_json(exchange, 200);
}

// Those that have a vector go to the store; where one has none and that fails the request, none.
static void after_pictures(struct exchange *exchange)
{
    struct pictures *pictures = pictures_of(exchange);
    struct keeping *keeping = pictures->more;
    struct pipilo_error ignored;
    for (size_t i = 0; i < pictures->count; i++) {
        if (pictures_vector(pictures, i, &ignored) == NULL)
            continue;
        keeping->which[keeping->count] = i;
        keeping->rows[keeping->count++] =
            (struct shelf_row){ pictures->names[i], pictures->kept[i], pictures->results[i], -1 };
    }
    bool wanted = keeping->count > 0 && (pictures->rows || keeping->count == pictures->count);
    if (!wanted || !shelf_submit(exchange->server->shelf, &keeping->job))
        exchange_resume(exchange);
}

// What a picture without a name is called.
static bool name_pictures(struct pictures *pictures)
{
    for (size_t i = 0; i < pictures->count; i++) {
        char name[80];
        if (pictures->names[i] != NULL)
            continue;
        snprintf(name, sizeof name, "upload-%s-%zu", pictures->exchange->trace, i);
        pictures->names[i] = strdup(name);
        if (pictures->names[i] == NULL)
            return false;
    }
    return true;
}

static bool prepare(struct pictures *pictures, struct keeping *keeping)
{
    size_t count = pictures->count;
    keeping->rows = calloc(count, sizeof *keeping->rows);
    keeping->which = calloc(count, sizeof *keeping->which);
    if (keeping->rows == NULL || keeping->which == NULL || !name_pictures(pictures)) {
        answer_error(pictures->exchange, 503, "out_of_memory", NULL, "no memory for the request");
        return false;
    }
    pictures->keep = true; // for thumbnails
    return true;
}

// "update" of the query; false after the answer.
static bool query_update(struct exchange *exchange, struct keeping *keeping)
{
    const char *update = exchange_query(exchange, "update");
    keeping->update = update != NULL && strcmp(update, "true") == 0;
    if (update == NULL || keeping->update || strcmp(update, "false") == 0)
        return true;
    answer_error(exchange, 400, "invalid_argument", "update", "update is true or false");
    return false;
}

// Likewise of the body, where there is one.
static bool read_update(struct exchange *exchange, struct keeping *keeping,
                        const struct json *update)
{
    if (json_kind(update) > JSON_NULL && json_kind(update) != JSON_BOOL) {
        answer_error(exchange, 400, "invalid_argument", "update", "update is true or false");
        return false;
    }
    if (json_kind(update) == JSON_BOOL)
        keeping->update = json_is_set(update);
    return true;
}

// A name, or an array of names: of the first pictures, in order.
static bool read_sources(struct pictures *pictures, const struct json *sources)
{
    bool several = json_kind(sources) == JSON_ARRAY;
    const struct json *source = several ? sources->first : sources;
    for (size_t i = 0; source != NULL && (several || source->kind != JSON_NULL); i++) {
        if (json_text(source) == NULL || source->length == 0) {
            answer_error(pictures->exchange, 400, "invalid_argument", "sources",
                         "sources are the pictures' names");
            return false;
        }
        if (i < pictures->count && !pictures_name(pictures, i, source->string))
            return false;
        source = several ? source->next : NULL;
    }
    return true;
}

// {"input": .., "sources": ["a.jpg", ..], "update": true}
static bool read_json(struct exchange *exchange, struct pictures *pictures)
{
    struct json_document document;
    bool good = body_json(exchange, &document) &&
                read_update(exchange, pictures->more, json_get(document.root, "update")) &&
                input_read(pictures, json_get(document.root, "input"), true, "input");
    good = good && read_sources(pictures, json_get(document.root, "sources"));
    json_free(&document);
    return good;
}

static bool read_body(struct exchange *exchange, struct pictures *pictures)
{
    char type[64];
    exchange_type(exchange, type, sizeof type);
    if (strcasecmp(type, "application/json") == 0)
        return read_json(exchange, pictures);
    if (!body_pictures(pictures))
        return false;
    const char *source = exchange_query(exchange, "source");
    bool meant = source != NULL && source[0] != '\0' && pictures->count == 1;
    return !meant || pictures->names[0] != NULL || pictures_name(pictures, 0, source);
}

static void handle(struct exchange *exchange)
{
    if (exchange->server->shelf == NULL) {
        answer_error(exchange, 404, "not_found", NULL,
                     "this server has no store: pipilo serve --store photos.db");
        return;
    }
    if (!shelf_grows(exchange->server->shelf)) {
        answer_error(exchange, 409, "invalid_argument", NULL,
                     "rows are added to a store that is a .db, and this one is none");
        return;
    }
    struct pictures *pictures = pictures_create(exchange, exchange->server->store_room);
    struct keeping *keeping = pictures != NULL ? calloc(1, sizeof *keeping) : NULL;
    if (pictures != NULL && keeping == NULL)
        answer_error(exchange, 503, "out_of_memory", NULL, "no memory for the request");
    if (keeping == NULL)
        return;
    pictures->more = keeping;
    pictures->forget_more = forget_keeping;
    pictures->then = after_pictures;
    keeping->job.exchange = exchange;
    keeping->job.work = write_work;
    keeping->job.model = pictures->model;
    if (query_rows(pictures) && query_update(exchange, keeping) && read_body(exchange, pictures) &&
        prepare(pictures, keeping))
        pictures_begin(pictures, finish);
}

const struct route route_store = { "POST", "/v1/items", handle };
