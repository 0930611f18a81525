// items.h: what a value gives when it is indexed, iterated or tested, as in Python.
// Threads: any.
#ifndef PLO_FLOW_ITEMS_H
#define PLO_FLOW_ITEMS_H

#include <pipilo/sys/op.h>

#include "core/value.h"

// The next item of a list, tensor (its rows), string (its characters) or bytes (numbers), owned by
// the caller; *out = NULL at the end. *cursor begins at 0. PIPILO_EOPERATOR for what has no items.
int plo_item_next(pipilo_value *value, size_t *cursor, pipilo_value **out,
                  struct pipilo_error *err);

// Item `index`, owned; *out = NULL past the end.
int plo_item_at(pipilo_value *value, size_t index, pipilo_value **out, struct pipilo_error *err);

// Python's truth: zero, None and what is empty are false. A tensor is true where any byte is set;
// an error is true, so that a filter keeps its row.
bool plo_is_true(const pipilo_value *value);

// Replaces an iterator by what it gives: a list, or with `lists` > 1 a list of that many lists, the
// first with every item's first item and so on.
int plo_drain(pipilo_value **value, size_t lists, struct pipilo_error *err);

#endif
