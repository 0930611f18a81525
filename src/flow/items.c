// items.c: indexing, iterating and testing values as Python does (see items.h).
#include "flow/items.h"

#include <string.h>

#include "core/fail.h"

// Bytes of the UTF-8 character at `text`.
static size_t character(const char *text)
{
    size_t length = 1;
    while (((unsigned char)text[length] & 0xc0) == 0x80 && length < 4)
        length++;
    return length;
}

static int string_item(const pipilo_value *value, size_t *cursor, pipilo_value **out,
                       struct pipilo_error *err)
{
    char item[8] = { 0 };
    const char *text = value->as.string.text + *cursor;
    if (*text == '\0')
        return 0;
    size_t length = character(text);
    memcpy(item, text, length);
    *cursor += length;
    return pipilo_value_create_string(out, item, err);
}

// A row as a view of the tensor's own memory.
static int tensor_item(pipilo_value *value, size_t row, pipilo_value **out,
                       struct pipilo_error *err)
{
    struct pipilo_tensor view = value->as.tensor.view;
    size_t bytes = pipilo_dtype_size(view.dtype);
    for (size_t i = 1; i < view.count; i++)
        bytes *= view.shape[i];
    view.data = (const uint8_t *)view.data + row * bytes;
    view.count--;
    memmove(view.shape, view.shape + 1, view.count * sizeof view.shape[0]);
    return plo_value_wrap_tensor(out, plo_buf_ref(value->as.tensor.owner), &view, err);
}

int plo_item_next(pipilo_value *value, size_t *cursor, pipilo_value **out, struct pipilo_error *err)
{
    *out = NULL;
    if (value->kind == PIPILO_STRING)
        return string_item(value, cursor, out, err);
    size_t at = (*cursor)++;
    if (value->kind == PIPILO_LIST) {
        pipilo_value *item = pipilo_value_list_item(value, at);
        *out = item != NULL ? pipilo_value_ref(item) : NULL;
        return 0;
    }
    if (value->kind == PIPILO_TENSOR && value->as.tensor.view.count > 0)
        return at < value->as.tensor.view.shape[0] ? tensor_item(value, at, out, err) : 0;
    if (value->kind == PIPILO_BYTES) {
        const struct plo_buf *bytes = value->as.bytes;
        return at < bytes->size ? pipilo_value_create_int(out, bytes->data[at], err) : 0;
    }
    return plo_fail(err, PIPILO_EOPERATOR, "a value of kind %s is not iterable",
                    pipilo_kind_name(value->kind));
}

int plo_item_at(pipilo_value *value, size_t index, pipilo_value **out, struct pipilo_error *err)
{
    size_t cursor = value->kind == PIPILO_STRING ? 0 : index;
    for (size_t i = 0; value->kind == PIPILO_STRING && i < index; i++) {
        const char *text = value->as.string.text + cursor;
        cursor += *text != '\0' ? character(text) : 0;
    }
    return plo_item_next(value, &cursor, out, err);
}

static bool any_byte(const pipilo_value *value)
{
    const struct pipilo_tensor *tensor = &value->as.tensor.view;
    size_t bytes = pipilo_dtype_size(tensor->dtype);
    for (size_t i = 0; i < tensor->count; i++)
        bytes *= tensor->shape[i];
    for (size_t i = 0; i < bytes; i++)
        if (((const uint8_t *)tensor->data)[i] != 0)
            return true;
    return false;
}

bool plo_is_true(const pipilo_value *value)
{
    switch (value->kind) {
    case PIPILO_NONE:
    case PIPILO_EMPTY:
        return false;
    case PIPILO_BOOL:
        return value->as.b;
    case PIPILO_INT:
        return value->as.i != 0;
    case PIPILO_FLOAT:
        return value->as.f != 0;
    case PIPILO_STRING:
        return value->as.string.length > 0;
    case PIPILO_BYTES:
        return value->as.bytes->size > 0;
    case PIPILO_LIST:
        return value->as.list.count > 0;
    case PIPILO_TENSOR:
        return any_byte(value);
    default:
        return true;
    }
}

struct items {
    pipilo_value **values;
    size_t count, capacity;
};

static int append(struct items *items, pipilo_value *value, struct pipilo_error *err)
{
    if (items->count == items->capacity) {
        size_t capacity = items->capacity > 0 ? 2 * items->capacity : 8;
        pipilo_value **values = plo_realloc(items->values, capacity, sizeof *values);
        if (values == NULL) {
            pipilo_value_unref(&value);
            return plo_fail_nomem(err, capacity * sizeof *values);
        }
        items->values = values;
        items->capacity = capacity;
    }
    items->values[items->count++] = value;
    return 0;
}

static void reset(struct items *items)
{
    for (size_t i = 0; i < items->count; i++)
        pipilo_value_unref(&items->values[i]);
    plo_free(items->values);
    *items = (struct items){ 0 };
}

static int to_list(struct items *items, pipilo_value **out, struct pipilo_error *err)
{
    return pipilo_value_create_list(out, items->values, items->count, err);
}

// A list of `lists` lists: the columns of the items.
static int to_columns(const struct items *items, size_t lists, pipilo_value **out,
                      struct pipilo_error *err)
{
    struct items columns = { 0 };
    int result = 0;
    for (size_t c = 0; c < lists && result == 0; c++) {
        struct items column = { 0 };
        pipilo_value *list = NULL, *item = NULL;
        for (size_t i = 0; i < items->count && result == 0; i++) {
            result = plo_item_at(items->values[i], c, &item, err);
            if (result == 0 && item == NULL)
                result =
                    plo_fail(err, PIPILO_EOPERATOR, "an item has %zu values, not %zu", c, lists);
            if (result == 0)
                result = append(&column, item, err);
        }
        if (result == 0)
            result = to_list(&column, &list, err);
        if (result == 0)
            result = append(&columns, list, err);
        reset(&column);
    }
    if (result == 0)
        result = to_list(&columns, out, err);
    reset(&columns);
    return result;
}

int plo_drain(pipilo_value **value, size_t lists, struct pipilo_error *err)
{
    struct items items = { 0 };
    pipilo_value *item = NULL, *list = NULL;
    const struct plo_class *class = (*value)->as.object.class;
    int result;
    while ((result = class->next((*value)->as.object.object, &item, err)) == PIPILO_LATER ||
           (result == 0 && item != NULL)) {
        if (result == PIPILO_LATER)
            continue;
        result = append(&items, item, err);
        if (result < 0)
            break;
        item = NULL;
    }
    if (result == 0)
        result = lists > 1 ? to_columns(&items, lists, &list, err) : to_list(&items, &list, err);
    reset(&items);
    if (result < 0)
        return result;
    pipilo_value_unref(value);
    *value = list;
    return 0;
}
