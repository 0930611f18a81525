// json.c: jansson behind json.h. A node is jansson's json_t; nothing outside this file knows it.
#include "base/json.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODE(node) ((const json_t *)(const void *)(node))
#define WRAP(node) ((const struct plo_json *)(const void *)(node))

// jansson's own limit is 2048 levels, deep enough for a small thread stack to end.
static bool too_deep(const char *text, size_t size)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '[' || c == '{') {
            if (++depth > PLO_JSON_DEPTH)
                return true;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return false;
}

int plo_json_parse(struct plo_json **out, const char *text, size_t size, char *why, size_t why_size)
{
    *out = NULL;
    why[0] = '\0';
    if (too_deep(text, size)) {
        snprintf(why, why_size, "more than %d brackets within brackets", PLO_JSON_DEPTH);
        return -EINVAL;
    }
    json_error_t error;
    // jansson drops a character where it gets no memory for it, and goes on: what it gives then is
    // another text's, or an error that is none. errno says so, unless a number was read since.
    int before = errno;
    errno = 0;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    bool no_memory = errno == ENOMEM;
    errno = before;
    if (no_memory) {
        json_decref(root);
        snprintf(why, why_size, "the system gave no memory");
        return -ENOMEM;
    }
    if (root == NULL) {
        snprintf(why, why_size, "line %d: %s", error.line, error.text);
        // The text quotes what stands there, and that may hold anything.
        for (char *c = why; *c != '\0'; c++)
            if ((unsigned char)*c < 0x20)
                *c = ' ';
        return -EINVAL;
    }
    *out = (struct plo_json *)(void *)root;
    return 0;
}

void plo_json_free(struct plo_json *root)
{
    json_decref((json_t *)(void *)root);
}

enum plo_json_kind plo_json_kind(const struct plo_json *node)
{
    if (node == NULL)
        return PLO_JSON_MISSING;
    switch (json_typeof(NODE(node))) {
    case JSON_NULL:
        return PLO_JSON_NULL;
    case JSON_TRUE:
    case JSON_FALSE:
        return PLO_JSON_BOOL;
    case JSON_INTEGER:
        return PLO_JSON_INT;
    case JSON_REAL:
        return PLO_JSON_REAL;
    case JSON_STRING:
        return PLO_JSON_STRING;
    case JSON_ARRAY:
        return PLO_JSON_ARRAY;
    case JSON_OBJECT:
        break;
    }
    return PLO_JSON_OBJECT;
}

const char *plo_json_kind_name(enum plo_json_kind kind)
{
    static const char *const names[] = {
        [PLO_JSON_MISSING] = "nothing",    [PLO_JSON_NULL] = "null",
        [PLO_JSON_BOOL] = "true or false", [PLO_JSON_INT] = "a whole number",
        [PLO_JSON_REAL] = "a number",      [PLO_JSON_STRING] = "a string",
        [PLO_JSON_ARRAY] = "an array",     [PLO_JSON_OBJECT] = "an object",
    };
    return names[kind];
}

const struct plo_json *plo_json_get(const struct plo_json *object, const char *key)
{
    return WRAP(json_object_get(NODE(object), key));
}

const char *plo_json_string(const struct plo_json *node)
{
    return json_string_value(NODE(node));
}

double plo_json_number(const struct plo_json *node)
{
    return json_number_value(NODE(node));
}

int64_t plo_json_int(const struct plo_json *node)
{
    return (int64_t)json_integer_value(NODE(node));
}

bool plo_json_bool(const struct plo_json *node)
{
    return json_is_true(NODE(node));
}

bool plo_json_is_number(const struct plo_json *node)
{
    return json_is_number(NODE(node));
}

size_t plo_json_count(const struct plo_json *node)
{
    return json_is_object(NODE(node)) ? json_object_size(NODE(node)) : json_array_size(NODE(node));
}

const struct plo_json *plo_json_item(const struct plo_json *array, size_t index)
{
    return WRAP(json_array_get(NODE(array), index));
}

int plo_json_each(const struct plo_json *object, void *cookie,
                  int (*each)(void *cookie, const char *key, const struct plo_json *value))
{
    // jansson's iterator asks for a mutable object but changes nothing.
    json_t *mutable = (json_t *)(uintptr_t)NODE(object);
    for (void *at = json_object_iter(mutable); at != NULL;
         at = json_object_iter_next(mutable, at)) {
        int result = each(cookie, json_object_iter_key(at), WRAP(json_object_iter_value(at)));
        if (result != 0)
            return result;
    }
    return 0;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct keys {
    const char **names;
    size_t count;
};

static int collect_key(void *cookie, const char *key, const struct plo_json *value)
{
    (void)value;
    struct keys *keys = cookie;
    keys->names[keys->count++] = key;
    return 0;
}

static void write_object(const struct plo_json *node, struct plo_str *str)
{
    struct keys keys = { plo_alloc0(plo_json_count(node) + 1, sizeof(char *)), 0 };
    if (keys.names == NULL) {
        str->failed = true;
        return;
    }
    plo_json_each(node, &keys, collect_key);
    qsort(keys.names, keys.count, sizeof *keys.names, compare_keys);
    plo_str_add(str, "{");
    for (size_t i = 0; i < keys.count; i++) {
        plo_str_add(str, i > 0 ? "," : "");
        plo_str_add_json(str, keys.names[i]);
        plo_str_add(str, ":");
        plo_json_write(plo_json_get(node, keys.names[i]), str);
    }
    plo_str_add(str, "}");
    plo_free(keys.names);
}

void plo_json_write(const struct plo_json *node, struct plo_str *str)
{
    switch (plo_json_kind(node)) {
    case PLO_JSON_MISSING:
    case PLO_JSON_NULL:
        plo_str_add(str, "null");
        break;
    case PLO_JSON_BOOL:
        plo_str_add(str, plo_json_bool(node) ? "true" : "false");
        break;
    case PLO_JSON_INT:
        plo_str_addf(str, "%lld", (long long)plo_json_int(node));
        break;
    case PLO_JSON_REAL:
        plo_str_add_number(str, plo_json_number(node));
        break;
    case PLO_JSON_STRING:
        plo_str_add_json(str, plo_json_string(node));
        break;
    case PLO_JSON_ARRAY:
        plo_str_add(str, "[");
        for (size_t i = 0; i < plo_json_count(node); i++) {
            plo_str_add(str, i > 0 ? "," : "");
            plo_json_write(plo_json_item(node, i), str);
        }
        plo_str_add(str, "]");
        break;
    case PLO_JSON_OBJECT:
        write_object(node, str);
        break;
    }
}

void plo_str_add_number(struct plo_str *str, double number)
{
    if (!isfinite(number)) {
        plo_str_add(str, "null");
        return;
    }
    // "-0" reads back as a whole number, which has no sign.
    if (number == 0 && signbit(number)) {
        plo_str_add(str, "-0.0");
        return;
    }
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    // The locale's decimal sign is whatever is not part of any other number.
    for (char *c = text; *c != '\0'; c++)
        if (strchr("0123456789+-eE", *c) == NULL)
            *c = '.';
    plo_str_add(str, text);
}
