// route_embed.c: POST /embed: pictures as they are, one as the body or several as a form's parts;
// vectors as JSON, or where the client asks for it as bare float32 (application/octet-stream) or an
// Arrow stream.
#include <math.h>
#include <string.h>

#include "arrow.h"
#include "pictures.h"
#include "routes.h"
#include "serve.h"
#include "vectors.h"

static const char bare[] = "application/octet-stream";

static void add_row(struct text *text, const struct pictures *pictures, size_t index)
{
    struct pipilo_error err;
    const float *vector = pictures_vector(pictures, index, &err);
    text_addf(text, "{\"index\": %zu", index);
    if (pictures->names[index] != NULL) {
        text_add(text, ", \"name\": ");
        text_add_json(text, pictures->names[index]);
    }
    if (vector != NULL) {
        text_add(text, ", \"embedding\": ");
        add_vector(text, vector, pictures_dim(pictures), false);
        text_add(text, "}");
        return;
    }
    char param[128];
    picture_param(pictures, index, param, sizeof param);
    text_add(text, ", \"embedding\": null, \"error\": ");
    add_error_object(text, picture_status(err.code), pipilo_error_name(err.code), param,
                     err.message);
    text_add(text, "}");
}

static void answer_rows(struct exchange *exchange, const struct pictures *pictures)
{
    const struct pipilo_model_info *info = pictures->model;
    struct text *text = &exchange->answer;
    text_add(text, "{\"model\": ");
    text_add_json(text, info->name);
    text_addf(text, ", \"dim\": %zu, \"fingerprint\": \"%s\", \"data\": [", info->dim,
              info->fingerprint);
    for (size_t i = 0; i < pictures->count; i++) {
        text_add(text, i > 0 ? ", " : "");
        add_row(text, pictures, i);
    }
    text_add(text, "]}\n");
    answer_json(exchange, 200);
}

// Little-endian floats, row after row; a picture without a vector is a row of NaN.
static void answer_bare(struct exchange *exchange, const struct pictures *pictures)
{
    struct pipilo_error err;
    size_t dim = pictures_dim(pictures), size = dim * sizeof(float);
    for (size_t i = 0; i < pictures->count; i++) {
        const float *vector = pictures_vector(pictures, i, &err);
        char *row = text_room(&exchange->answer, size);
        if (row != NULL && vector != NULL)
            memcpy(row, vector, size);
        for (size_t k = 0; row != NULL && vector == NULL && k < dim; k++) {
            const float none = NAN;
            memcpy(row + k * sizeof none, &none, sizeof none);
        }
    }
    exchange->status = 200;
    exchange->type = bare;
    answer_header(exchange, "X-Pipilo-Shape", "%zu, %zu", pictures->count, dim);
    answer_header(exchange, "X-Pipilo-Fingerprint", "%s", pictures->model->fingerprint);
}

static void answer_arrow(struct exchange *exchange, const struct pictures *pictures)
{
    arrow_write(&exchange->answer, pictures);
    exchange->status = 200;
    exchange->type = arrow_type;
}

static void finish(struct exchange *exchange)
{
    const struct pictures *pictures = pictures_of(exchange);
    struct pipilo_error err;
    // The whole body is one picture: the status says what is wrong with it.
    if (!pictures->rows && pictures->count == 1 && pictures_vector(pictures, 0, &err) == NULL)
        answer_failure(exchange, &err, "input[0]");
    else if (!pictures_all_good(exchange))
        return;
    else if (exchange_accepts(exchange, bare))
        answer_bare(exchange, pictures);
    else if (exchange_accepts(exchange, arrow_type))
        answer_arrow(exchange, pictures);
    else
        answer_rows(exchange, pictures);
}

static void handle(struct exchange *exchange)
{
    const char *name = exchange_query(exchange, "model");
    struct room *room = embedder_find(exchange->server->embedder, name);
    if (room == NULL) {
        answer_error(exchange, 404, "model_not_found", "model", "no model '%.100s' is served",
                     name);
        return;
    }
    struct pictures *pictures = pictures_create(exchange, room);
    if (pictures != NULL && query_rows(pictures) && body_pictures(pictures))
        pictures_begin(pictures, finish);
}

const struct route route_embed = { "POST", "/embed", handle };
