// run.c: pipelines and their runs, driven by the thread that calls (see core.h).
//
// Where every step is a Python function nothing ever waits, and the GIL is held throughout. Else it
// is given up while the library works, taken again in Python nodes, and signals are looked at every
// few milliseconds, so that Ctrl-C ends a long run at once.
#include "core.h"

PyTypeObject *plopy_pipeline_type;
static PyTypeObject *run_type;

// --- starting and driving --------------------------------------------------------------------

// The object at `i` of a call's arguments: an array, or a tuple where that is NULL.
static PyObject *argument(PyObject *const *args, PyObject *tuple, size_t i)
{
    return args != NULL ? args[i] : PyTuple_GetItem(tuple, (Py_ssize_t)i);
}

enum { SMALL = 8 }; // input columns that need no memory of their own

// Begins a run with the objects as inputs, inside a drive. NULL with an exception set.
static pipilo_run *start(struct plopy_pipeline *self, PyObject *const *args, PyObject *tuple,
                         bool strict)
{
    struct pipilo_error err;
    size_t count = self->inputs;
    pipilo_value *small[SMALL] = { NULL };
    pipilo_value **values = count <= SMALL ? small : PyMem_Calloc(count, sizeof *values);
    pipilo_run *run = NULL;
    int result = values != NULL ? 0 : -1;
    if (values == NULL)
        PyErr_NoMemory();
    for (size_t i = 0; i < count && result == 0; i++)
        result = plopy_to_value(&values[i], argument(args, tuple, i),
                                self->native && pipilo_pipeline_input_is_native(self->pipeline, i));
    if (result == 0) {
        result = pipilo_pipeline_start(&run, self->pipeline, values, count, &err);
        if (result < 0 && PyErr_Occurred() == NULL)
            plopy_raise(&err);
    }
    for (size_t i = 0; i < count && values != NULL; i++)
        pipilo_value_unref(&values[i]);
    if (values != small)
        PyMem_Free(values);
    if (result == 0 && strict)
        pipilo_run_stop_at_errors(run);
    return run;
}

// The next row, or NULL in *out at the end; -1 with an exception set.
static int next_row(struct plopy_drive *drive, bool native, pipilo_row **out)
{
    struct pipilo_error err;
    bool ended = false;
    int result = 0;
    *out = NULL;
    if (!native)
        result = pipilo_run_next(drive->run, out, &err);
    while (native && result == 0 && *out == NULL && !ended) {
        plopy_gil_give(drive);
        result = pipilo_run_next_within(drive->run, PLOPY_SLICE_MS, out, &ended, &err);
        plopy_gil_take(drive);
        // Also where rows come faster than the slices end: a list of them may be long.
        if (!ended && PyErr_CheckSignals() < 0) {
            pipilo_row_unref(out);
            return -1;
        }
    }
    plopy_drain();
    if (plopy_raise_fatal(drive)) {
        pipilo_row_unref(out);
        return -1;
    }
    if (result < 0)
        plopy_raise_run(drive->run, &err);
    return result < 0 ? -1 : 0;
}

void plopy_run_finish(struct plopy_drive *drive, bool native)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (native)
        plopy_gil_give(drive);
    pipilo_run_unref(&drive->run);
    if (native)
        plopy_gil_take(drive);
    Py_CLEAR(drive->fatal);
    plopy_drive_end(drive);
    PyErr_Restore(type, value, traceback);
}

// --- a whole call ----------------------------------------------------------------------------

// Columns as DataQueue keeps them: a list for a stream, the value for a scalar.
static PyObject *columns_create(const struct plopy_pipeline *self)
{
    PyObject *columns = PyTuple_New((Py_ssize_t)self->outputs);
    for (size_t i = 0; columns != NULL && i < self->outputs; i++) {
        bool scalar = pipilo_pipeline_output_is_scalar(self->pipeline, i);
        PyObject *column = scalar ? Py_NewRef(plopy_types.empty) : PyList_New(0);
        if (column == NULL || PyTuple_SetItem(columns, (Py_ssize_t)i, column) < 0)
            Py_CLEAR(columns);
    }
    return columns;
}

static int columns_add(const struct plopy_pipeline *self, PyObject *columns, const pipilo_row *row,
                       bool first)
{
    for (size_t i = 0; i < self->outputs; i++) {
        pipilo_value *value = pipilo_row_value(row, i);
        bool scalar = pipilo_pipeline_output_is_scalar(self->pipeline, i);
        if ((scalar && !first) || pipilo_value_kind(value) == PIPILO_EMPTY)
            continue;
        PyObject *object = plopy_from_value(value);
        if (object == NULL)
            return -1;
        // The tuple is not shown to anyone yet.
        if (scalar) {
            if (PyTuple_SetItem(columns, (Py_ssize_t)i, object) < 0)
                return -1;
            continue;
        }
        int result = PyList_Append(PyTuple_GetItem(columns, (Py_ssize_t)i), object);
        Py_DECREF(object);
        if (result < 0)
            return -1;
    }
    return 0;
}

static PyObject *collect(struct plopy_pipeline *self, struct plopy_drive *drive)
{
    PyObject *columns = columns_create(self);
    pipilo_row *row = NULL;
    bool first = true;
    int result = columns != NULL ? 0 : -1;
    while (result == 0 && (result = next_row(drive, self->native, &row)) == 0 && row != NULL) {
        result = columns_add(self, columns, row, first);
        pipilo_row_unref(&row);
        first = false;
    }
    if (result < 0)
        Py_CLEAR(columns);
    return columns;
}

static bool count_is_right(const struct plopy_pipeline *self, Py_ssize_t count)
{
    if (plopy_types.empty == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "pipilo._core is used through the package pipilo");
        return false;
    }
    // Towhee asserts this, without a text.
    if ((size_t)count != self->inputs)
        PyErr_SetNone(PyExc_AssertionError);
    return (size_t)count == self->inputs;
}

static PyObject *call(struct plopy_pipeline *self, PyObject *const *args, Py_ssize_t count,
                      bool strict)
{
    struct plopy_drive drive;
    PyObject *columns = NULL;
    if (!count_is_right(self, count))
        return NULL;
    plopy_drive_begin(&drive);
    drive.run = start(self, args, NULL, strict);
    if (drive.run != NULL)
        columns = collect(self, &drive);
    plopy_run_finish(&drive, self->native);
    return columns;
}

// Pipeline.call(*inputs): the first error anywhere raises.
static PyObject *pipeline_call(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    return call((struct plopy_pipeline *)self, args, count, true);
}

// Pipeline.call_rows(*inputs): errors stand in their rows.
static PyObject *pipeline_call_rows(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    return call((struct plopy_pipeline *)self, args, count, false);
}

// --- a run row by row ------------------------------------------------------------------------

// Pipeline.start(inputs, strict, aligned) -> Run
static PyObject *pipeline_start(PyObject *object, PyObject *args)
{
    struct plopy_pipeline *self = (struct plopy_pipeline *)object;
    struct plopy_drive drive;
    PyObject *inputs;
    int strict, aligned;
    if (!PyArg_ParseTuple(args, "O!pp", &PyTuple_Type, &inputs, &strict, &aligned) ||
        !count_is_right(self, PyTuple_Size(inputs)))
        return NULL;
    struct plopy_run *run = PyObject_GC_New(struct plopy_run, run_type);
    if (run == NULL)
        return NULL;
    run->pipeline = (struct plopy_pipeline *)Py_NewRef(object);
    run->run = NULL;
    run->busy = false;
    PyObject_GC_Track(run);
    plopy_drive_begin(&drive);
    run->run = start(self, NULL, inputs, strict);
    plopy_drive_end(&drive);
    if (run->run == NULL) {
        Py_CLEAR(run);
        return NULL;
    }
    if (aligned)
        pipilo_run_keep_places(run->run);
    if (self->native)
        pipilo_run_begin(run->run);
    return (PyObject *)run;
}

static PyObject *row_object(const struct plopy_pipeline *pipeline, const pipilo_row *row)
{
    PyObject *list = PyList_New((Py_ssize_t)pipeline->outputs);
    for (size_t i = 0; list != NULL && i < pipeline->outputs; i++) {
        PyObject *object = plopy_from_value(pipilo_row_value(row, i));
        if (object == NULL || PyList_SetItem(list, (Py_ssize_t)i, object) < 0)
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *run_next(PyObject *object)
{
    struct plopy_run *self = (struct plopy_run *)object;
    struct plopy_drive drive;
    pipilo_row *row = NULL;
    PyObject *list = NULL;
    if (self->busy) {
        PyErr_SetString(PyExc_RuntimeError, "another thread takes a row of this run");
        return NULL;
    }
    if (self->run == NULL)
        return NULL;
    self->busy = true;
    plopy_drive_begin(&drive);
    drive.run = self->run;
    if (next_row(&drive, self->pipeline->native, &row) == 0 && row != NULL)
        list = row_object(self->pipeline, row);
    pipilo_row_unref(&row);
    self->busy = false;
    if (list == NULL) {
        self->run = NULL;
        plopy_run_finish(&drive, self->pipeline->native);
    } else {
        plopy_drive_end(&drive);
    }
    return list;
}

// Run.columns(): all that is left, as Pipeline.call gives it.
static PyObject *run_columns(PyObject *object, PyObject *unused)
{
    struct plopy_run *self = (struct plopy_run *)object;
    struct plopy_drive drive;
    (void)unused;
    if (self->busy || self->run == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the run is over, or in another thread's hands");
        return NULL;
    }
    plopy_drive_begin(&drive);
    drive.run = self->run;
    self->run = NULL;
    PyObject *columns = collect(self->pipeline, &drive);
    plopy_run_finish(&drive, self->pipeline->native);
    return columns;
}

// Run.close(): ends it; what is left of it is dropped.
static PyObject *run_close(PyObject *object, PyObject *unused)
{
    struct plopy_run *self = (struct plopy_run *)object;
    struct plopy_drive drive;
    (void)unused;
    if (self->busy) {
        PyErr_SetString(PyExc_RuntimeError, "another thread takes a row of this run");
        return NULL;
    }
    if (self->run != NULL) {
        plopy_drive_begin(&drive);
        drive.run = self->run;
        self->run = NULL;
        plopy_run_finish(&drive, self->pipeline->native);
    }
    return Py_NewRef(Py_None);
}

static int run_traverse(PyObject *object, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(((struct plopy_run *)object)->pipeline);
    return 0;
}

static void run_free(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    Py_XDECREF(run_close(object, NULL));
    Py_DECREF(((struct plopy_run *)object)->pipeline);
    PyObject_GC_Del(object);
    Py_DECREF(type);
}

static PyMethodDef run_methods[] = {
    { "columns", run_columns, METH_NOARGS,
      "columns()\n\nAll rows that are left, as Pipeline.call gives them." },
    { "gather", plopy_run_gather, METH_VARARGS,
      "gather(dim, most, stops=False)\n\nThe next rows of an embedding run, at most so many, as a "
      "Table. stops: the first that failed raises, with its source." },
    { "close", run_close, METH_NOARGS, "close()\n\nEnds the run and drops what is left of it." },
    { NULL, NULL, 0, NULL },
};

static PyType_Slot run_slots[] = {
    { Py_tp_dealloc, run_free },
    { Py_tp_traverse, run_traverse },
    { Py_tp_iter, PyObject_SelfIter },
    { Py_tp_iternext, run_next },
    { Py_tp_methods, run_methods },
    { Py_tp_doc, (void *)"One run of a pipeline, row by row." },
    { 0, NULL },
};

static PyType_Spec run_spec = {
    .name = "pipilo._core.Run",
    .basicsize = sizeof(struct plopy_run),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = run_slots,
};

// --- pipelines -------------------------------------------------------------------------------

static PyObject *pipeline_scalars(PyObject *object, PyObject *unused)
{
    struct plopy_pipeline *self = (struct plopy_pipeline *)object;
    (void)unused;
    PyObject *tuple = PyTuple_New((Py_ssize_t)self->outputs);
    for (size_t i = 0; tuple != NULL && i < self->outputs; i++) {
        PyObject *scalar = PyBool_FromLong(pipilo_pipeline_output_is_scalar(self->pipeline, i));
        if (PyTuple_SetItem(tuple, (Py_ssize_t)i, scalar) < 0)
            Py_CLEAR(tuple);
    }
    return tuple;
}

static PyObject *pipeline_nodes(PyObject *object, PyObject *unused)
{
    struct plopy_pipeline *self = (struct plopy_pipeline *)object;
    size_t count = pipilo_pipeline_node_count(self->pipeline);
    (void)unused;
    PyObject *tuple = PyTuple_New((Py_ssize_t)count);
    for (size_t i = 0; tuple != NULL && i < count; i++) {
        PyObject *name = plopy_text(pipilo_pipeline_node_name(self->pipeline, i));
        if (name == NULL || PyTuple_SetItem(tuple, (Py_ssize_t)i, name) < 0)
            Py_CLEAR(tuple);
    }
    return tuple;
}

static PyObject *pipeline_is_native(PyObject *object, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(((struct plopy_pipeline *)object)->native);
}

static int pipeline_traverse(PyObject *object, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(((struct plopy_pipeline *)object)->keep);
    return 0;
}

static int pipeline_clear(PyObject *object)
{
    Py_CLEAR(((struct plopy_pipeline *)object)->keep);
    return 0;
}

static void pipeline_free(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    bool before = plopy_enter();
    pipilo_pipeline_unref(&((struct plopy_pipeline *)object)->pipeline);
    plopy_leave(before);
    pipeline_clear(object);
    PyObject_GC_Del(object);
    Py_DECREF(type);
}

// The type of METH_FASTCALL functions has no name in the stable ABI.
#define FAST(function) (PyCFunction)(void (*)(void))(function)

static PyMethodDef pipeline_methods[] = {
    { "call", FAST(pipeline_call), METH_FASTCALL,
      "call(*inputs)\n\nRuns it: a tuple of columns, a list for a stream and the value for a "
      "scalar." },
    { "call_rows", FAST(pipeline_call_rows), METH_FASTCALL,
      "call_rows(*inputs)\n\nAs call, with errors in their rows." },
    { "start", pipeline_start, METH_VARARGS,
      "start(inputs, strict, aligned)\n\nA Run, row by row. strict: the first error raises. "
      "aligned: an Empty keeps its place." },
    { "scalars", pipeline_scalars, METH_NOARGS, "scalars()\n\nWhich outputs are SCALAR columns." },
    { "nodes", pipeline_nodes, METH_NOARGS, "nodes()\n\nThe nodes' names, as data flow." },
    { "is_native", pipeline_is_native, METH_NOARGS,
      "is_native()\n\nWhether some node is a native operator." },
    { NULL, NULL, 0, NULL },
};

static PyType_Slot pipeline_slots[] = {
    { Py_tp_dealloc, pipeline_free },
    { Py_tp_traverse, pipeline_traverse },
    { Py_tp_clear, pipeline_clear },
    { Py_tp_methods, pipeline_methods },
    { Py_tp_doc, (void *)"A closed pipeline; it never changes." },
    { 0, NULL },
};

static PyType_Spec pipeline_spec = {
    .name = "pipilo._core.Pipeline",
    .basicsize = sizeof(struct plopy_pipeline),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = pipeline_slots,
};

int plopy_pipeline_init(PyObject *module)
{
    if (plopy_add_type(module, &run_spec, &run_type) < 0)
        return -1;
    return plopy_add_type(module, &pipeline_spec, &plopy_pipeline_type);
}
