// item.c: the object that travels beside a picture (see item.h).
#include "ops/item.h"

#include <inttypes.h>

#include "core/fail.h"

static void item_free(void *object)
{
    struct plo_row_item *row = object;
    plo_item_reset(&row->item);
    plo_free(row);
}

// The picture's bytes, where it has some, are the image value's too and counted there.
static size_t item_size(const void *object)
{
    const struct plo_row_item *row = object;
    size_t size = sizeof *row;
    for (size_t i = 0; row->item.members != NULL && i < row->item.members->count; i++)
        if (row->item.members->list[i].bytes != NULL)
            size += row->item.members->list[i].bytes->size;
    return size;
}

static void item_to_json(const void *object, struct plo_str *str)
{
    const struct plo_row_item *row = object;
    plo_str_add(str, "{\"source\": ");
    plo_str_add_json(str, row->item.source);
    plo_str_addf(str, ", \"size\": %" PRIu64 ", \"mtime_ns\": %" PRId64, row->item.size,
                 row->item.mtime_ns);
    if (row->item.key != NULL) {
        plo_str_add(str, ", \"key\": ");
        plo_str_add_json(str, row->item.key);
    }
    plo_str_add(str, "}");
}

const struct plo_class plo_row_item_class = {
    .kind = PIPILO_OBJECT,
    .name = "item",
    .free = item_free,
    .size = item_size,
    .to_json = item_to_json,
};

int plo_row_item_wrap(pipilo_value **out, struct plo_item *item, int64_t number, int64_t row,
                      struct pipilo_error *err)
{
    struct plo_row_item *copy = plo_alloc(sizeof *copy);
    if (copy == NULL) {
        plo_item_reset(item);
        return plo_fail_nomem(err, sizeof *copy);
    }
    copy->item = *item;
    copy->number = number;
    copy->row = row;
    *item = (struct plo_item){ 0 };
    return plo_value_wrap_object(out, &plo_row_item_class, copy, err);
}
