// iterator.c: an iterator value, such as a column that a reduce function reads, as a Python
// iterator; and a Python iterator lent to a run.
#include "core.h"

PyTypeObject *plopy_iterator_type;

struct iterator {
    PyObject_HEAD pipilo_value *value;
};

PyObject *plopy_iterator_create(pipilo_value *value)
{
    struct iterator *self = PyObject_New(struct iterator, plopy_iterator_type);
    if (self != NULL)
        self->value = pipilo_value_ref(value);
    return (PyObject *)self;
}

// Where no value waits, the library goes on with the run meanwhile: native nodes without the GIL,
// Python nodes with it.
static PyObject *iterator_next(PyObject *object)
{
    struct iterator *self = (struct iterator *)object;
    struct pipilo_error err;
    struct plopy_drive *drive = plopy_drive_now();
    pipilo_value *value = NULL;
    if (drive == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "a column is read inside of the call that got it");
        return NULL;
    }
    plopy_gil_give(drive);
    int result = pipilo_value_next(self->value, &value, &err);
    plopy_gil_take(drive);
    if (drive->count > 0)
        plopy_drain();
    if (result < 0)
        return plopy_raise(&err);
    PyObject *item = value != NULL ? plopy_from_value(value) : NULL;
    pipilo_value_unref(&value);
    return item;
}

static void iterator_free(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    bool before = plopy_enter();
    pipilo_value_unref(&((struct iterator *)object)->value);
    plopy_leave(before);
    PyObject_Free(object);
    Py_DECREF(type);
}

static PyType_Slot iterator_slots[] = {
    { Py_tp_dealloc, iterator_free },
    { Py_tp_iter, PyObject_SelfIter },
    { Py_tp_iternext, iterator_next },
    { Py_tp_doc, (void *)"The values of a column, one after the other." },
    { 0, NULL },
};

static PyType_Spec iterator_spec = {
    .name = "pipilo._core.Iterator",
    .basicsize = sizeof(struct iterator),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = iterator_slots,
};

// --- lent iterators --------------------------------------------------------------------------

// What a run reads for long, without a reference to it: Python's garbage collector does not see
// what the library holds, so a run would keep alive whatever its inputs lead to, itself included.
struct lent {
    PyObject_HEAD PyObject *reference; // a weakref
};

static PyTypeObject *lent_type;

static PyObject *lent_next(PyObject *object)
{
    PyObject *iterator = PyObject_CallNoArgs(((struct lent *)object)->reference);
    // Where its owner let it go there is nothing more to read.
    PyObject *item = iterator != NULL && iterator != Py_None ? PyIter_Next(iterator) : NULL;
    Py_XDECREF(iterator);
    return item;
}

static void lent_free(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    Py_XDECREF(((struct lent *)object)->reference);
    PyObject_Free(object);
    Py_DECREF(type);
}

// lend(iterator) -> Lent
static PyObject *lend(PyObject *module, PyObject *iterator)
{
    (void)module;
    PyObject *reference = PyWeakref_NewRef(iterator, NULL);
    struct lent *self = reference != NULL ? PyObject_New(struct lent, lent_type) : NULL;
    if (self == NULL)
        Py_XDECREF(reference);
    else
        self->reference = reference;
    return (PyObject *)self;
}

static PyType_Slot lent_slots[] = {
    { Py_tp_dealloc, lent_free },
    { Py_tp_iter, PyObject_SelfIter },
    { Py_tp_iternext, lent_next },
    { Py_tp_doc, (void *)"An iterator that somebody else owns." },
    { 0, NULL },
};

static PyType_Spec lent_spec = {
    .name = "pipilo._core.Lent",
    .basicsize = sizeof(struct lent),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = lent_slots,
};

static PyMethodDef functions[] = {
    { "lend", lend, METH_O,
      "lend(iterator)\n\nThe iterator for a run to read, which does not keep it alive." },
    { NULL, NULL, 0, NULL },
};

int plopy_iterator_init(PyObject *module)
{
    if (plopy_add_type(module, &lent_spec, &lent_type) < 0 ||
        PyModule_AddFunctions(module, functions) < 0)
        return -1;
    return plopy_add_type(module, &iterator_spec, &plopy_iterator_type);
}
