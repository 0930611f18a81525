// window.c: rows collected into windows (see window.h).
#include "flow/window.h"

#include <math.h>

#include "core/fail.h"

static struct plo_window *create_at(bool by_time, double size, double step, size_t columns,
                                    double start)
{
    struct plo_window *window = plo_alloc0(1, sizeof *window);
    if (window == NULL)
        return NULL;
    *window = (struct plo_window){ .by_time = by_time,
                                   .size = size,
                                   .step = step,
                                   .columns = columns,
                                   .start = start,
                                   .end = start + size,
                                   .next_start = start + step };
    return window;
}

struct plo_window *plo_window_create(bool by_time, double size, double step, size_t columns)
{
    return create_at(by_time, size, step, columns, 0);
}

void plo_window_note(struct plo_window *window, pipilo_value *error)
{
    if (window->error == NULL)
        window->error = pipilo_value_ref(error);
}

static int append(struct plo_window *window, pipilo_value *const *row, struct pipilo_error *err)
{
    if (window->count == window->capacity) {
        size_t capacity = window->capacity > 0 ? 2 * window->capacity : 8;
        pipilo_value **cells =
            plo_realloc(window->cells, capacity, (window->columns + 1) * sizeof *cells);
        if (cells == NULL)
            return plo_fail_nomem(err, 0);
        window->cells = cells;
        window->capacity = capacity;
    }
    for (size_t i = 0; i < window->columns; i++) {
        pipilo_value **cell = &window->cells[window->count * window->columns + i];
        bool error = row[i]->kind == PIPILO_ERROR;
        *cell = error || row[i]->kind == PIPILO_EMPTY ? NULL : pipilo_value_ref(row[i]);
        if (*cell != NULL)
            window->bytes += pipilo_value_size(*cell);
        if (error)
            plo_window_note(window, row[i]);
    }
    window->count++;
    return 0;
}

static struct plo_window *next_of(struct plo_window *window)
{
    if (window->next == NULL)
        window->next = create_at(window->by_time, window->size, window->step, window->columns,
                                 window->next_start);
    return window->next;
}

// An empty window that a row has overtaken moves to where the row is, onto the grid of steps.
static void align(struct plo_window *window, double position)
{
    window->start = floor(position / window->step) * window->step;
    window->end = window->start + window->size;
    window->next_start = window->start + window->step;
}

// Each turn of the loop hands the row to one window of the chain.
int plo_window_add(struct plo_window *window, pipilo_value *const *row, double position,
                   bool *complete, struct pipilo_error *err)
{
    struct plo_window *first = window;
    *complete = false;
    while (position >= window->start) {
        bool inside = position < window->end;
        if (!inside && window->by_time && window->count == 0) {
            align(window, position);
            inside = position < window->end;
            if (!inside)
                return 0;
        }
        if (inside)
            PLO_TRY(append(window, row, err));
        else if (window == first)
            *complete = window->count > 0;
        if (inside && position < window->next_start)
            return 0;
        window = next_of(window);
        if (window == NULL)
            return plo_fail_nomem(err, sizeof *window);
    }
    return 0;
}

int plo_window_lists(const struct plo_window *window, pipilo_value **lists,
                     struct pipilo_error *err)
{
    pipilo_value **items = plo_alloc0(window->count, sizeof *items);
    if (items == NULL)
        return plo_fail_nomem(err, window->count * sizeof *items);
    int result = 0;
    for (size_t c = 0; result == 0 && c < window->columns; c++) {
        size_t count = 0;
        for (size_t row = 0; row < window->count; row++) {
            pipilo_value *cell = window->cells[row * window->columns + c];
            if (cell != NULL)
                items[count++] = cell;
        }
        result = pipilo_value_create_list(&lists[c], items, count, err);
    }
    plo_free(items);
    return result;
}

void plo_window_pop(struct plo_window **slot)
{
    struct plo_window *window = *slot;
    if (window == NULL)
        return;
    *slot = window->next;
    for (size_t i = 0; i < window->count * window->columns; i++)
        pipilo_value_unref(&window->cells[i]);
    pipilo_value_unref(&window->error);
    plo_free(window->cells);
    plo_free(window);
}

bool plo_window_only_errors(const struct plo_window *window)
{
    for (size_t i = 0; i < window->count * window->columns; i++)
        if (window->cells[i] != NULL)
            return false;
    return window->error != NULL;
}

size_t plo_window_bytes(const struct plo_window *window)
{
    size_t bytes = 0;
    for (; window != NULL; window = window->next)
        bytes += window->bytes;
    return bytes;
}
