// arrow.c: an Arrow stream (see arrow.h): a schema, one batch, the end. The format is Arrow's
// "encapsulated message": a mark, the size of a FlatBuffer, the FlatBuffer, and the columns'
// buffers one after the other, each on a boundary of 8 bytes.
#include "arrow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flat.h"

const char arrow_type[] = "application/vnd.apache.arrow.stream";

// Numbers of Arrow's own.
enum { VERSION_5 = 4, HEADER_SCHEMA = 1, HEADER_BATCH = 3 };
enum { TYPE_INT = 2, TYPE_FLOAT = 3, TYPE_UTF8 = 5, TYPE_FIXED_LIST = 16, PRECISION_SINGLE = 1 };

static void add_number(struct text *text, uint32_t number)
{
    text_add_bytes(text, &number, sizeof number);
}

// --- messages ------------------------------------------------------------------------------------

static void add_message(struct text *text, struct flat *flat, int kind, uint32_t header,
                        size_t body)
{
    size_t size;
    flat_begin(flat);
    flat_number(flat, 3, (int64_t)body, 8);
    flat_offset(flat, 2, header);
    flat_number(flat, 0, VERSION_5, 2);
    flat_number(flat, 1, kind, 1);
    const uint8_t *data = flat_finish(flat, flat_end(flat), &size);
    text->failed = text->failed || flat->failed;
    add_number(text, 0xffffffff);
    add_number(text, (uint32_t)size);
    text_add_bytes(text, data, size);
}

static uint32_t add_field(struct flat *flat, const char *name, bool nullable, int type,
                          uint32_t details, uint32_t child)
{
    uint32_t called = flat_string(flat, name);
    uint32_t children = flat_offsets(flat, &child, child > 0 ? 1 : 0);
    flat_begin(flat);
    flat_offset(flat, 5, children);
    flat_offset(flat, 3, details);
    flat_offset(flat, 0, called);
    flat_number(flat, 1, nullable, 1);
    flat_number(flat, 2, type, 1);
    return flat_end(flat);
}

// A type's table: empty, or with one or two numbers.
static uint32_t add_type(struct flat *flat, size_t numbers, int64_t first, size_t first_size,
                         int64_t second)
{
    flat_begin(flat);
    if (numbers > 0)
        flat_number(flat, 0, first, first_size);
    if (numbers > 1)
        flat_number(flat, 1, second, 1);
    return flat_end(flat);
}

static uint32_t add_pair(struct flat *flat, const char *key, const char *value)
{
    uint32_t called = flat_string(flat, key), meant = flat_string(flat, value);
    flat_begin(flat);
    flat_offset(flat, 0, called);
    flat_offset(flat, 1, meant);
    return flat_end(flat);
}

static void add_schema(struct text *text, const struct pipilo_model_info *model)
{
    struct flat flat = { .used = 0 };
    uint32_t fields[4], pairs[2];
    fields[0] = add_field(&flat, "index", false, TYPE_INT, add_type(&flat, 2, 32, 4, 1), 0);
    fields[1] = add_field(&flat, "name", true, TYPE_UTF8, add_type(&flat, 0, 0, 0, 0), 0);
    uint32_t item =
        add_field(&flat, "item", false, TYPE_FLOAT, add_type(&flat, 1, PRECISION_SINGLE, 2, 0), 0);
    fields[2] = add_field(&flat, "vector", true, TYPE_FIXED_LIST,
                          add_type(&flat, 1, (int64_t)model->dim, 4, 0), item);
    fields[3] = add_field(&flat, "error", true, TYPE_UTF8, add_type(&flat, 0, 0, 0, 0), 0);
    pairs[0] = add_pair(&flat, "model", model->name);
    pairs[1] = add_pair(&flat, "fingerprint", model->fingerprint);
    uint32_t all = flat_offsets(&flat, fields, 4), meta = flat_offsets(&flat, pairs, 2);
    flat_begin(&flat);
    flat_offset(&flat, 1, all);
    flat_offset(&flat, 2, meta);
    add_message(text, &flat, HEADER_SCHEMA, flat_end(&flat), 0);
}

// --- the batch -----------------------------------------------------------------------------------

// Buffers one behind the other, and where each is.
struct body {
    struct text bytes;
    int64_t buffers[12][2], nodes[5][2];
    size_t buffer_count, node_count;
};

static void end_buffer(struct body *body, size_t start)
{
    static const char zeros[8] = { 0 };
    size_t size = body->bytes.length - start;
    body->buffers[body->buffer_count][0] = (int64_t)start;
    body->buffers[body->buffer_count++][1] = (int64_t)size;
    text_add_bytes(&body->bytes, zeros, (8 - body->bytes.length % 8) % 8);
}

// A column begins: how many rows it has, and a bit for each that is not null.
static void add_node(struct body *body, size_t rows, const bool *valid)
{
    size_t start = body->bytes.length, nulls = 0;
    for (size_t i = 0; valid != NULL && i < rows; i += 8) {
        unsigned char bits = 0;
        for (size_t k = 0; k < 8 && i + k < rows; k++) {
            bits = (unsigned char)(bits | valid[i + k] << k);
            nulls += !valid[i + k];
        }
        text_add_bytes(&body->bytes, &bits, 1);
    }
    body->nodes[body->node_count][0] = (int64_t)rows;
    body->nodes[body->node_count++][1] = (int64_t)nulls;
    end_buffer(body, start);
}

static void add_texts(struct body *body, size_t rows, char *const *texts, bool *valid)
{
    uint32_t end = 0;
    for (size_t i = 0; i < rows; i++)
        valid[i] = texts[i] != NULL;
    add_node(body, rows, valid);
    size_t start = body->bytes.length;
    add_number(&body->bytes, 0);
    for (size_t i = 0; i < rows; i++) {
        end += texts[i] != NULL ? (uint32_t)strlen(texts[i]) : 0;
        add_number(&body->bytes, end);
    }
    end_buffer(body, start);
    start = body->bytes.length;
    for (size_t i = 0; i < rows; i++)
        text_add(&body->bytes, texts[i] != NULL ? texts[i] : "");
    end_buffer(body, start);
}

static void add_index(struct body *body, size_t rows)
{
    add_node(body, rows, NULL);
    size_t start = body->bytes.length;
    for (size_t i = 0; i < rows; i++)
        add_number(&body->bytes, (uint32_t)i);
    end_buffer(body, start);
}

static void add_vectors(struct body *body, const struct pictures *pictures, bool *valid)
{
    struct pipilo_error err;
    size_t rows = pictures->count, dim = pictures_dim(pictures), size = dim * sizeof(float);
    for (size_t i = 0; i < rows; i++)
        valid[i] = pictures_vector(pictures, i, &err) != NULL;
    add_node(body, rows, valid);
    add_node(body, rows * dim, NULL);
    size_t start = body->bytes.length;
    for (size_t i = 0; i < rows; i++) {
        const float *vector = pictures_vector(pictures, i, &err);
        char *room = text_room(&body->bytes, size);
        if (room != NULL && vector != NULL)
            memcpy(room, vector, size);
        else if (room != NULL)
            memset(room, 0, size);
    }
    end_buffer(body, start);
}

// "truncated: the data end early"
static char *error_text(const struct pictures *pictures, size_t index)
{
    struct pipilo_error err;
    char text[640];
    if (pictures_vector(pictures, index, &err) != NULL)
        return NULL;
    snprintf(text, sizeof text, "%s: %s", pipilo_error_name(err.code), err.message);
    return strdup(text);
}

static void add_batch(struct text *text, const struct pictures *pictures, char **errors,
                      bool *valid)
{
    struct body body = { .buffer_count = 0 };
    struct flat flat = { .used = 0 };
    add_index(&body, pictures->count);
    add_texts(&body, pictures->count, pictures->names, valid);
    add_vectors(&body, pictures, valid);
    for (size_t i = 0; i < pictures->count; i++)
        errors[i] = error_text(pictures, i);
    add_texts(&body, pictures->count, errors, valid);
    uint32_t buffers = flat_pairs(&flat, (const int64_t(*)[2])body.buffers, body.buffer_count);
    uint32_t nodes = flat_pairs(&flat, (const int64_t(*)[2])body.nodes, body.node_count);
    flat_begin(&flat);
    flat_number(&flat, 0, (int64_t)pictures->count, 8);
    flat_offset(&flat, 1, nodes);
    flat_offset(&flat, 2, buffers);
    add_message(text, &flat, HEADER_BATCH, flat_end(&flat), body.bytes.length);
    text_add_bytes(text, body.bytes.data, body.bytes.length);
    text->failed = text->failed || body.bytes.failed;
    text_reset(&body.bytes);
}

void arrow_write(struct text *text, const struct pictures *pictures)
{
    char **errors = calloc(pictures->count, sizeof *errors);
    bool *valid = calloc(pictures->count, sizeof *valid);
    if (errors == NULL || valid == NULL) {
        text->failed = true;
    } else {
        add_schema(text, pictures->model);
        add_batch(text, pictures, errors, valid);
        add_number(text, 0xffffffff);
        add_number(text, 0);
    }
    for (size_t i = 0; errors != NULL && i < pictures->count; i++)
        free(errors[i]);
    free(errors);
    free(valid);
}
