// arrow.c: a table lent out by the Arrow C data interface (see table.h and arrow.h), without a
// copy.
//
// Every struct that goes out, each child too, holds the table by a reference of its own: a consumer
// may keep one column and let the others go, on any thread, with or without the interpreter.
#include "arrow.h"

#include <errno.h>
#include <stdlib.h>

#include "table.h"

// Rows an array of a stream has at most.
enum { STREAM_ROWS = 1 << 20 };

// --- schemas ---------------------------------------------------------------------------------

// What a schema owns; names and formats are the table's.
struct schema_own {
    struct plopy_table *table;
    struct ArrowSchema **pointers, children[];
};

static void schema_release(struct ArrowSchema *schema)
{
    struct schema_own *own = schema->private_data;
    for (int64_t i = 0; i < schema->n_children; i++)
        if (own->children[i].release != NULL)
            own->children[i].release(&own->children[i]);
    plopy_table_unref(own->table);
    free(own->pointers);
    free(own);
    schema->release = NULL;
}

// A schema with places for its children, whose `release` is not set yet. False for want of memory.
static bool schema_init(struct ArrowSchema *out, struct plopy_table *table, const char *format,
                        const char *name, bool nullable, size_t children)
{
    struct schema_own *own = calloc(1, sizeof *own + children * sizeof own->children[0]);
    struct ArrowSchema **pointers = calloc(children + 1, sizeof *pointers);
    if (own == NULL || pointers == NULL) {
        free(own);
        free(pointers);
        return false;
    }
    own->table = plopy_table_ref(table);
    own->pointers = pointers;
    for (size_t i = 0; i < children; i++)
        pointers[i] = &own->children[i];
    *out = (struct ArrowSchema){ .format = format,
                                 .name = name,
                                 .flags = nullable ? ARROW_FLAG_NULLABLE : 0,
                                 .n_children = (int64_t)children,
                                 .children = children > 0 ? pointers : NULL,
                                 .release = schema_release,
                                 .private_data = own };
    return true;
}

static bool column_schema(struct ArrowSchema *out, struct plopy_table *table,
                          const struct plopy_column *column)
{
    bool list = column->width > 0;
    return schema_init(out, table, column->format, column->name, column->nullable, list) &&
           (!list || schema_init(out->children[0], table, column->item, "item", true, 0));
}

// Where it fails, what is made so far is released.
static int make_schema(struct ArrowSchema *out, struct plopy_table *table)
{
    *out = (struct ArrowSchema){ 0 };
    bool good = schema_init(out, table, "+s", "", false, table->shown);
    for (size_t i = 0; good && i < table->shown; i++)
        good = column_schema(out->children[i], table, &table->columns[i]);
    if (!good && out->release != NULL)
        out->release(out);
    return good ? 0 : ENOMEM;
}

// --- arrays ----------------------------------------------------------------------------------

struct array_own {
    struct plopy_table *table;
    const void *buffers[3];
    struct ArrowArray **pointers, children[];
};

static void array_release(struct ArrowArray *array)
{
    struct array_own *own = array->private_data;
    for (int64_t i = 0; i < array->n_children; i++)
        if (own->children[i].release != NULL)
            own->children[i].release(&own->children[i]);
    plopy_table_unref(own->table);
    free(own->pointers);
    free(own);
    array->release = NULL;
}

// Which rows of the table an array is.
struct span {
    size_t start, rows;
};

// As schema_init. The places of the buffers are given back, NULL for want of memory.
static const void **array_init(struct ArrowArray *out, struct plopy_table *table, struct span span,
                               size_t buffers, size_t children)
{
    struct array_own *own = calloc(1, sizeof *own + children * sizeof own->children[0]);
    struct ArrowArray **pointers = calloc(children + 1, sizeof *pointers);
    if (own == NULL || pointers == NULL) {
        free(own);
        free(pointers);
        return NULL;
    }
    own->table = plopy_table_ref(table);
    own->pointers = pointers;
    for (size_t i = 0; i < children; i++)
        pointers[i] = &own->children[i];
    *out = (struct ArrowArray){ .length = (int64_t)span.rows,
                                .offset = (int64_t)span.start,
                                .n_buffers = (int64_t)buffers,
                                .n_children = (int64_t)children,
                                .buffers = own->buffers,
                                .children = children > 0 ? pointers : NULL,
                                .release = array_release,
                                .private_data = own };
    return own->buffers;
}

// A buffer of a column without rows is none, but some consumers want an address.
static const void *buffer_of(const void *data)
{
    static const int64_t nothing[2] = { 0 };
    return data != NULL ? data : nothing;
}

static bool column_array(struct ArrowArray *out, struct plopy_table *table,
                         const struct plopy_column *column, struct span span)
{
    static const size_t counts[] = {
        [PLOPY_NULLS] = 0, [PLOPY_BITS] = 2, [PLOPY_FIXED] = 2, [PLOPY_TEXT] = 3
    };
    bool list = column->width > 0, whole = span.rows == column->rows;
    const void **buffers =
        array_init(out, table, span, list ? 1 : counts[column->layout], list ? 1 : 0);
    if (buffers == NULL)
        return false;
    out->null_count = column->layout == PLOPY_NULLS ? (int64_t)span.rows
                      : whole || column->nulls == 0 ? (int64_t)column->nulls
                                                    : -1;
    if (column->layout != PLOPY_NULLS)
        buffers[0] = column->validity;
    if (column->layout == PLOPY_TEXT) {
        buffers[1] = buffer_of(column->offsets);
        buffers[2] = buffer_of(column->data);
    } else if (column->layout != PLOPY_NULLS && !list) {
        buffers[1] = buffer_of(column->data);
    }
    if (!list)
        return true;
    // The numbers of all rows up to the last: the list's offset says where it begins.
    struct span numbers = { 0, (span.start + span.rows) * column->width };
    buffers = array_init(out->children[0], table, numbers, 2, 0);
    if (buffers == NULL)
        return false;
    buffers[1] = buffer_of(column->data);
    return true;
}

static int make_array(struct ArrowArray *out, struct plopy_table *table, struct span span)
{
    struct span whole = { 0, span.rows };
    *out = (struct ArrowArray){ 0 };
    bool good = array_init(out, table, whole, 1, table->shown) != NULL;
    for (size_t i = 0; good && i < table->shown; i++)
        good = column_array(out->children[i], table, &table->columns[i], span);
    if (!good && out->release != NULL)
        out->release(out);
    return good ? 0 : ENOMEM;
}

// --- streams ---------------------------------------------------------------------------------

struct stream_own {
    struct plopy_table *table;
    size_t at; // the next row
    const char *error;
};

static int stream_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    struct stream_own *own = stream->private_data;
    int result = make_schema(out, own->table);
    own->error = result != 0 ? "out of memory" : NULL;
    return result;
}

// At the end a released array.
static int stream_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    struct stream_own *own = stream->private_data;
    size_t rows = plopy_table_rows(own->table) - own->at;
    struct span span = { own->at, rows < STREAM_ROWS ? rows : STREAM_ROWS };
    *out = (struct ArrowArray){ 0 };
    int result = rows > 0 ? make_array(out, own->table, span) : 0;
    own->error = result != 0 ? "out of memory" : NULL;
    own->at += result == 0 ? span.rows : 0;
    return result;
}

static const char *stream_error(struct ArrowArrayStream *stream)
{
    return ((struct stream_own *)stream->private_data)->error;
}

static void stream_release(struct ArrowArrayStream *stream)
{
    struct stream_own *own = stream->private_data;
    plopy_table_unref(own->table);
    free(own);
    stream->release = NULL;
}

// --- capsules --------------------------------------------------------------------------------

// One that nobody took releases what it holds.
static void free_schema(PyObject *capsule)
{
    struct ArrowSchema *schema = PyCapsule_GetPointer(capsule, ARROW_SCHEMA_CAPSULE);
    if (schema->release != NULL)
        schema->release(schema);
    free(schema);
}

static void free_array(PyObject *capsule)
{
    struct ArrowArray *array = PyCapsule_GetPointer(capsule, ARROW_ARRAY_CAPSULE);
    if (array->release != NULL)
        array->release(array);
    free(array);
}

static void free_stream(PyObject *capsule)
{
    struct ArrowArrayStream *stream = PyCapsule_GetPointer(capsule, ARROW_STREAM_CAPSULE);
    if (stream->release != NULL)
        stream->release(stream);
    free(stream);
}

// Each is a capsule from its first moment, so that one way frees it.
PyObject *plopy_arrow_schema(struct plopy_table *table)
{
    struct ArrowSchema *schema = calloc(1, sizeof *schema);
    if (schema == NULL)
        return PyErr_NoMemory();
    PyObject *capsule = PyCapsule_New(schema, ARROW_SCHEMA_CAPSULE, free_schema);
    if (capsule == NULL) {
        free(schema);
        return NULL;
    }
    if (make_schema(schema, table) == 0)
        return capsule;
    Py_DECREF(capsule);
    return PyErr_NoMemory();
}

PyObject *plopy_arrow_array(struct plopy_table *table)
{
    struct span all = { 0, plopy_table_rows(table) };
    struct ArrowArray *array = calloc(1, sizeof *array);
    if (array == NULL)
        return PyErr_NoMemory();
    PyObject *capsule = PyCapsule_New(array, ARROW_ARRAY_CAPSULE, free_array);
    if (capsule == NULL) {
        free(array);
        return NULL;
    }
    if (make_array(array, table, all) == 0)
        return capsule;
    Py_DECREF(capsule);
    return PyErr_NoMemory();
}

PyObject *plopy_arrow_stream(struct plopy_table *table)
{
    struct stream_own *own = calloc(1, sizeof *own);
    struct ArrowArrayStream *stream = calloc(1, sizeof *stream);
    PyObject *capsule = NULL;
    if (own == NULL || stream == NULL)
        PyErr_NoMemory();
    else
        capsule = PyCapsule_New(stream, ARROW_STREAM_CAPSULE, free_stream);
    if (capsule == NULL) {
        free(own);
        free(stream);
        return NULL;
    }
    own->table = plopy_table_ref(table);
    *stream = (struct ArrowArrayStream){ .get_schema = stream_schema,
                                         .get_next = stream_next,
                                         .get_last_error = stream_error,
                                         .release = stream_release,
                                         .private_data = own };
    return capsule;
}
