// merge.c: shards to one store (see core.h).
#include <stdlib.h>

#include "core.h"

struct progress {
    struct plopy_drive *drive;
    Py_ssize_t rows;
};

// Other than 0 ends it: there is a signal whose handler raised, as Ctrl-C's does.
static int tick(void *cookie, int64_t done, int64_t rows)
{
    struct progress *progress = cookie;
    (void)done;
    progress->rows = (Py_ssize_t)rows;
    bool taken = plopy_callback_begin(progress->drive);
    int result = PyErr_CheckSignals();
    plopy_callback_end(progress->drive, taken);
    return result;
}

static Py_ssize_t merge_files(const char *out, const char *const *shards, size_t count, bool force)
{
    struct plopy_drive drive;
    struct pipilo_error err;
    struct progress progress = { .drive = &drive };
    struct pipilo_merge_options how = PIPILO_MERGE_OPTIONS_INIT;
    how.force = force;
    how.progress = tick;
    how.cookie = &progress;
    plopy_drive_begin(&drive);
    plopy_gil_give(&drive);
    int result = pipilo_store_merge(out, shards, count, &how, &err);
    plopy_gil_take(&drive);
    plopy_drive_end(&drive);
    if (result < 0 && PyErr_Occurred() == NULL)
        plopy_raise(&err);
    return result < 0 ? -1 : progress.rows;
}

// merge(out, shards, force): how many rows `out` has; the names as bytes.
static PyObject *merge(PyObject *module, PyObject *args)
{
    const char *out = NULL;
    PyObject *names = NULL;
    int force = 0;
    (void)module;
    if (!PyArg_ParseTuple(args, "yO!p", &out, &PyTuple_Type, &names, &force))
        return NULL;
    Py_ssize_t count = PyTuple_Size(names), rows = -1;
    const char **shards = calloc((size_t)count + 1, sizeof *shards);
    if (shards == NULL)
        return PyErr_NoMemory();
    Py_ssize_t taken = 0;
    while (taken < count && (shards[taken] = PyBytes_AsString(PyTuple_GetItem(names, taken))))
        taken++;
    if (taken == count)
        rows = merge_files(out, shards, (size_t)count, force != 0);
    free(shards);
    return rows < 0 ? NULL : PyLong_FromSsize_t(rows);
}

static PyMethodDef functions[] = {
    { "merge", merge, METH_VARARGS,
      "merge(out, shards, force)\n\nMakes one store of its shards; how many rows it has." },
    { NULL, NULL, 0, NULL },
};

int plopy_merge_init(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
