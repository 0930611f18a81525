// pipe.c: pipes, the chains of steps, from Python's arguments (see core.h).
#include "core.h"

PyTypeObject *plopy_pipe_type;

// --- names -----------------------------------------------------------------------------------

struct names {
    PyObject *tuple; // keeps the texts alive
    const char **items;
    size_t count;
};

static int names_fill(struct names *names, PyObject *sequence)
{
    names->tuple = PySequence_Tuple(sequence);
    if (names->tuple == NULL)
        return -1;
    Py_ssize_t count = PyTuple_Size(names->tuple);
    names->items = PyMem_Calloc((size_t)count + 1, sizeof *names->items);
    if (names->items == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (; names->count < (size_t)count; names->count++) {
        PyObject *item = PyTuple_GetItem(names->tuple, (Py_ssize_t)names->count);
        names->items[names->count] = PyUnicode_AsUTF8AndSize(item, NULL);
        if (names->items[names->count] == NULL)
            return -1;
    }
    return 0;
}

static void names_reset(struct names *names)
{
    PyMem_Free(names->items);
    Py_XDECREF(names->tuple);
}

// --- pipes -----------------------------------------------------------------------------------

// Consumes `pipe`; takes a reference to `keep`, which may be NULL.
static PyObject *pipe_object(pipilo_pipe *pipe, bool native, PyObject *keep)
{
    struct plopy_pipe *self = PyObject_GC_New(struct plopy_pipe, plopy_pipe_type);
    if (self == NULL) {
        pipilo_pipe_unref(&pipe);
        return NULL;
    }
    self->pipe = pipe;
    self->native = native;
    self->keep = Py_XNewRef(keep);
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

// pipe_input(columns) -> Pipe
static PyObject *pipe_input(PyObject *module, PyObject *columns)
{
    struct pipilo_error err;
    struct names names = { 0 };
    pipilo_pipe *pipe = NULL;
    PyObject *object = NULL;
    (void)module;
    if (names_fill(&names, columns) == 0) {
        if (pipilo_pipe_input(&pipe, names.items, names.count, &err) < 0)
            plopy_raise(&err);
        else
            object = pipe_object(pipe, false, NULL);
    }
    names_reset(&names);
    return object;
}

// pipe_concat(pipes) -> Pipe
static PyObject *pipe_concat(PyObject *module, PyObject *sequence)
{
    struct pipilo_error err;
    pipilo_pipe *pipe = NULL;
    (void)module;
    PyObject *pipes = PySequence_Tuple(sequence), *object = NULL;
    Py_ssize_t count = pipes != NULL ? PyTuple_Size(pipes) : 0;
    pipilo_pipe **list = PyMem_Calloc((size_t)count + 1, sizeof *list);
    bool native = false, good = pipes != NULL && list != NULL;
    for (Py_ssize_t i = 0; good && i < count; i++) {
        PyObject *item = PyTuple_GetItem(pipes, i);
        good = Py_TYPE(item) == plopy_pipe_type;
        if (!good) {
            PyErr_SetString(PyExc_TypeError, "pipes are wanted");
            break;
        }
        list[i] = ((struct plopy_pipe *)item)->pipe;
        native = native || ((struct plopy_pipe *)item)->native;
    }
    if (good && pipilo_pipe_concat(&pipe, list, (size_t)count, &err) < 0)
        plopy_raise(&err);
    else if (good)
        object = pipe_object(pipe, native, pipes);
    PyMem_Free(list);
    Py_XDECREF(pipes);
    return object;
}

// What the step calls: a Callable, or a Pipeline to be inlined.
static int set_called(struct pipilo_step *step, PyObject *called, bool *native)
{
    if (Py_TYPE(called) == plopy_callable_type) {
        step->callable = ((struct plopy_callable *)called)->callable;
        *native = *native || ((struct plopy_callable *)called)->native;
        return 0;
    }
    if (Py_TYPE(called) == plopy_pipeline_type) {
        step->pipeline = ((struct plopy_pipeline *)called)->pipeline;
        *native = *native || ((struct plopy_pipeline *)called)->native;
        return 0;
    }
    PyErr_SetString(PyExc_TypeError, "a step calls a Callable or a Pipeline");
    return -1;
}

// Pipe.step(iteration, inputs, outputs, by, size, step, called, name) -> Pipe
static PyObject *pipe_step(PyObject *object, PyObject *args)
{
    struct plopy_pipe *self = (struct plopy_pipe *)object;
    struct pipilo_error err;
    struct pipilo_step step = PIPILO_STEP_INIT;
    struct names inputs = { 0 }, outputs = { 0 }, by = { 0 };
    PyObject *in, *out, *tested, *called, *result = NULL;
    pipilo_pipe *pipe = NULL;
    int iteration;
    long long size, stride;
    bool native = self->native;
    if (!PyArg_ParseTuple(args, "iOOOLLOz", &iteration, &in, &out, &tested, &size, &stride, &called,
                          &step.name))
        return NULL;
    step.iteration = (enum pipilo_iteration)iteration;
    step.size = size;
    step.step = stride;
    if (names_fill(&inputs, in) == 0 && names_fill(&outputs, out) == 0 &&
        names_fill(&by, tested) == 0 && set_called(&step, called, &native) == 0) {
        step.inputs = inputs.items;
        step.input_count = inputs.count;
        step.outputs = outputs.items;
        step.output_count = outputs.count;
        step.by = by.items;
        step.by_count = by.count;
        PyObject *keep = PyTuple_Pack(2, object, called);
        if (keep != NULL && pipilo_pipe_step(&pipe, self->pipe, &step, &err) < 0)
            plopy_raise(&err);
        else if (keep != NULL)
            result = pipe_object(pipe, native, keep);
        Py_XDECREF(keep);
    }
    names_reset(&inputs);
    names_reset(&outputs);
    names_reset(&by);
    return result;
}

static PyObject *pipeline_object(pipilo_pipeline *pipeline, struct plopy_pipe *pipe)
{
    struct plopy_pipeline *self = PyObject_GC_New(struct plopy_pipeline, plopy_pipeline_type);
    if (self == NULL) {
        pipilo_pipeline_unref(&pipeline);
        return NULL;
    }
    self->pipeline = pipeline;
    self->native = pipe->native;
    self->inputs = pipilo_pipeline_input_count(pipeline);
    self->outputs = pipilo_pipeline_output_count(pipeline);
    self->keep = Py_NewRef((PyObject *)pipe);
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

// Pipe.output(columns) -> Pipeline. Models are loaded here, without the GIL.
static PyObject *pipe_output(PyObject *object, PyObject *columns)
{
    struct plopy_pipe *self = (struct plopy_pipe *)object;
    struct pipilo_error err;
    struct names names = { 0 };
    pipilo_pipeline *pipeline = NULL;
    PyObject *result = NULL;
    if (names_fill(&names, columns) == 0) {
        struct plopy_drive drive;
        plopy_drive_begin(&drive);
        plopy_gil_give(&drive);
        int code = pipilo_pipe_output(&pipeline, self->pipe, names.items, names.count, &err);
        plopy_gil_take(&drive);
        plopy_drive_end(&drive);
        result = code < 0 ? plopy_raise_node(&err) : pipeline_object(pipeline, self);
    }
    names_reset(&names);
    return result;
}

static int pipe_traverse(PyObject *object, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(((struct plopy_pipe *)object)->keep);
    return 0;
}

static int pipe_clear(PyObject *object)
{
    Py_CLEAR(((struct plopy_pipe *)object)->keep);
    return 0;
}

static void pipe_free(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    bool before = plopy_enter();
    pipilo_pipe_unref(&((struct plopy_pipe *)object)->pipe);
    plopy_leave(before);
    pipe_clear(object);
    PyObject_GC_Del(object);
    Py_DECREF(type);
}

static PyMethodDef pipe_methods[] = {
    { "step", pipe_step, METH_VARARGS,
      "step(iteration, inputs, outputs, by, size, step, called, name)\n\nA pipe with one step "
      "more." },
    { "output", pipe_output, METH_O, "output(columns)\n\nCloses the pipe: a Pipeline." },
    { NULL, NULL, 0, NULL },
};

static PyType_Slot pipe_slots[] = {
    { Py_tp_dealloc, pipe_free },
    { Py_tp_traverse, pipe_traverse },
    { Py_tp_clear, pipe_clear },
    { Py_tp_methods, pipe_methods },
    { Py_tp_doc, (void *)"A chain of steps; it never changes." },
    { 0, NULL },
};

static PyType_Spec pipe_spec = {
    .name = "pipilo._core.Pipe",
    .basicsize = sizeof(struct plopy_pipe),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = pipe_slots,
};

static PyMethodDef functions[] = {
    { "pipe_input", pipe_input, METH_O, "pipe_input(columns)\n\nA pipe that begins with these." },
    { "pipe_concat", pipe_concat, METH_O, "pipe_concat(pipes)\n\nJoins branches of one input." },
    { NULL, NULL, 0, NULL },
};

int plopy_pipe_init(PyObject *module)
{
    if (plopy_add_type(module, &pipe_spec, &plopy_pipe_type) < 0)
        return -1;
    return PyModule_AddFunctions(module, functions);
}
