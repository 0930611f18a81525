// columns.c: tables from Python's objects: make_table (see table.h). The package says what each
// column holds; here every cell is held to that.
#include <string.h>

#include "table.h"

// A cell of a fixed size: a number, or the numbers of a vector.
static int number_bytes(const struct plopy_column *column, PyObject *cell, void *out)
{
    if (column->layout == PLOPY_BITS)
        *(char *)out = (char)PyObject_IsTrue(cell);
    else if (column->format[0] == 'g')
        *(double *)out = PyFloat_AsDouble(cell);
    else if (column->format[0] == 'l')
        *(long long *)out = PyLong_AsLongLong(cell);
    else
        PyErr_SetString(PyExc_TypeError, "a column of numbers has the format l, g or b");
    return PyErr_Occurred() != NULL ? -1 : 0;
}

static int add_number(struct plopy_column *column, PyObject *cell)
{
    union {
        double real;
        long long whole;
        char bit;
    } number;
    if (number_bytes(column, cell, &number) < 0) {
        if (PyErr_ExceptionMatches(PyExc_OverflowError))
            PyErr_Format(PyExc_OverflowError, "column %s: %S is no number of 64 bits", column->name,
                         cell);
        return -1;
    }
    enum plopy_table_result result = plopy_column_add(column, &number, sizeof number);
    if (result != PLOPY_ADDED)
        plopy_table_raise(result);
    return result == PLOPY_ADDED ? 0 : -1;
}

static int add_vector(struct plopy_column *column, PyObject *cell)
{
    Py_buffer view;
    if (PyObject_GetBuffer(cell, &view, PyBUF_SIMPLE) < 0)
        return -1;
    enum plopy_table_result result = PLOPY_NO_MEMORY;
    bool fits = (size_t)view.len == column->size;
    if (fits)
        result = plopy_column_add(column, view.buf, column->size);
    PyBuffer_Release(&view);
    if (!fits)
        PyErr_Format(PyExc_ValueError, "column %s: vectors of different lengths", column->name);
    else if (result != PLOPY_ADDED)
        plopy_table_raise(result);
    return result == PLOPY_ADDED ? 0 : -1;
}

static int add_bytes(struct plopy_column *column, PyObject *bytes)
{
    char *data = NULL;
    Py_ssize_t size = 0;
    if (PyBytes_AsStringAndSize(bytes, &data, &size) < 0)
        return -1;
    enum plopy_table_result result = plopy_column_add(column, data, (size_t)size);
    if (result != PLOPY_ADDED)
        plopy_table_raise(result);
    return result == PLOPY_ADDED ? 0 : -1;
}

static int add_string(struct plopy_column *column, PyObject *cell)
{
    PyObject *bytes = PyUnicode_AsEncodedString(cell, "utf-8", "replace");
    int result = bytes != NULL ? add_bytes(column, bytes) : -1;
    Py_XDECREF(bytes);
    return result;
}

static int add_cell(struct plopy_column *column, PyObject *cell)
{
    if (cell == Py_None) {
        enum plopy_table_result result = plopy_column_add(column, NULL, 0);
        if (result != PLOPY_ADDED)
            plopy_table_raise(result);
        return result == PLOPY_ADDED ? 0 : -1;
    }
    if (column->layout == PLOPY_TEXT)
        return column->format[0] == 'u' ? add_string(column, cell) : add_bytes(column, cell);
    return column->width > 0 ? add_vector(column, cell) : add_number(column, cell);
}

static int add_cells(struct plopy_column *column, PyObject *cells)
{
    PyObject *iterator = PyObject_GetIter(cells);
    if (iterator == NULL)
        return -1;
    int result = 0;
    for (PyObject *cell; result == 0 && (cell = PyIter_Next(iterator)) != NULL;) {
        result = add_cell(column, cell);
        Py_DECREF(cell);
    }
    Py_DECREF(iterator);
    return result == 0 && PyErr_Occurred() == NULL ? 0 : -1;
}

static int fill_column(struct plopy_column *column, PyObject *spec)
{
    const char *name, *format;
    PyObject *cells;
    int nullable;
    if (!PyTuple_Check(spec)) {
        PyErr_SetString(PyExc_TypeError, "a column is (name, format, nullable, cells)");
        return -1;
    }
    if (!PyArg_ParseTuple(spec, "sspO", &name, &format, &nullable, &cells))
        return -1;
    if (!plopy_column_init(column, name, format, nullable)) {
        PyErr_Format(PyExc_ValueError, "column %s: there is no format %s", name, format);
        return -1;
    }
    return add_cells(column, cells);
}

// make_table(columns, shown) -> Table
static PyObject *make_table(PyObject *module, PyObject *args)
{
    PyObject *columns;
    Py_ssize_t shown;
    (void)module;
    if (!PyArg_ParseTuple(args, "O!n", &PyTuple_Type, &columns, &shown))
        return NULL;
    Py_ssize_t count = PyTuple_Size(columns);
    if (shown < 0 || shown > count) {
        PyErr_SetString(PyExc_ValueError, "more columns are shown than there are");
        return NULL;
    }
    struct plopy_table *table = plopy_table_create((size_t)count, (size_t)shown);
    int result = table != NULL ? 0 : -1;
    if (table == NULL)
        PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < count && result == 0; i++)
        result = fill_column(&table->columns[i], PyTuple_GetItem(columns, i));
    for (Py_ssize_t i = 1; i < count && result == 0; i++) {
        if (table->columns[i].rows == table->columns[0].rows)
            continue;
        PyErr_SetString(PyExc_ValueError, "the columns differ in length");
        result = -1;
    }
    if (result == 0)
        return plopy_table_object(table);
    plopy_table_unref(table);
    return NULL;
}

static PyMethodDef functions[] = {
    { "make_table", make_table, METH_VARARGS,
      "make_table(columns, shown)\n\nA Table of columns (name, format, nullable, cells)." },
    { NULL, NULL, 0, NULL },
};

int plopy_columns_init(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
