// item.h: what read_dir gives beside a picture, for the operators that write: where it came from.
// It travels as a value of kind OBJECT. Threads: immutable.
#ifndef PLO_OPS_ITEM_H
#define PLO_OPS_ITEM_H

#include "core/value.h"
#include "source/source.h"

struct plo_row_item {
    struct plo_item item;
    int64_t number; // among the inputs that this run takes
    int64_t row;    // of the table that is updated, which this input's row replaces; -1: none
};

extern const struct plo_class plo_row_item_class;

// Takes what `item` holds over, on failure too.
int plo_row_item_wrap(pipilo_value **out, struct plo_item *item, int64_t number, int64_t row,
                      struct pipilo_error *err);

#endif
