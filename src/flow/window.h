// window.h: rows collected into windows, by row number or by time, with Towhee's exact rules
// (docs/pipelines.md). Windows that overlap form a chain: each row goes into every window it
// belongs to. Threads: one at a time.
#ifndef PLO_FLOW_WINDOW_H
#define PLO_FLOW_WINDOW_H

#include "core/value.h"

struct plo_window {
    bool by_time;      // positions are milliseconds, and an empty window aligns itself anew
    double size, step; // in positions
    double start, end, next_start;
    size_t columns;
    pipilo_value **cells; // count x columns; NULL where a cell was left out
    size_t count, capacity;
    size_t bytes;        // of the cells
    pipilo_value *error; // the first error value left out, or NULL
    struct plo_window *next;
};

// The first window of a chain, at position 0. `size` and `step` in positions; a size of INFINITY
// collects everything. NULL when out of memory.
struct plo_window *plo_window_create(bool by_time, double size, double step, size_t columns);

// Adds a row (cells borrowed; Empty and error values are left out) at `position`. Sets *complete
// when the first window of the chain holds rows and can take no more.
int plo_window_add(struct plo_window *window, pipilo_value *const *row, double position,
                   bool *complete, struct pipilo_error *err);

// Remembers an error value (borrowed) that belongs to no row of the window, unless there is one.
void plo_window_note(struct plo_window *window, pipilo_value *error);

// One list a column of the window's cells, into `lists` (owned by the caller).
int plo_window_lists(const struct plo_window *window, pipilo_value **lists,
                     struct pipilo_error *err);

// Frees the first window of the chain and sets *window to the next, which may be NULL.
void plo_window_pop(struct plo_window **window);

// Whether every cell was left out and one of them was an error.
bool plo_window_only_errors(const struct plo_window *window);

// Bytes of the cells the chain holds; 0 for NULL.
size_t plo_window_bytes(const struct plo_window *window);

#endif
