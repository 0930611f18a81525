// table.c: rows kept column by column (see table.h), and _core.Table over them.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

static PyTypeObject *table_type;

// --- filling, without the interpreter --------------------------------------------------------

struct plopy_table *plopy_table_create(size_t count, size_t shown)
{
    struct plopy_table *table = calloc(1, sizeof *table + count * sizeof table->columns[0]);
    if (table == NULL)
        return NULL;
    atomic_init(&table->refs, 1);
    table->count = count;
    table->shown = shown;
    return table;
}

struct plopy_table *plopy_table_ref(struct plopy_table *table)
{
    atomic_fetch_add(&table->refs, 1);
    return table;
}

void plopy_column_reset(struct plopy_column *column)
{
    free(column->name);
    free(column->validity);
    free(column->offsets);
    free(column->data);
    *column = (struct plopy_column){ 0 };
}

void plopy_table_unref(struct plopy_table *table)
{
    if (table == NULL || atomic_fetch_sub(&table->refs, 1) > 1)
        return;
    for (size_t i = 0; i < table->count; i++)
        plopy_column_reset(&table->columns[i]);
    free(table);
}

size_t plopy_table_rows(const struct plopy_table *table)
{
    return table->count > 0 ? table->columns[0].rows : 0;
}

static size_t number_size(char format)
{
    return strchr("cC", format) != NULL    ? 1
           : strchr("sSe", format) != NULL ? 2
           : strchr("iIf", format) != NULL ? 4
           : strchr("lLg", format) != NULL ? 8
                                           : 0;
}

// "+w:16:f" for 16 float32 a row.
static bool list_init(struct plopy_column *column, const char *format)
{
    char *end = NULL;
    unsigned long long width = strtoull(format + 3, &end, 10);
    size_t item = *end == ':' && end[1] != '\0' && end[2] == '\0' ? number_size(end[1]) : 0;
    if (item == 0 || width == 0 || width > INT32_MAX)
        return false;
    column->layout = PLOPY_FIXED;
    column->width = (size_t)width;
    column->size = (size_t)width * item;
    column->item[0] = end[1];
    snprintf(column->format, sizeof column->format, "+w:%llu", width);
    return true;
}

bool plopy_column_init(struct plopy_column *column, const char *name, const char *format,
                       bool nullable)
{
    column->name = strdup(name);
    column->nullable = nullable;
    if (column->name == NULL)
        return false;
    if (strncmp(format, "+w:", 3) == 0)
        return list_init(column, format);
    if (*format == '\0' || format[1] != '\0')
        return false;
    memcpy(column->format, format, 2);
    column->size = number_size(*format);
    column->layout = strchr("uz", *format) != NULL ? PLOPY_TEXT
                     : *format == 'b'              ? PLOPY_BITS
                     : *format == 'n'              ? PLOPY_NULLS
                                                   : PLOPY_FIXED;
    return column->layout != PLOPY_FIXED || column->size > 0;
}

// Gives a block `room` bytes. What is new is not touched: until it is, it takes no memory.
static bool resize(void *block, size_t *room, size_t want)
{
    void *old;
    memcpy(&old, block, sizeof old);
    char *resized = realloc(old, want);
    if (resized == NULL)
        return false;
    memcpy(block, &resized, sizeof resized);
    *room = want;
    return true;
}

// Room for `want` bytes, and for half as much again as there was.
static bool grow(void *block, size_t *room, size_t want)
{
    if (want <= *room)
        return true;
    size_t more = *room <= SIZE_MAX / 2 ? *room + *room / 2 : want;
    more = more < 64 ? 64 : more;
    return resize(block, room, more < want ? want : more);
}

// The same for bits, which are set one by one: those that are new are 0.
static bool grow_bits(uint8_t **bits, size_t *room, size_t want)
{
    size_t before = *room;
    if (!grow(bits, room, want))
        return false;
    memset(*bits + before, 0, *room - before);
    return true;
}

// Gives back what nothing was put into; blocks end at whole cache lines, as Arrow advises.
static void fit(void *block, size_t *room, size_t used)
{
    size_t whole = (used + 63) / 64 * 64;
    if (whole > 0 && whole < *room)
        (void)resize(block, room, whole);
}

static void column_fit(struct plopy_column *column)
{
    bool bits = column->layout == PLOPY_BITS;
    fit(&column->validity, &column->validity_room, (column->rows + 7) / 8);
    fit(&column->offsets, &column->offsets_room, (column->rows + 1) * sizeof *column->offsets);
    fit(&column->data, &column->data_room, bits ? (column->rows + 7) / 8 : column->used);
}

static void set_bit(uint8_t *bits, size_t row)
{
    bits[row / 8] |= (uint8_t)(1 << row % 8);
}

static bool add_validity(struct plopy_column *column, bool null)
{
    if (column->validity == NULL && !null)
        return true;
    bool first = column->validity == NULL;
    if (!grow_bits(&column->validity, &column->validity_room, column->rows / 8 + 1))
        return false;
    for (size_t i = 0; first && i < column->rows; i++)
        set_bit(column->validity, i);
    if (null)
        column->nulls++;
    else
        set_bit(column->validity, column->rows);
    return true;
}

static bool add_fixed(struct plopy_column *column, const void *data)
{
    if (!grow(&column->data, &column->data_room, column->used + column->size))
        return false;
    char *place = column->data + column->used;
    const float nan = NAN;
    if (data != NULL)
        memcpy(place, data, column->size);
    else
        memset(place, 0, column->size);
    for (size_t i = 0; data == NULL && column->item[0] == 'f' && i < column->width; i++)
        memcpy(place + i * sizeof nan, &nan, sizeof nan);
    column->used += column->size;
    return true;
}

static enum plopy_table_result add_text(struct plopy_column *column, const void *data, size_t size)
{
    size_t offsets = (column->rows + 2) * sizeof *column->offsets;
    if (size > INT32_MAX - column->used)
        return PLOPY_TOO_LONG;
    if (!grow(&column->offsets, &column->offsets_room, offsets) ||
        !grow(&column->data, &column->data_room, column->used + size))
        return PLOPY_NO_MEMORY;
    if (size > 0)
        memcpy(column->data + column->used, data, size);
    if (column->rows == 0)
        column->offsets[0] = 0;
    column->used += size;
    column->offsets[column->rows + 1] = (int32_t)column->used;
    return PLOPY_ADDED;
}

enum plopy_table_result plopy_column_add(struct plopy_column *column, const void *data, size_t size)
{
    enum plopy_table_result result = PLOPY_ADDED;
    bool added = add_validity(column, data == NULL);
    if (added && column->layout == PLOPY_TEXT) {
        result = add_text(column, data, data != NULL ? size : 0);
    } else if (added && column->layout == PLOPY_FIXED) {
        added = add_fixed(column, data);
    } else if (added && column->layout == PLOPY_BITS) {
        uint8_t *bits = (uint8_t *)column->data;
        added = grow_bits(&bits, &column->data_room, column->rows / 8 + 1);
        column->data = (char *)bits;
        if (added && data != NULL && *(const char *)data != 0)
            set_bit(bits, column->rows);
    }
    if (!added)
        result = PLOPY_NO_MEMORY;
    column->rows += result == PLOPY_ADDED;
    return result;
}

PyObject *plopy_table_raise(enum plopy_table_result result)
{
    if (result == PLOPY_NO_MEMORY)
        return PyErr_NoMemory();
    PyErr_SetString(PyExc_OverflowError,
                    "the texts of one column take more than 2 GiB: make the table in parts");
    return NULL;
}

// --- _core.Table -----------------------------------------------------------------------------

struct table {
    PyObject_HEAD struct plopy_table *table;
};

static struct plopy_table *inside(PyObject *object)
{
    return ((struct table *)object)->table;
}

PyObject *plopy_table_object(struct plopy_table *table)
{
    struct table *self = PyObject_New(struct table, table_type);
    for (size_t i = 0; i < table->count; i++)
        column_fit(&table->columns[i]);
    if (self == NULL)
        plopy_table_unref(table);
    else
        self->table = table;
    return (PyObject *)self;
}

static void table_free(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    plopy_table_unref(inside(object));
    PyObject_Free(object);
    Py_DECREF(type);
}

static Py_ssize_t table_length(PyObject *object)
{
    return (Py_ssize_t)plopy_table_rows(inside(object));
}

static struct plopy_column *column_at(PyObject *object, PyObject *index)
{
    struct plopy_table *table = inside(object);
    size_t at = PyLong_AsSize_t(index);
    if (PyErr_Occurred() != NULL)
        return NULL;
    if (at < table->count)
        return &table->columns[at];
    PyErr_SetString(PyExc_IndexError, "there is no such column");
    return NULL;
}

static void release_table(void *table)
{
    plopy_table_unref(table);
}

// Table.vectors(index): the array [rows, width] over a column of lists of float32.
static PyObject *table_vectors(PyObject *object, PyObject *index)
{
    static const float nothing = 0;
    struct pipilo_error err;
    struct plopy_table *table = inside(object);
    const struct plopy_column *column = column_at(object, index);
    pipilo_value *value = NULL;
    if (column == NULL)
        return NULL;
    if (column->item[0] != 'f') {
        PyErr_SetString(PyExc_TypeError, "the column holds no vectors");
        return NULL;
    }
    struct pipilo_tensor view = { .dtype = PIPILO_F32,
                                  .count = 2,
                                  .shape = { column->rows, column->width },
                                  .data = column->rows > 0 ? (void *)column->data : &nothing };
    plopy_table_ref(table);
    if (pipilo_value_create_tensor_over(&value, &view, table, release_table, &err) < 0) {
        plopy_table_unref(table);
        return plopy_raise(&err);
    }
    PyObject *array = plopy_tensor_to_array(value);
    bool before = plopy_enter();
    pipilo_value_unref(&value);
    plopy_leave(before);
    return array;
}

// Table.texts(index): a column of strings as a list, None for nulls. File names may be any bytes.
static PyObject *table_texts(PyObject *object, PyObject *index)
{
    const struct plopy_column *column = column_at(object, index);
    if (column == NULL)
        return NULL;
    if (column->layout != PLOPY_TEXT) {
        PyErr_SetString(PyExc_TypeError, "the column holds no texts");
        return NULL;
    }
    PyObject *list = PyList_New((Py_ssize_t)column->rows);
    for (size_t i = 0; list != NULL && i < column->rows; i++) {
        const char *text = column->data + column->offsets[i];
        PyObject *item =
            plopy_column_is_null(column, i)
                ? Py_NewRef(Py_None)
                : PyUnicode_DecodeUTF8(text, column->offsets[i + 1] - column->offsets[i],
                                       "surrogateescape");
        if (item == NULL || PyList_SetItem(list, (Py_ssize_t)i, item) < 0)
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *table_schema(PyObject *object, PyObject *unused)
{
    (void)unused;
    return plopy_arrow_schema(inside(object));
}

// The schema that a consumer asks for is a wish, and there is only one form to give.
static bool takes_request(PyObject *args)
{
    PyObject *requested = Py_None;
    return PyArg_ParseTuple(args, "|O", &requested) != 0;
}

static PyObject *table_array(PyObject *object, PyObject *args)
{
    if (!takes_request(args))
        return NULL;
    PyObject *schema = plopy_arrow_schema(inside(object));
    PyObject *array = schema != NULL ? plopy_arrow_array(inside(object)) : NULL;
    PyObject *both = array != NULL ? PyTuple_Pack(2, schema, array) : NULL;
    Py_XDECREF(schema);
    Py_XDECREF(array);
    return both;
}

static PyObject *table_stream(PyObject *object, PyObject *args)
{
    return takes_request(args) ? plopy_arrow_stream(inside(object)) : NULL;
}

static PyMethodDef table_methods[] = {
    { "vectors", table_vectors, METH_O,
      "vectors(index)\n\nThe array over a column of vectors, without a copy." },
    { "texts", table_texts, METH_O, "texts(index)\n\nA column of strings as a list." },
    { "__arrow_c_schema__", table_schema, METH_NOARGS, "The type of its rows, a struct." },
    { "__arrow_c_array__", table_array, METH_VARARGS, "Its schema and all rows, without a copy." },
    { "__arrow_c_stream__", table_stream, METH_VARARGS, "Its rows as a stream, without a copy." },
    { NULL, NULL, 0, NULL },
};

static PyType_Slot table_slots[] = {
    { Py_tp_dealloc, table_free },
    { Py_mp_length, table_length },
    { Py_tp_methods, table_methods },
    { Py_tp_doc, (void *)"Rows in the layout of Apache Arrow." },
    { 0, NULL },
};

static PyType_Spec table_spec = {
    .name = "pipilo._core.Table",
    .basicsize = sizeof(struct table),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = table_slots,
};

int plopy_table_init(PyObject *module)
{
    return plopy_add_type(module, &table_spec, &table_type);
}
