// table.h: rows kept column by column in the layout of Apache Arrow, in C memory that needs no
// interpreter: whoever reads it may let it go on any thread. table.c fills it, arrow.c lends it
// out.
//
// Threads: one at a time while it is filled; afterwards it never changes, and any may read it.
#ifndef PLOPY_TABLE_H
#define PLOPY_TABLE_H

#include "core.h"

#include <stdatomic.h>

enum plopy_layout {
    PLOPY_NULLS, // nothing but nulls
    PLOPY_BITS,  // bools
    PLOPY_FIXED, // numbers, or lists of `width` numbers
    PLOPY_TEXT,  // strings or bytes of any length
};

struct plopy_column {
    char *name;
    char format[32]; // Arrow's
    char item[2];    // of a list: the format of its items; else ""
    enum plopy_layout layout;
    size_t width; // of a list; else 0
    size_t size;  // bytes of a row, where they are fixed
    bool nullable;

    size_t rows, nulls;
    uint8_t *validity; // a bit a row; NULL while no row is null
    size_t validity_room;
    int32_t *offsets; // of texts: where a row begins and, one further, where it ends; in bytes
    size_t offsets_room;
    char *data;
    size_t used, data_room; // bytes
};

struct plopy_table {
    atomic_size_t refs;
    size_t shown, count; // columns; only the first `shown` are lent out
    struct plopy_column columns[];
};

enum plopy_table_result { PLOPY_ADDED, PLOPY_NO_MEMORY, PLOPY_TOO_LONG };

// A table with one reference, without rows and formats, or NULL for want of memory.
struct plopy_table *plopy_table_create(size_t count, size_t shown);
struct plopy_table *plopy_table_ref(struct plopy_table *table);
void plopy_table_unref(struct plopy_table *table);
size_t plopy_table_rows(const struct plopy_table *table);

// Gives a column its name and format: Arrow's, of the types n, b, u, z and numbers, or
// "+w:WIDTH:ITEM" for lists of that many numbers. False for another format or no memory.
bool plopy_column_init(struct plopy_column *column, const char *name, const char *format,
                       bool nullable);

// One row more: for FIXED `size` bytes as column->size says, for BITS one byte, for TEXT any. With
// `data` NULL it is null: in lists of float32 the numbers are NaN, else they are 0.
enum plopy_table_result plopy_column_add(struct plopy_column *column, const void *data,
                                         size_t size);

// Frees what the column holds.
void plopy_column_reset(struct plopy_column *column);

static inline bool plopy_column_is_null(const struct plopy_column *column, size_t row)
{
    return column->validity != NULL && (column->validity[row / 8] >> row % 8 & 1) == 0;
}

// Sets the exception for a result that is not PLOPY_ADDED. Returns NULL.
PyObject *plopy_table_raise(enum plopy_table_result result);

// A _core.Table of a table that is full: room that was not needed is given back. Takes the
// reference, on failure too.
PyObject *plopy_table_object(struct plopy_table *table);

// arrow.c: capsules over the table: its schema, one array with all rows, a stream of arrays.
PyObject *plopy_arrow_schema(struct plopy_table *table);
PyObject *plopy_arrow_array(struct plopy_table *table);
PyObject *plopy_arrow_stream(struct plopy_table *table);

#endif
