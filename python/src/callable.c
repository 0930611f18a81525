// callable.c: what a step calls: a Python function as an operator of the library, or one of the
// library's own (see core.h).
//
// A Python operator runs on the driving thread only and gets as many rows a turn as there are,
// under one hold of the GIL. What it gives is taken apart here, by Python's rules, so that the
// dataflow never has to look into an object: several outputs become a list value, the items of
// flat_map a list or an iterator value, the answer of a filter a bool.
#include <stdlib.h>
#include <string.h>

#include "core.h"

PyTypeObject *plopy_callable_type;

enum {
    EAGER_ITEMS = 64,  // longer lists are read item by item
    SIGNAL_ITEMS = 64, // read between two looks at signals
};

// The operator of one step. Its name is in the same block. The objects are borrowed from the
// Callable, which every pipe with this step keeps alive, so that Python's garbage collector sees
// them: a pipeline and its functions often hold each other.
struct function {
    struct pipilo_operator op;
    PyObject *call;        // what to call, or NULL where each run has an instance of its own:
    PyObject *take, *give; // take() -> instance, give(instance)
    enum pipilo_iteration iteration;
    size_t outputs;
};

struct state {
    struct function *function;
};

struct run_state {
    PyObject *instance;
};

// --- what a function gives, as values --------------------------------------------------------

// One value for a row of `count` outputs: a list value of what stands at each index, by `ret[i]`.
static int row_value(pipilo_value **out, PyObject *object, size_t count, const bool *native)
{
    if (count == 1)
        return plopy_to_value(out, object, native[0]);
    struct pipilo_error err;
    pipilo_value **items = PyMem_Calloc(count + 1, sizeof *items);
    int result = items != NULL ? 0 : -1;
    if (items == NULL)
        PyErr_NoMemory();
    for (size_t i = 0; i < count && result == 0; i++) {
        PyObject *index = PyLong_FromSize_t(i);
        PyObject *item = index != NULL ? PyObject_GetItem(object, index) : NULL;
        result = item != NULL ? plopy_to_value(&items[i], item, native[i]) : -1;
        Py_XDECREF(item);
        Py_XDECREF(index);
    }
    if (result == 0) {
        result = pipilo_value_create_list(out, items, count, &err);
        if (result < 0)
            plopy_raise(&err);
    }
    for (size_t i = 0; items != NULL && i < count; i++)
        pipilo_value_unref(&items[i]);
    PyMem_Free(items);
    return result;
}

// A generator's items; for several outputs a list of lists, the first with every item's first.
static PyObject *drained(PyObject *generator, size_t outputs)
{
    PyObject *items = PySequence_List(generator);
    if (items == NULL || outputs < 2)
        return items;
    PyObject *lists = PyList_New(0);
    for (size_t o = 0; lists != NULL && o < outputs; o++) {
        PyObject *list = PyList_New(0);
        PyObject *index = PyLong_FromSize_t(o);
        int failed = list == NULL || index == NULL;
        for (Py_ssize_t i = 0; !failed && i < PyList_Size(items); i++) {
            PyObject *cell = PyObject_GetItem(PyList_GetItem(items, i), index);
            failed = cell == NULL || PyList_Append(list, cell) < 0;
            Py_XDECREF(cell);
        }
        if (failed || PyList_Append(lists, list) < 0)
            Py_CLEAR(lists);
        Py_XDECREF(list);
        Py_XDECREF(index);
    }
    Py_DECREF(items);
    return lists;
}

static int whole_value(pipilo_value **out, PyObject *object, const struct function *function,
                       const bool *native)
{
    if (function->outputs == 0) {
        *out = pipilo_value_none();
        return 0;
    }
    if ((PyObject *)Py_TYPE(object) != plopy_types.generator)
        return row_value(out, object, function->outputs, native);
    PyObject *list = drained(object, function->outputs);
    int result = list != NULL ? row_value(out, list, function->outputs, native) : -1;
    Py_XDECREF(list);
    return result;
}

// --- the items of a flat_map -----------------------------------------------------------------

// Lives inside a call, so the plan that owns `native` and `node` outlives it.
struct items {
    PyObject *iterator;
    size_t outputs;
    const bool *native;
    const char *node;
    unsigned count; // of the items so far
    bool ended;
};

static int items_next(void *object, pipilo_value **out, struct pipilo_error *err)
{
    struct items *items = object;
    struct plopy_drive *drive = plopy_drive_now();
    *out = NULL;
    if (items->ended)
        return 0;
    bool taken = plopy_callback_begin(drive);
    int result = 0;
    // An iterator written in C never looks at signals itself.
    bool stopped = ++items->count % SIGNAL_ITEMS == 0 && PyErr_CheckSignals() < 0;
    PyObject *item = stopped ? NULL : PyIter_Next(items->iterator);
    bool failed = item == NULL && PyErr_Occurred() != NULL;
    if (item != NULL)
        failed = row_value(out, item, items->outputs, items->native) < 0;
    items->ended = item == NULL || failed;
    Py_XDECREF(item);
    if (failed)
        result = plopy_exception_value(out, items->node, err);
    plopy_callback_end(drive, taken);
    return result;
}

static void items_free(void *object)
{
    struct items *items = object;
    plopy_release(items->iterator);
    free(items);
}

static int lazy_items(pipilo_value **out, PyObject *object, const struct function *function,
                      const struct pipilo_batch *batch)
{
    struct pipilo_error err;
    PyObject *iterator = PyObject_GetIter(object);
    if (iterator == NULL)
        return -1;
    struct items *items = malloc(sizeof *items);
    if (items == NULL) {
        Py_DECREF(iterator);
        PyErr_NoMemory();
        return -1;
    }
    *items = (struct items){ iterator, function->outputs, batch->native, batch->node, 0, false };
    int result = pipilo_value_create_iterator(out, items, items_next, items_free, &err);
    if (result < 0) {
        items_free(items);
        plopy_raise(&err);
    }
    return result;
}

static int items_value(pipilo_value **out, PyObject *object, const struct function *function,
                       const struct pipilo_batch *batch)
{
    struct pipilo_error err;
    if (function->outputs == 0) {
        PyErr_SetString(PyExc_RuntimeError, "a flat_map needs an output column");
        return -1;
    }
    if (!PyList_CheckExact(object) || PyList_Size(object) > EAGER_ITEMS)
        return lazy_items(out, object, function, batch);
    pipilo_value *items[EAGER_ITEMS] = { NULL };
    Py_ssize_t count = PyList_Size(object);
    int result = 0;
    for (Py_ssize_t i = 0; i < count && result == 0; i++)
        result = row_value(&items[i], PyList_GetItem(object, i), function->outputs, batch->native);
    if (result == 0) {
        result = pipilo_value_create_list(out, items, (size_t)count, &err);
        if (result < 0)
            plopy_raise(&err);
    }
    for (Py_ssize_t i = 0; i < count; i++)
        pipilo_value_unref(&items[i]);
    return result;
}

// --- the call --------------------------------------------------------------------------------

static PyObject *call_with(PyObject *callable, pipilo_value *const *in, size_t columns)
{
    PyObject *result = NULL;
    if (columns == 1) {
        PyObject *only = plopy_from_value(in[0]);
        result = only != NULL ? PyObject_CallFunctionObjArgs(callable, only, NULL) : NULL;
        Py_XDECREF(only);
        return result;
    }
    PyObject *args = PyTuple_New((Py_ssize_t)columns);
    for (size_t i = 0; args != NULL && i < columns; i++) {
        PyObject *arg = plopy_from_value(in[i]);
        if (arg == NULL || PyTuple_SetItem(args, (Py_ssize_t)i, arg) < 0)
            Py_CLEAR(args);
    }
    if (args != NULL)
        result = PyObject_CallObject(callable, args);
    Py_XDECREF(args);
    return result;
}

static int truth_value(pipilo_value **out, PyObject *object)
{
    struct pipilo_error err;
    int truth = PyObject_IsTrue(object);
    if (truth < 0)
        return -1;
    int result = pipilo_value_create_bool(out, truth, &err);
    if (result < 0)
        plopy_raise(&err);
    return result;
}

static int call_row(const struct function *function, PyObject *callable,
                    const struct pipilo_batch *batch, size_t row)
{
    pipilo_value **out = &batch->out[row];
    PyObject *result = call_with(callable, &batch->in[row * batch->columns], batch->columns);
    if (result == NULL)
        return -1;
    int code;
    if (function->iteration == PIPILO_FLAT_MAP)
        code = items_value(out, result, function, batch);
    else if (function->iteration == PIPILO_FILTER)
        code = truth_value(out, result);
    else
        code = whole_value(out, result, function, batch->native);
    Py_DECREF(result);
    return code;
}

static int operator_call(void *state, void *run, struct pipilo_batch *batch,
                         struct pipilo_error *err)
{
    const struct function *function = ((struct state *)state)->function;
    PyObject *callable = function->call;
    struct plopy_drive *drive = plopy_drive_now();
    int result = 0;
    if (drive == NULL) {
        *err = (struct pipilo_error){ .code = PIPILO_EINTERNAL };
        return err->code;
    }
    bool taken = plopy_callback_begin(drive);
    if (callable == NULL)
        callable = ((struct run_state *)run)->instance;
    for (size_t i = 0; i < batch->rows && result == 0 && !drive->interrupted; i++) {
        pipilo_value_unref(&batch->out[i]);
        if ((i == 0 && PyErr_CheckSignals() < 0) || call_row(function, callable, batch, i) < 0)
            result = plopy_exception_value(&batch->out[i], batch->node, err);
    }
    plopy_callback_end(drive, taken);
    return result;
}

static int operator_open(void *state, const pipilo_args *args, struct pipilo_error *err)
{
    (void)err;
    ((struct state *)state)->function = pipilo_args_cookie(args);
    return 0;
}

static size_t operator_rows(const void *state)
{
    (void)state;
    return 1024;
}

// An instance for this run. A failure leaves the exception set, for who starts the run.
static int operator_start(void *state, void *run, struct pipilo_error *err)
{
    const struct function *function = ((struct state *)state)->function;
    if (function->take == NULL)
        return 0;
    PyObject *instance = PyObject_CallNoArgs(function->take);
    ((struct run_state *)run)->instance = instance;
    if (instance == NULL)
        *err = (struct pipilo_error){ .code = PIPILO_EOPERATOR };
    return instance != NULL ? 0 : PIPILO_EOPERATOR;
}

static void operator_stop(void *state, void *run)
{
    const struct function *function = ((struct state *)state)->function;
    struct plopy_drive *drive = plopy_drive_now();
    PyObject *instance = ((struct run_state *)run)->instance;
    if (instance == NULL || drive == NULL)
        return;
    bool taken = plopy_callback_begin(drive);
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *result = PyObject_CallFunctionObjArgs(function->give, instance, NULL);
    if (result == NULL)
        PyErr_WriteUnraisable(function->give);
    Py_XDECREF(result);
    Py_DECREF(instance);
    PyErr_Restore(type, value, traceback);
    plopy_callback_end(drive, taken);
}

static void function_free(void *cookie)
{
    free(cookie);
}

// --- making them -----------------------------------------------------------------------------

// A Callable without anything in it yet.
static struct plopy_callable *callable_create(void)
{
    struct plopy_callable *self = PyObject_GC_New(struct plopy_callable, plopy_callable_type);
    if (self != NULL) {
        self->callable = NULL;
        self->native = false;
        self->call = self->take = self->give = NULL;
        PyObject_GC_Track(self);
    }
    return self;
}

static struct function *function_create(const char *name, PyObject *call, PyObject *take,
                                        PyObject *give)
{
    size_t length = strlen(name) + 1;
    struct function *function = calloc(1, sizeof *function + length);
    if (function == NULL)
        return NULL;
    function->op = (struct pipilo_operator){
        .struct_size = sizeof function->op,
        .name = memcpy(function + 1, name, length),
        .summary = "a Python function",
        .flags = PIPILO_OP_CALLER_ONLY | PIPILO_OP_FOREIGN,
        .state_size = sizeof(struct state),
        .run_size = sizeof(struct run_state),
        .open = operator_open,
        .start = operator_start,
        .rows = operator_rows,
        .call = operator_call,
        .stop = operator_stop,
    };
    function->call = call != Py_None ? call : NULL;
    function->take = take != Py_None ? take : NULL;
    function->give = give != Py_None ? give : NULL;
    return function;
}

// python_callable(name, iteration, outputs, call, take, give); call or take and give are None.
static PyObject *python_callable(PyObject *module, PyObject *args)
{
    const char *name;
    int iteration;
    Py_ssize_t outputs;
    struct pipilo_error err;
    PyObject *call, *take, *give;
    (void)module;
    if (!PyArg_ParseTuple(args, "sinOOO", &name, &iteration, &outputs, &call, &take, &give))
        return NULL;
    struct plopy_callable *self = callable_create();
    struct function *function = self != NULL ? function_create(name, call, take, give) : NULL;
    if (function == NULL) {
        bool memory = self == NULL;
        Py_XDECREF((PyObject *)self);
        return memory ? NULL : PyErr_NoMemory();
    }
    function->iteration = (enum pipilo_iteration)iteration;
    function->outputs = (size_t)outputs;
    self->call = Py_NewRef(call);
    self->take = Py_NewRef(take);
    self->give = Py_NewRef(give);
    if (pipilo_callable_create_from(&self->callable, &function->op, function, function_free, &err) <
        0) {
        Py_DECREF(self);
        return plopy_raise(&err);
    }
    return (PyObject *)self;
}

struct arguments {
    pipilo_value **positional, **values;
    const char **keywords;
    size_t positional_count, keyword_count;
};

static void arguments_reset(struct arguments *a)
{
    for (size_t i = 0; i < a->positional_count; i++)
        pipilo_value_unref(&a->positional[i]);
    for (size_t i = 0; i < a->keyword_count; i++)
        pipilo_value_unref(&a->values[i]);
    PyMem_Free(a->positional);
    PyMem_Free(a->values);
    PyMem_Free(a->keywords);
}

static int arguments_fill(struct arguments *a, PyObject *positional, PyObject *keywords)
{
    Py_ssize_t count = PyTuple_Size(positional), named = PyDict_Size(keywords), at = 0;
    PyObject *name, *value;
    a->positional = PyMem_Calloc((size_t)count + 1, sizeof *a->positional);
    a->values = PyMem_Calloc((size_t)named + 1, sizeof *a->values);
    a->keywords = PyMem_Calloc((size_t)named + 1, sizeof *a->keywords);
    if (a->positional == NULL || a->values == NULL || a->keywords == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++, a->positional_count++)
        if (plopy_to_value(&a->positional[i], PyTuple_GetItem(positional, i), true) < 0)
            return -1;
    while (PyDict_Next(keywords, &at, &name, &value)) {
        a->keywords[a->keyword_count] = PyUnicode_AsUTF8AndSize(name, NULL);
        if (a->keywords[a->keyword_count] == NULL ||
            plopy_to_value(&a->values[a->keyword_count], value, true) < 0)
            return -1;
        a->keyword_count++;
    }
    return 0;
}

// native_callable(name, args, kwargs)
static PyObject *native_callable(PyObject *module, PyObject *args)
{
    const char *name;
    PyObject *positional, *keywords;
    (void)module;
    if (!PyArg_ParseTuple(args, "sO!O!", &name, &PyTuple_Type, &positional, &PyDict_Type,
                          &keywords))
        return NULL;
    struct pipilo_error err;
    struct arguments a = { 0 };
    bool before = plopy_enter();
    struct plopy_callable *self = callable_create();
    int result = self != NULL ? arguments_fill(&a, positional, keywords) : -1;
    if (result == 0) {
        self->native = true;
        result = pipilo_callable_create(&self->callable, name, a.positional, a.positional_count,
                                        a.keywords, a.values, a.keyword_count, &err);
        if (result < 0)
            plopy_raise(&err);
    }
    if (result < 0)
        Py_CLEAR(self);
    arguments_reset(&a);
    plopy_leave(before);
    return (PyObject *)self;
}

static int callable_traverse(PyObject *object, visitproc visit, void *arg)
{
    struct plopy_callable *self = (struct plopy_callable *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->call);
    Py_VISIT(self->take);
    Py_VISIT(self->give);
    return 0;
}

static int callable_clear(PyObject *object)
{
    struct plopy_callable *self = (struct plopy_callable *)object;
    Py_CLEAR(self->call);
    Py_CLEAR(self->take);
    Py_CLEAR(self->give);
    return 0;
}

static void callable_free(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    bool before = plopy_enter();
    pipilo_callable_unref(&((struct plopy_callable *)object)->callable);
    plopy_leave(before);
    callable_clear(object);
    PyObject_GC_Del(object);
    Py_DECREF(type);
}

static PyType_Slot callable_slots[] = {
    { Py_tp_dealloc, callable_free },
    { Py_tp_traverse, callable_traverse },
    { Py_tp_clear, callable_clear },
    { Py_tp_doc, (void *)"What a step calls: a Python function or a native operator." },
    { 0, NULL },
};

static PyType_Spec callable_spec = {
    .name = "pipilo._core.Callable",
    .basicsize = sizeof(struct plopy_callable),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = callable_slots,
};

static PyMethodDef functions[] = {
    { "python_callable", python_callable, METH_VARARGS,
      "python_callable(name, iteration, outputs, call, take, give)\n\nA Python function as an "
      "operator; or, with take and give, one instance a run." },
    { "native_callable", native_callable, METH_VARARGS,
      "native_callable(name, args, kwargs)\n\nA native operator with its arguments." },
    { NULL, NULL, 0, NULL },
};

int plopy_callable_init(PyObject *module)
{
    if (plopy_add_type(module, &callable_spec, &plopy_callable_type) < 0)
        return -1;
    return PyModule_AddFunctions(module, functions);
}
