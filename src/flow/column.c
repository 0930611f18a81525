// column.c: a bounded stream with many readers (see column.h).
#include "flow/column.h"

#include "core/fail.h"

int plo_column_add_reader(struct plo_column *column, size_t *reader, struct pipilo_error *err)
{
    uint64_t *places = plo_realloc(column->places, column->readers + 1, sizeof *places);
    if (places == NULL)
        return plo_fail_nomem(err, 0);
    column->places = places;
    places[column->readers] = 0;
    *reader = column->readers++;
    return 0;
}

static pipilo_value **place(const struct plo_column *column, uint64_t number)
{
    return &column->ring[number & (column->capacity - 1)];
}

static int grow(struct plo_column *column, struct pipilo_error *err)
{
    size_t capacity = column->capacity > 0 ? 2 * column->capacity : 8;
    pipilo_value **ring = plo_alloc0(capacity, sizeof *ring);
    if (ring == NULL)
        return plo_fail_nomem(err, capacity * sizeof *ring);
    for (uint64_t i = column->head; i < column->tail; i++)
        ring[i & (capacity - 1)] = *place(column, i);
    plo_free(column->ring);
    column->ring = ring;
    column->capacity = capacity;
    return 0;
}

static uint64_t slowest(const struct plo_column *column)
{
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < column->readers; i++)
        least = column->places[i] < least ? column->places[i] : least;
    return least < column->tail ? least : column->tail;
}

static void drop_passed(struct plo_column *column)
{
    uint64_t upto = slowest(column);
    for (; column->head < upto; column->head++) {
        pipilo_value **value = place(column, column->head);
        column->bytes -= pipilo_value_size(*value);
        pipilo_value_unref(value);
    }
}

int plo_column_put(struct plo_column *column, pipilo_value *value, struct pipilo_error *err)
{
    if (value->kind == PIPILO_EMPTY && (column->scalar || !column->keeps_empty)) {
        pipilo_value_unref(&value);
        return 0;
    }
    if (column->scalar) {
        pipilo_value_unref(&column->value);
        column->value = value;
        return 0;
    }
    if (column->tail - column->head == column->capacity) {
        int result = grow(column, err);
        if (result < 0) {
            pipilo_value_unref(&value);
            return result;
        }
    }
    *place(column, column->tail++) = value;
    column->bytes += pipilo_value_size(value);
    if (slowest(column) > column->head) // nobody reads it
        drop_passed(column);
    return 0;
}

size_t plo_column_room(const struct plo_column *column)
{
    if (column->scalar)
        return SIZE_MAX;
    size_t held = (size_t)(column->tail - column->head);
    if (held >= column->most_rows || (held > 0 && column->bytes >= column->most_bytes))
        return 0;
    return column->most_rows - held;
}

pipilo_value *plo_column_peek(const struct plo_column *column, size_t reader)
{
    uint64_t at = column->places[reader];
    return at < column->tail ? *place(column, at) : NULL;
}

void plo_column_advance(struct plo_column *column, size_t reader)
{
    if (column->places[reader]++ == column->head)
        drop_passed(column);
}

void plo_column_leave(struct plo_column *column, size_t reader)
{
    column->places[reader] = UINT64_MAX;
    drop_passed(column);
}

void plo_column_reset(struct plo_column *column)
{
    for (; column->head < column->tail; column->head++)
        pipilo_value_unref(place(column, column->head));
    pipilo_value_unref(&column->value);
    plo_free(column->ring);
    plo_free(column->places);
    *column = (struct plo_column){ 0 };
}
