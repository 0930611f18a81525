// body.c: what a request's body holds: JSON, one picture, or a form of pictures (see pictures.h).
#include <string.h>
#include <strings.h>

#include "multipart.h"
#include "pictures.h"
#include "serve.h"

static bool take_part(void *cookie, const struct multipart_part *part)
{
    struct pictures *pictures = cookie;
    return pictures_add(pictures, part->data, part->size,
                        part->filename[0] != '\0' ? part->filename : part->name);
}

static bool read_form(struct exchange *exchange, struct pictures *pictures)
{
    int result = multipart_read(exchange_header(exchange, "Content-Type"), exchange->body,
                                exchange->size, pictures, take_part);
    if (result < 0)
        answer_error(exchange, 400, "invalid_argument", NULL,
                     "the body is no whole multipart/form-data");
    else if (result == 0 && pictures->count == 0)
        answer_error(exchange, 400, "invalid_argument", NULL, "the form has no part");
    return exchange->status == 0;
}

bool body_pictures(struct pictures *pictures)
{
    struct exchange *exchange = pictures->exchange;
    char type[64];
    exchange_type(exchange, type, sizeof type);
    if (strcasecmp(type, "multipart/form-data") == 0)
        return read_form(exchange, pictures);
    // Who sends a file without naming a type (curl --data-binary) gets this one.
    bool picture = type[0] == '\0' || strncasecmp(type, "image/", 6) == 0 ||
                   strcasecmp(type, "application/octet-stream") == 0 ||
                   strcasecmp(type, "application/x-www-form-urlencoded") == 0;
    if (!picture)
        answer_error(exchange, 415, "unsupported_format", NULL,
                     "the body is a picture (image/..) or multipart/form-data, not '%s'", type);
    else if (exchange->size == 0)
        answer_error(exchange, 400, "invalid_argument", NULL, "the body is empty");
    return exchange->status == 0 && pictures_add(pictures, exchange->body, exchange->size, NULL);
}

bool query_rows(struct pictures *pictures)
{
    const char *on_error = exchange_query(pictures->exchange, "on_error");
    pictures->rows = on_error != NULL && strcmp(on_error, "row") == 0;
    if (on_error == NULL || pictures->rows || strcmp(on_error, "fail") == 0)
        return true;
    answer_error(pictures->exchange, 400, "invalid_argument", "on_error",
                 "on_error is row or fail");
    return false;
}

bool body_parse(struct exchange *exchange, struct json_document *document)
{
    char why[128];
    if (json_parse(document, exchange->body, exchange->size, why, sizeof why) == 0)
        return true;
    if (document->no_memory)
        answer_error(exchange, 503, "out_of_memory", NULL, "no memory for the request");
    else
        answer_error(exchange, 400, "invalid_json", NULL, "the body is no JSON: %s", why);
    return false;
}

bool body_json(struct exchange *exchange, struct json_document *document)
{
    char type[64];
    *document = (struct json_document){ 0 };
    exchange_type(exchange, type, sizeof type);
    if (strcasecmp(type, "application/json") != 0) {
        answer_error(exchange, 415, "unsupported_format", NULL,
                     "the body is application/json here, not '%s'", type);
        return false;
    }
    if (!body_parse(exchange, document))
        return false;
    if (document->root->kind != JSON_OBJECT) {
        answer_error(exchange, 400, "invalid_argument", NULL, "the body is an object, not %s",
                     json_kind_name(document->root->kind));
        return false;
    }
    return true;
}

struct room *body_room(struct exchange *exchange, const struct json *model)
{
    const char *name = json_text(model);
    if (model != NULL && model->kind != JSON_NULL && name == NULL) {
        answer_error(exchange, 400, "invalid_argument", "model", "model is a string");
        return NULL;
    }
    struct room *room = embedder_find(exchange->server->embedder, name);
    if (room == NULL)
        answer_error(exchange, 404, "model_not_found", "model",
                     "no model '%.100s' is served; GET /v1/models lists them", name);
    return room;
}
