// decoding.c: how large a picture may be, how long it may take and where it is decoded; decoding.py
// is over it.
#include "core.h"

// decoding_set(time_limit, isolate, max_pixels)
static PyObject *decoding_set(PyObject *module, PyObject *args)
{
    struct pipilo_decoding decoding = PIPILO_DECODING_INIT;
    struct pipilo_error err;
    int isolate;
    unsigned long long pixels;
    (void)module;
    if (!PyArg_ParseTuple(args, "diK", &decoding.time_limit, &isolate, &pixels))
        return NULL;
    decoding.isolate = isolate;
    decoding.max_pixels = pixels;
    // Helpers are started and ended meanwhile.
    struct plopy_drive drive;
    plopy_drive_begin(&drive);
    plopy_gil_give(&drive);
    int result = pipilo_decoding_set(&decoding, &err);
    plopy_gil_take(&drive);
    plopy_drive_end(&drive);
    return result < 0 ? plopy_raise(&err) : Py_NewRef(Py_None);
}

// decoding_get(): as decoding_set takes them.
static PyObject *decoding_get(PyObject *module, PyObject *unused)
{
    struct pipilo_decoding decoding = PIPILO_DECODING_INIT;
    (void)module;
    (void)unused;
    pipilo_decoding_get(&decoding);
    return Py_BuildValue("(diK)", decoding.time_limit, (int)decoding.isolate,
                         (unsigned long long)decoding.max_pixels);
}

static PyMethodDef functions[] = {
    { "decoding_set", decoding_set, METH_VARARGS,
      "decoding_set(time_limit, isolate, max_pixels)\n\nHow pictures are decoded." },
    { "decoding_get", decoding_get, METH_NOARGS, "decoding_get()\n\nWhat was set." },
    { NULL, NULL, 0, NULL },
};

int plopy_decoding_init(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
