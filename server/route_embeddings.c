// route_embeddings.c: POST /v1/embeddings, as OpenAI's clients speak it, with pictures as input.
#include <stdlib.h>
#include <string.h>

#include "pictures.h"
#include "routes.h"
#include "vectors.h"

// What the answer is to look like.
struct form {
    bool base64;
};

static void finish(struct exchange *exchange)
{
    const struct pictures *pictures = pictures_of(exchange);
    const struct form *form = pictures->more;
    struct text *text = &exchange->answer;
    if (!pictures_all_good(exchange))
        return;
    text_add(text, "{\"object\": \"list\", \"data\": [");
    for (size_t i = 0; i < pictures->count; i++) {
        struct pipilo_error err;
        const float *vector = pictures_vector(pictures, i, &err);
        text_addf(text, "%s{\"object\": \"embedding\", \"index\": %zu, \"embedding\": ",
                  i > 0 ? ", " : "", i);
        if (vector != NULL) {
            add_vector(text, vector, pictures_dim(pictures), form->base64);
        } else {
            char param[128];
            picture_param(pictures, i, param, sizeof param);
            text_add(text, "null, \"error\": ");
            add_error_object(text, picture_status(err.code), pipilo_error_name(err.code), param,
                             err.message);
        }
        text_add(text, "}");
    }
    text_add(text, "], \"model\": ");
    text_add_json(text, exchange->model);
    text_add(text, ", \"usage\": {\"prompt_tokens\": 0, \"total_tokens\": 0}}\n");
    answer_json(exchange, 200);
}

// What the members besides the pictures say; false after the answer.
static bool read_form(struct exchange *exchange, const struct json *body, struct pictures *pictures)
{
    const struct json *format = json_get(body, "encoding_format");
    const struct json *dimensions = json_get(body, "dimensions");
    const struct json *on_error = json_get(body, "on_error");
    size_t dim = pictures_dim(pictures);
    long long wanted = 0;
    struct form *form = calloc(1, sizeof *form);
    pictures->more = form;
    pictures->forget_more = free;
    const char *name = json_text(format), *rows = json_text(on_error);
    if (form == NULL) {
        answer_error(exchange, 503, "out_of_memory", NULL, "no memory for the request");
        return false;
    }
    form->base64 = name != NULL && strcmp(name, "base64") == 0;
    pictures->rows = rows != NULL && strcmp(rows, "row") == 0;
    if (json_kind(format) > JSON_NULL &&
        (name == NULL || (!form->base64 && strcmp(name, "float") != 0)))
        answer_error(exchange, 400, "invalid_argument", "encoding_format",
                     "encoding_format is 'float' or 'base64'");
    else if (json_kind(on_error) > JSON_NULL && !pictures->rows &&
             (rows == NULL || strcmp(rows, "fail") != 0))
        answer_error(exchange, 400, "invalid_argument", "on_error", "on_error is 'row' or 'fail'");
    else if (json_kind(dimensions) > JSON_NULL &&
             (!json_int(dimensions, 1, 1 << 20, &wanted) || (size_t)wanted != dim))
        answer_error(exchange, 400, "invalid_argument", "dimensions",
                     "the model's card allows no other number of dimensions than %zu", dim);
    return exchange->status == 0;
}

static bool read_pictures(struct exchange *exchange, const struct json *body,
                          struct pictures *pictures)
{
    const struct json *modality = json_get(body, "modality");
    const struct json *messages = json_get(body, "messages");
    const char *kind = json_text(modality);
    bool images = kind != NULL && strcmp(kind, "image") == 0;
    if (json_kind(modality) > JSON_NULL && !images) {
        answer_error(exchange, 400, "invalid_argument", "modality",
                     "what is embedded here are pictures: modality is 'image'");
        return false;
    }
    if (messages != NULL && json_get(body, "input") == NULL)
        return input_read(pictures, messages, true, "messages");
    return input_read(pictures, json_get(body, "input"), images, "input");
}

static void handle(struct exchange *exchange)
{
    struct json_document document;
    struct pictures *pictures = NULL;
    if (body_json(exchange, &document)) {
        struct room *room = body_room(exchange, json_get(document.root, "model"));
        pictures = room != NULL ? pictures_create(exchange, room) : NULL;
        if (pictures != NULL && read_form(exchange, document.root, pictures) &&
            read_pictures(exchange, document.root, pictures))
            pictures_begin(pictures, finish);
    }
    json_free(&document);
}

const struct route route_embeddings = { "POST", "/v1/embeddings", handle };
