// route_cohere.c: POST /v2/embed, as Cohere's clients speak it, with pictures as images or inputs.
#include <stdlib.h>
#include <string.h>

#include "pictures.h"
#include "routes.h"
#include "vectors.h"

// What the answer is to look like.
struct form {
    bool floats, base64;
};

static void add_kind(struct text *text, const struct pictures *pictures, const char *name,
                     bool base64)
{
    struct pipilo_error err;
    text_addf(text, "\"%s\": [", name);
    for (size_t i = 0; i < pictures->count; i++) {
        text_add(text, i > 0 ? ", " : "");
        add_vector(text, pictures_vector(pictures, i, &err), pictures_dim(pictures), base64);
    }
    text_add(text, "]");
}

static void add_pictures(struct text *text, const struct pictures *pictures)
{
    text_add(text, "\"images\": [");
    for (size_t i = 0; i < pictures->count; i++) {
        struct pipilo_image_info info = { .struct_size = sizeof info };
        bool known = pipilo_value_image_info(&info, pictures->kept[i], NULL) == 0;
        text_addf(text, "%s{\"width\": %u, \"height\": %u, \"format\": \"%s\", \"bit_depth\": 24}",
                  i > 0 ? ", " : "", known ? info.width : 0, known ? info.height : 0,
                  known ? info.format : "");
    }
    text_add(text, "]");
}

static void finish(struct exchange *exchange)
{
    const struct pictures *pictures = pictures_of(exchange);
    const struct form *form = pictures->more;
    struct text *text = &exchange->answer;
    if (!pictures_all_good(exchange))
        return;
    text_addf(text, "{\"id\": \"%s\", \"response_type\": \"embeddings_by_type\", \"texts\": [], ",
              exchange->trace);
    add_pictures(text, pictures);
    text_add(text, ", \"embeddings\": {");
    if (form->floats)
        add_kind(text, pictures, "float", false);
    text_add(text, form->floats && form->base64 ? ", " : "");
    if (form->base64)
        add_kind(text, pictures, "base64", true);
    text_addf(text,
              "}, \"meta\": {\"api_version\": {\"version\": \"2\"}, "
              "\"billed_units\": {\"images\": %zu}}}\n",
              pictures->count);
    answer_json(exchange, 200);
}

// "embedding_types"; false after the answer.
static bool read_types(struct exchange *exchange, const struct json *types, struct form *form)
{
    form->floats = json_kind(types) <= JSON_NULL;
    bool good = form->floats || json_kind(types) == JSON_ARRAY;
    for (const struct json *type = json_kind(types) == JSON_ARRAY ? types->first : NULL;
         type != NULL; type = type->next) {
        const char *name = json_text(type);
        bool base64 = name != NULL && strcmp(name, "base64") == 0;
        bool floats = name != NULL && strcmp(name, "float") == 0;
        form->base64 = form->base64 || base64;
        form->floats = form->floats || floats;
        good = good && (base64 || floats);
    }
    good = good && (form->floats || form->base64);
    if (!good)
        answer_error(exchange, 400, "invalid_argument", "embedding_types",
                     "embedding_types are 'float' and 'base64'");
    return good;
}

static bool read_body(struct exchange *exchange, const struct json *body, struct pictures *pictures)
{
    const struct json *images = json_get(body, "images"), *inputs = json_get(body, "inputs");
    const struct json *dimension = json_get(body, "output_dimension");
    long long wanted = 0;
    if (json_kind(json_get(body, "texts")) > JSON_NULL || (images != NULL) == (inputs != NULL)) {
        answer_error(exchange, 400, "invalid_argument", "images",
                     "what is embedded here are pictures: either images or inputs");
        return false;
    }
    if (json_kind(dimension) > JSON_NULL &&
        (!json_int(dimension, 1, 1 << 20, &wanted) || (size_t)wanted != pictures_dim(pictures))) {
        answer_error(exchange, 400, "invalid_argument", "output_dimension",
                     "the model's card allows no other number of dimensions than %zu",
                     pictures_dim(pictures));
        return false;
    }
    const struct json *kind = json_get(body, "input_type");
    if (json_kind(kind) > JSON_NULL && json_text(kind) == NULL) {
        answer_error(exchange, 400, "invalid_argument", "input_type", "input_type is a text");
        return false;
    }
    return read_types(exchange, json_get(body, "embedding_types"), pictures->more) &&
           input_read(pictures, images != NULL ? images : inputs, true,
                      images != NULL ? "images" : "inputs");
}

static void handle(struct exchange *exchange)
{
    struct json_document document;
    if (body_json(exchange, &document)) {
        struct room *room = body_room(exchange, json_get(document.root, "model"));
        struct pictures *pictures = room != NULL ? pictures_create(exchange, room) : NULL;
        struct form *form = pictures != NULL ? calloc(1, sizeof *form) : NULL;
        if (pictures != NULL && form == NULL)
            answer_error(exchange, 503, "out_of_memory", NULL, "no memory for the request");
        if (form != NULL) {
            pictures->more = form;
            pictures->forget_more = free;
            pictures->keep = true; // for their sizes
            if (read_body(exchange, document.root, pictures))
                pictures_begin(pictures, finish);
        }
    }
    json_free(&document);
}

const struct route route_cohere = { "POST", "/v2/embed", handle };
