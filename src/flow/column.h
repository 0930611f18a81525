// column.h: a stream of values with one node that fills it and any number of readers, each at its
// own place. A value is dropped when the slowest reader has passed it. A SCALAR column holds one
// value instead, which readers see once the column is sealed and which is never used up.
//
// Bounded in rows and in bytes; a bound may be raised by the run when nothing else can move.
// Threads: the run's lock guards everything here.
#ifndef PLO_FLOW_COLUMN_H
#define PLO_FLOW_COLUMN_H

#include "core/value.h"

enum { PLO_COLUMN_ROWS = 64 };              // a new column's bound in rows
#define PLO_COLUMN_BYTES ((size_t)32 << 20) // and in bytes

struct plo_column {
    bool scalar;
    bool sealed;         // nothing more will be put
    bool keeps_empty;    // a stream in which Empty takes a place like any value
    pipilo_value *value; // of a scalar; NULL: never set
    pipilo_value **ring; // of a stream, `capacity` places, a power of two
    size_t capacity;
    uint64_t head, tail; // numbers of the oldest value held and of the next to come
    size_t bytes;        // of the values held
    size_t most_rows, most_bytes;
    uint64_t *places; // a reader's next value; UINT64_MAX for one that has left
    size_t readers;
};

// Adds a reader before the run begins; gives its number.
int plo_column_add_reader(struct plo_column *column, size_t *reader, struct pipilo_error *err);

// Consumes `value`, on failure too. Empty is dropped unless the stream keeps it, as is what nobody
// will read.
int plo_column_put(struct plo_column *column, pipilo_value *value, struct pipilo_error *err);

// Rows that may still be put; SIZE_MAX for a scalar.
size_t plo_column_room(const struct plo_column *column);

// The reader's next value (borrowed), or NULL where there is none now.
pipilo_value *plo_column_peek(const struct plo_column *column, size_t reader);

// Moves the reader past its next value.
void plo_column_advance(struct plo_column *column, size_t reader);

// The reader wants no more; what only it held is dropped.
void plo_column_leave(struct plo_column *column, size_t reader);

void plo_column_reset(struct plo_column *column);

#endif
