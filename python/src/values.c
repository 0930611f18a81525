// values.c: Python objects as values and back (see core.h). A value that came from Python carries
// its object, so the way back is a reference; only what a native operator reads is translated.
#include <string.h>

#include "core.h"

struct plopy_types plopy_types;
PyTypeObject *plopy_value_type;

// --- opaque values ---------------------------------------------------------------------------

// A value that means nothing in Python: it is only handed on.
struct opaque {
    PyObject_HEAD pipilo_value *value;
};

static void opaque_free(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    bool before = plopy_enter();
    pipilo_value_unref(&((struct opaque *)self)->value);
    plopy_leave(before);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *opaque_repr(PyObject *self)
{
    char *json = NULL;
    if (pipilo_value_to_json(((struct opaque *)self)->value, &json, NULL) < 0)
        return PyErr_NoMemory();
    PyObject *text = PyUnicode_FromFormat("<pipilo value %s>", json);
    pipilo_free(json);
    return text;
}

static PyType_Slot opaque_slots[] = {
    { Py_tp_dealloc, opaque_free },
    { Py_tp_repr, opaque_repr },
    { Py_tp_doc, (void *)"A value of the native side that has no meaning in Python." },
    { 0, NULL },
};

static PyType_Spec opaque_spec = {
    .name = "pipilo._core.Value",
    .basicsize = sizeof(struct opaque),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = opaque_slots,
};

PyObject *plopy_opaque_create(pipilo_value *value)
{
    struct opaque *self = PyObject_New(struct opaque, plopy_value_type);
    if (self != NULL)
        self->value = pipilo_value_ref(value);
    return (PyObject *)self;
}

// --- objects to values -----------------------------------------------------------------------

static int by_reference(pipilo_value **out, PyObject *object)
{
    struct pipilo_error err;
    if (pipilo_value_create_foreign(out, object, plopy_release, &err) < 0) {
        plopy_raise(&err);
        return -1;
    }
    Py_INCREF(object);
    return 0;
}

// A file's name may be any bytes: os.fsencode's way. What holds a NUL is no string over there.
static int string_value(pipilo_value **out, PyObject *object)
{
    struct pipilo_error err;
    PyObject *bytes = PyUnicode_EncodeFSDefault(object);
    char *text = NULL;
    Py_ssize_t length = 0;
    if (bytes == NULL || PyBytes_AsStringAndSize(bytes, &text, &length) < 0) {
        Py_XDECREF(bytes);
        PyErr_Clear();
        return 1;
    }
    int result = strlen(text) != (size_t)length ? 1 : pipilo_value_create_string(out, text, &err);
    Py_DECREF(bytes);
    if (result < 0)
        plopy_raise(&err);
    return result;
}

static int int_value(pipilo_value **out, PyObject *object)
{
    struct pipilo_error err;
    int overflow = 0;
    long long number = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (overflow != 0)
        return 1;
    int result = pipilo_value_create_int(out, number, &err);
    if (result < 0)
        plopy_raise(&err);
    return result;
}

static int bytes_value(pipilo_value **out, PyObject *object)
{
    struct pipilo_error err;
    char *data = NULL;
    Py_ssize_t size = 0;
    if (PyBytes_AsStringAndSize(object, &data, &size) < 0)
        return -1;
    int result =
        pipilo_value_create_bytes_over(out, data, (size_t)size, object, plopy_release, &err);
    if (result < 0)
        plopy_raise(&err);
    else
        Py_INCREF(object);
    return result;
}

static int list_value(pipilo_value **out, PyObject *object)
{
    struct pipilo_error err;
    bool tuple = PyTuple_Check(object);
    Py_ssize_t count = tuple ? PyTuple_Size(object) : PyList_Size(object);
    pipilo_value **items = PyMem_Calloc((size_t)count + 1, sizeof *items);
    int result = items != NULL ? 0 : -1;
    if (items == NULL)
        PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < count && result == 0; i++) {
        PyObject *item = tuple ? PyTuple_GetItem(object, i) : PyList_GetItem(object, i);
        result = item != NULL ? plopy_to_value(&items[i], item, true) : -1;
    }
    if (result == 0) {
        result = pipilo_value_create_list(out, items, (size_t)count, &err);
        if (result < 0)
            plopy_raise(&err);
    }
    for (Py_ssize_t i = 0; items != NULL && i < count; i++)
        pipilo_value_unref(&items[i]);
    PyMem_Free(items);
    return result;
}

static int path_value(pipilo_value **out, PyObject *object)
{
    int is = plopy_types.path != NULL ? PyObject_IsInstance(object, plopy_types.path) : 0;
    if (is <= 0)
        return is < 0 ? -1 : 1;
    PyObject *path = PyOS_FSPath(object);
    if (path == NULL)
        return -1;
    int result = PyUnicode_Check(path) ? string_value(out, path) : 1;
    Py_DECREF(path);
    return result;
}

// The native value of an object; 1 where there is none.
static int native_value(pipilo_value **out, PyObject *object)
{
    struct pipilo_error err;
    int result;
    if (PyUnicode_Check(object))
        return string_value(out, object);
    if (PyBool_Check(object))
        result = pipilo_value_create_bool(out, object == Py_True, &err);
    else if (PyFloat_Check(object))
        result = pipilo_value_create_float(out, PyFloat_AsDouble(object), &err);
    else if (PyLong_Check(object))
        return int_value(out, object);
    else if (PyBytes_Check(object))
        return bytes_value(out, object);
    else if (PyList_Check(object) || PyTuple_Check(object))
        return list_value(out, object);
    else if ((result = plopy_buffer_to_value(out, object)) <= 0)
        return result;
    else
        return path_value(out, object);
    if (result < 0)
        plopy_raise(&err);
    return result;
}

int plopy_to_value(pipilo_value **out, PyObject *object, bool native)
{
    if (object == Py_None) {
        *out = pipilo_value_none();
        return 0;
    }
    if (object == plopy_types.empty) {
        *out = pipilo_value_empty();
        return 0;
    }
    if (Py_TYPE(object) == plopy_value_type) {
        *out = pipilo_value_ref(((struct opaque *)object)->value);
        return 0;
    }
    int result = native ? native_value(out, object) : 1;
    if (result > 0)
        return by_reference(out, object);
    if (result == 0 && pipilo_value_attach(*out, object, plopy_release) == object)
        Py_INCREF(object);
    return result;
}

// --- values to objects -----------------------------------------------------------------------

static PyObject *list_object(const pipilo_value *value)
{
    size_t count = pipilo_value_list_count(value);
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list != NULL && i < count; i++) {
        PyObject *item = plopy_from_value(pipilo_value_list_item(value, i));
        if (item == NULL || PyList_SetItem(list, (Py_ssize_t)i, item) < 0)
            Py_CLEAR(list);
    }
    return list;
}

// Attaches a new object, so that the next reader gets the same one.
static PyObject *attached(pipilo_value *value, PyObject *object)
{
    if (object == NULL)
        return NULL;
    PyObject *now = pipilo_value_attach(value, object, plopy_release);
    if (now == object)
        return Py_NewRef(object);
    // Another thread was first, or the value takes none.
    if (now == NULL)
        return object;
    Py_DECREF(object);
    return Py_NewRef(now);
}

static PyObject *bytes_object(const pipilo_value *value)
{
    size_t size = 0;
    const char *data = pipilo_value_bytes(value, &size);
    return PyBytes_FromStringAndSize(data, (Py_ssize_t)size);
}

PyObject *plopy_from_value(pipilo_value *value)
{
    PyObject *peer = pipilo_value_peer(value);
    enum pipilo_kind kind = pipilo_value_kind(value);
    if (peer != NULL && kind != PIPILO_ERROR)
        return Py_NewRef(peer);
    switch (kind) {
    case PIPILO_NONE:
        return Py_NewRef(Py_None);
    case PIPILO_EMPTY:
        return Py_NewRef(plopy_types.empty != NULL ? plopy_types.empty : Py_None);
    case PIPILO_BOOL:
        return PyBool_FromLong(pipilo_value_bool(value));
    case PIPILO_INT:
        return PyLong_FromLongLong(pipilo_value_int(value));
    case PIPILO_FLOAT:
        return PyFloat_FromDouble(pipilo_value_float(value));
    case PIPILO_STRING:
        return attached(value, PyUnicode_DecodeFSDefault(pipilo_value_string(value)));
    case PIPILO_BYTES:
        return attached(value, bytes_object(value));
    case PIPILO_TENSOR:
        return attached(value, plopy_tensor_to_array(value));
    case PIPILO_IMAGE:
        return attached(value, plopy_image_to_array(value));
    case PIPILO_LIST:
        return list_object(value);
    case PIPILO_ITERATOR:
        return plopy_iterator_create(value);
    case PIPILO_ERROR:
        return plopy_error_object(value);
    default:
        return plopy_opaque_create(value);
    }
}

int plopy_values_init(PyObject *module)
{
    return plopy_add_type(module, &opaque_spec, &plopy_value_type);
}
