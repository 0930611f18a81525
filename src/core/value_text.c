// value_text.c: names of kinds and element types, and values written as JSON and as literals.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/fail.h"
#include "core/value.h"

static const struct {
    const char *name;
    size_t size;
} dtypes[] = {
    [PIPILO_U8] = { "uint8", 1 },    [PIPILO_U16] = { "uint16", 2 },
    [PIPILO_U32] = { "uint32", 4 },  [PIPILO_U64] = { "uint64", 8 },
    [PIPILO_I8] = { "int8", 1 },     [PIPILO_I16] = { "int16", 2 },
    [PIPILO_I32] = { "int32", 4 },   [PIPILO_I64] = { "int64", 8 },
    [PIPILO_F16] = { "float16", 2 }, [PIPILO_F32] = { "float32", 4 },
    [PIPILO_F64] = { "float64", 8 },
};

size_t pipilo_dtype_size(enum pipilo_dtype dtype)
{
    return (size_t)dtype < PLO_COUNT(dtypes) ? dtypes[dtype].size : 0;
}

const char *pipilo_dtype_name(enum pipilo_dtype dtype)
{
    return (size_t)dtype < PLO_COUNT(dtypes) ? dtypes[dtype].name : NULL;
}

const char *pipilo_kind_name(enum pipilo_kind kind)
{
    static const char *const names[] = { "none",  "bool",   "int",   "float", "string",
                                         "bytes", "tensor", "image", "list",  "iterator",
                                         "error", "empty",  "object" };
    return (size_t)kind < PLO_COUNT(names) ? names[kind] : "unknown";
}

// The shortest decimal that reads back as the same number; JSON has no NaN or infinity: null.
static void add_number(struct plo_str *str, double number, bool single)
{
    char text[40];
    if (!isfinite(number)) {
        plo_str_add(str, "null");
        return;
    }
    for (int digits = single ? 6 : 15; digits <= (single ? 9 : 17); digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (single ? strtof(text, NULL) == (float)number : strtod(text, NULL) == number)
            break;
    }
    plo_str_add(str, text);
    if (strpbrk(text, ".e") == NULL)
        plo_str_add(str, ".0");
}

// IEEE 754 binary16 to double.
static double half(uint16_t bits)
{
    int exponent = bits >> 10 & 31;
    double fraction = bits & 1023;
    double magnitude = exponent == 0    ? ldexp(fraction, -24)
                       : exponent == 31 ? (fraction > 0 ? NAN : INFINITY)
                                        : ldexp(fraction + 1024, exponent - 25);
    return bits >> 15 ? -magnitude : magnitude;
}

static void add_element(struct plo_str *str, enum pipilo_dtype dtype, const void *data, size_t i)
{
    switch (dtype) {
    case PIPILO_U8:
        plo_str_addf(str, "%u", ((const uint8_t *)data)[i]);
        break;
    case PIPILO_U16:
        plo_str_addf(str, "%u", ((const uint16_t *)data)[i]);
        break;
    case PIPILO_U32:
        plo_str_addf(str, "%u", ((const uint32_t *)data)[i]);
        break;
    case PIPILO_U64:
        plo_str_addf(str, "%llu", (unsigned long long)((const uint64_t *)data)[i]);
        break;
    case PIPILO_I8:
        plo_str_addf(str, "%d", ((const int8_t *)data)[i]);
        break;
    case PIPILO_I16:
        plo_str_addf(str, "%d", ((const int16_t *)data)[i]);
        break;
    case PIPILO_I32:
        plo_str_addf(str, "%d", ((const int32_t *)data)[i]);
        break;
    case PIPILO_I64:
        plo_str_addf(str, "%lld", (long long)((const int64_t *)data)[i]);
        break;
    case PIPILO_F16:
        add_number(str, half(((const uint16_t *)data)[i]), true);
        break;
    case PIPILO_F32:
        add_number(str, (double)((const float *)data)[i], true);
        break;
    case PIPILO_F64:
        add_number(str, ((const double *)data)[i], false);
        break;
    }
}

// Writes dimension `axis` on; `at` counts the elements written. No recursion deeper than 8.
static void add_tensor(struct plo_str *str, const struct pipilo_tensor *tensor, size_t axis,
                       size_t *at)
{
    if (axis == tensor->count) {
        add_element(str, tensor->dtype, tensor->data, (*at)++);
        return;
    }
    plo_str_add(str, "[");
    for (size_t i = 0; i < tensor->shape[axis] && !str->failed; i++) {
        if (i > 0)
            plo_str_add(str, ", ");
        add_tensor(str, tensor, axis + 1, at);
    }
    plo_str_add(str, "]");
}

static void add_error(const struct pipilo_error *error, struct plo_str *str)
{
    plo_str_addf(str, "{\"error\": {\"code\": \"%s\", \"where\": ", pipilo_error_name(error->code));
    plo_str_add_json(str, error->where);
    plo_str_add(str, ", \"message\": ");
    plo_str_add_json(str, error->message);
    plo_str_add(str, "}}");
}

static void add_items(const pipilo_value *list, struct plo_str *str,
                      void (*add)(const pipilo_value *item, struct plo_str *str))
{
    plo_str_add(str, "[");
    for (size_t i = 0; i < list->as.list.count; i++) {
        plo_str_add(str, i > 0 ? ", " : "");
        add(list->as.list.items[i], str);
    }
    plo_str_add(str, "]");
}

void plo_value_add_json(const pipilo_value *value, struct plo_str *str)
{
    size_t at = 0;
    switch (value->kind) {
    case PIPILO_NONE:
        plo_str_add(str, "null");
        break;
    case PIPILO_EMPTY:
        plo_str_add(str, "{\"_EMP\": true}");
        break;
    case PIPILO_BOOL:
        plo_str_add(str, value->as.b ? "true" : "false");
        break;
    case PIPILO_INT:
        plo_str_addf(str, "%lld", (long long)value->as.i);
        break;
    case PIPILO_FLOAT:
        add_number(str, value->as.f, false);
        break;
    case PIPILO_STRING:
        plo_str_add_json(str, value->as.string.text);
        break;
    case PIPILO_BYTES:
        plo_str_addf(str, "{\"bytes\": %zu}", value->as.bytes->size);
        break;
    case PIPILO_TENSOR:
        add_tensor(str, &value->as.tensor.view, 0, &at);
        break;
    case PIPILO_ERROR:
        add_error(value->as.error, str);
        break;
    case PIPILO_LIST:
        add_items(value, str, plo_value_add_json);
        break;
    default:
        if (value->as.object.class->to_json != NULL)
            value->as.object.class->to_json(value->as.object.object, str);
        else
            plo_str_addf(str, "{\"object\": \"%s\"}", value->as.object.class->name);
    }
}

int pipilo_value_to_json(const pipilo_value *value, char **out, struct pipilo_error *err)
{
    struct plo_str str = PLO_STR_INIT;
    plo_value_add_json(value, &str);
    *out = plo_str_take(&str);
    return *out != NULL ? 0 : plo_fail_nomem(err, 0);
}

static void add_quoted(struct plo_str *str, const char *text)
{
    plo_str_add(str, "'");
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\')
            plo_str_addf(str, "\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            plo_str_addf(str, "\\x%02x", (unsigned char)*text);
        else
            plo_str_add_bytes(str, text, 1);
    }
    plo_str_add(str, "'");
}

void plo_value_add_literal(const pipilo_value *value, struct plo_str *str)
{
    switch (value->kind) {
    case PIPILO_BOOL:
        plo_str_add(str, value->as.b ? "True" : "False");
        break;
    case PIPILO_INT:
        plo_str_addf(str, "%lld", (long long)value->as.i);
        break;
    case PIPILO_FLOAT:
        add_number(str, value->as.f, false);
        break;
    case PIPILO_STRING:
        add_quoted(str, value->as.string.text);
        break;
    case PIPILO_LIST:
        add_items(value, str, plo_value_add_literal);
        break;
    default:
        plo_str_add(str, "None");
    }
}
