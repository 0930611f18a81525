// wire.c: values as Towhee's JSON (see wire.h).
#include "wire.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base64.h"

static int fail(struct pipilo_error *err, const char *message)
{
    *err = (struct pipilo_error){ .code = PIPILO_EINVALID };
    snprintf(err->message, sizeof err->message, "%s", message);
    return err->code;
}

static int no_memory(struct pipilo_error *err)
{
    *err = (struct pipilo_error){ PIPILO_ENOMEM, "", "no memory for the request" };
    return err->code;
}

// --- reading -------------------------------------------------------------------------------------

static int read_base64(pipilo_value **out, const char *text, struct pipilo_error *err)
{
    // Decoded where it lies: the text is the request's body.
    char *bytes = (char *)(uintptr_t)text;
    size_t size = base64_decode((uint8_t *)bytes, text, strlen(text));
    return size != SIZE_MAX ? pipilo_value_create_image(out, bytes, size, err)
                            : fail(err, "a picture is no base64");
}

static int read_string(pipilo_value **out, const char *text, struct pipilo_error *err)
{
    const char *comma = strncasecmp(text, "data:", 5) == 0 ? strchr(text, ',') : NULL;
    if (comma != NULL && comma - text > 12 && strncasecmp(comma - 7, ";base64", 7) == 0)
        return read_base64(out, comma + 1, err);
    return fail(err, "a string is no picture, and no path of a request is opened: send the "
                     "picture as data:image/..;base64,.. or {\"image\": base64}");
}

// {"image": ..}, {"bytes": ..}, {"url": ..}, {"image_url": ..}: the string inside; and {"content":
// [..]} with one of these.
static int read_picture(pipilo_value **out, const struct json *node, struct pipilo_error *err)
{
    const struct json *url = json_get(node, "url"), *image_url = json_get(node, "image_url");
    const struct json *content = json_get(node, "content"), *inner = json_get(node, "image");
    const char *image = json_text(inner);
    if (json_kind(content) == JSON_ARRAY && content->length == 1)
        inner = content->first;
    if (json_kind(inner) == JSON_OBJECT)
        return read_picture(out, inner, err);
    if (json_kind(content) == JSON_ARRAY && json_text(inner) != NULL)
        return read_string(out, json_text(inner), err);
    if (image == NULL)
        image = json_text(json_get(node, "bytes"));
    if (image != NULL && strncasecmp(image, "data:", 5) != 0)
        return read_base64(out, image, err);
    if (image != NULL)
        return read_string(out, image, err);
    if (image_url != NULL)
        url = json_kind(image_url) == JSON_OBJECT ? json_get(image_url, "url") : image_url;
    return json_text(url) != NULL
               ? read_string(out, json_text(url), err)
               : fail(err, "an object is a picture ({\"image\": ..}) or a tensor ({\"_NP\": ..})");
}

// The shape of nested arrays, by their first items.
static int read_shape(struct pipilo_tensor *view, size_t *count, const struct json *node)
{
    *count = 1;
    for (view->count = 0; json_kind(node) == JSON_ARRAY; node = node->first) {
        if (view->count == PIPILO_MAX_DIMENSIONS)
            return -1;
        view->shape[view->count++] = node->length;
        if (node->length == 0)
            *count = 0;
        // No more values than the JSON has: a shape that is not regular is found when it is filled.
        if (*count > JSON_NODES / (node->length + 1))
            return -1;
        *count *= node->length;
    }
    return 0;
}

static bool fill(const struct pipilo_tensor *view, size_t depth, const struct json *node,
                 double **to)
{
    if (depth == view->count) {
        if (json_kind(node) != JSON_NUMBER)
            return false;
        *(*to)++ = node->number;
        return true;
    }
    if (json_kind(node) != JSON_ARRAY || node->length != view->shape[depth])
        return false;
    for (const struct json *child = node->first; child != NULL; child = child->next)
        if (!fill(view, depth + 1, child, to))
            return false;
    return true;
}

// A double as an element of `dtype`; false where it does not fit.
static bool put(enum pipilo_dtype dtype, double number, void *to)
{
    static const double least[] = { 0, 0, 0, 0, 0, -128, -32768, -2147483648.0, -0x1p63 };
    static const double most[] = { 0,   255,   65535,        4294967295.0, 0x1p64,
                                   127, 32767, 2147483647.0, 0x1p63 };
    if (dtype == PIPILO_F32) {
        float value = (float)number;
        memcpy(to, &value, sizeof value);
        return true;
    }
    if (dtype == PIPILO_F64) {
        memcpy(to, &number, sizeof number);
        return true;
    }
    // 16 bits of float have no type in C.
    bool fits = dtype <= PIPILO_I64 && number == floor(number) && number >= least[dtype] &&
                number <= most[dtype] && (fabs(number) < 0x1p63 || dtype != PIPILO_I64) &&
                number < 0x1p64;
    uint64_t bits = !fits ? 0 : number < 0 ? (uint64_t)(int64_t)number : (uint64_t)number;
    // Elements are little-endian, as the host is.
    memcpy(to, &bits, pipilo_dtype_size(dtype));
    return fits;
}

static int read_tensor(pipilo_value **out, const struct json *node, struct pipilo_error *err)
{
    long long dtype = 0;
    size_t count;
    struct pipilo_tensor view = { 0 };
    const struct json *data = json_get(node, "data");
    if (!json_int(json_get(node, "dtype"), PIPILO_U8, PIPILO_F64, &dtype) || dtype == PIPILO_F16 ||
        json_kind(data) != JSON_ARRAY || read_shape(&view, &count, data) < 0)
        return fail(err, "a tensor is {\"_NP\": true, \"dtype\": 1 to 11 but 9, \"data\": arrays}");
    view.dtype = (enum pipilo_dtype)dtype;
    size_t size = pipilo_dtype_size(view.dtype);
    double *numbers = calloc(count + 1, sizeof *numbers), *end = numbers;
    char *elements = calloc(count + 1, size);
    int result = 0;
    if (numbers == NULL || elements == NULL)
        result = no_memory(err);
    else if (!fill(&view, 0, data, &end))
        result = fail(err, "a tensor's data are not regular arrays of numbers");
    for (size_t i = 0; result == 0 && i < count; i++)
        if (!put(view.dtype, numbers[i], elements + i * size))
            result = fail(err, "a tensor's number does not fit its dtype");
    view.data = elements;
    if (result == 0)
        result = pipilo_value_create_tensor(out, &view, err);
    free(numbers);
    free(elements);
    return result;
}

static int read_list(pipilo_value **out, const struct json *node, struct pipilo_error *err)
{
    pipilo_value **items = calloc(node->length + 1, sizeof(pipilo_value *));
    size_t count = 0;
    int result = 0;
    if (items == NULL)
        return no_memory(err);
    for (const struct json *child = node->first; result == 0 && child != NULL; child = child->next)
        result = wire_read(&items[count++], child, err);
    if (result == 0)
        result = pipilo_value_create_list(out, items, count, err);
    while (count > 0)
        pipilo_value_unref(&items[--count]);
    free(items);
    return result;
}

int wire_read(pipilo_value **out, const struct json *node, struct pipilo_error *err)
{
    *out = NULL;
    switch (json_kind(node)) {
    case JSON_NULL:
        *out = pipilo_value_none();
        return 0;
    case JSON_BOOL:
        return pipilo_value_create_bool(out, json_is_set(node), err);
    case JSON_NUMBER:
        if (node->number == floor(node->number) && fabs(node->number) < 0x1p53)
            return pipilo_value_create_int(out, (int64_t)node->number, err);
        return pipilo_value_create_float(out, node->number, err);
    case JSON_STRING:
        return read_string(out, node->string, err);
    case JSON_ARRAY:
        return read_list(out, node, err);
    case JSON_OBJECT:
        if (json_is_set(json_get(node, "_NP")))
            return read_tensor(out, node, err);
        if (json_is_set(json_get(node, "_EMP"))) {
            *out = pipilo_value_empty();
            return 0;
        }
        return read_picture(out, node, err);
    default:
        return fail(err, "a value is missing");
    }
}

// --- writing -------------------------------------------------------------------------------------

static void add_double(struct text *text, double number)
{
    if (isfinite(number))
        text_addf(text, "%.17g", number);
    else
        text_add(text, "null");
}

static void add_element(struct text *text, enum pipilo_dtype dtype, const char *at)
{
    uint64_t bits = 0;
    float single;
    double full;
    size_t size = pipilo_dtype_size(dtype);
    memcpy(&bits, at, size);
    if (dtype == PIPILO_F32) {
        memcpy(&single, at, sizeof single);
        text_add_float(text, single);
    } else if (dtype == PIPILO_F64) {
        memcpy(&full, at, sizeof full);
        add_double(text, full);
    } else if (dtype >= PIPILO_I8) {
        unsigned shift = (unsigned)(64 - 8 * size);
        text_addf(text, "%lld", (long long)((int64_t)(bits << shift) >> shift));
    } else {
        text_addf(text, "%llu", (unsigned long long)bits);
    }
}

static const char *add_nested(struct text *text, const struct pipilo_tensor *view, size_t depth,
                              const char *at)
{
    if (depth == view->count) {
        add_element(text, view->dtype, at);
        return at + pipilo_dtype_size(view->dtype);
    }
    text_add(text, "[");
    for (size_t i = 0; i < view->shape[depth] && !text->failed; i++) {
        if (i > 0)
            text_add(text, ", ");
        at = add_nested(text, view, depth + 1, at);
    }
    text_add(text, "]");
    return at;
}

static void add_other(struct text *text, const pipilo_value *value)
{
    char *json = NULL;
    if (pipilo_value_to_json(value, &json, NULL) < 0)
        text->failed = true;
    else
        text_add(text, json);
    pipilo_free(json);
}

void wire_write(struct text *text, const pipilo_value *value)
{
    struct pipilo_tensor view;
    // 16 bits of float have no type in C: the library writes them.
    if (pipilo_value_tensor(value, &view) && view.dtype != PIPILO_F16) {
        text_addf(text, "{\"_NP\": true, \"dtype\": %d, \"data\": ", (int)view.dtype);
        add_nested(text, &view, 0, view.data);
        text_add(text, "}");
    } else if (pipilo_value_kind(value) == PIPILO_EMPTY) {
        text_add(text, "{\"_EMP\": true}");
    } else if (pipilo_value_kind(value) == PIPILO_LIST) {
        text_add(text, "[");
        for (size_t i = 0; i < pipilo_value_list_count(value); i++) {
            text_add(text, i > 0 ? ", " : "");
            wire_write(text, pipilo_value_list_item(value, i));
        }
        text_add(text, "]");
    } else {
        add_other(text, value);
    }
}
