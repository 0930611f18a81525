// module.c: the module pipilo._core: its types, and the library as a whole: what is alive, the
// memory budget, the operators there are, closing.
#include <limits.h>
#include <pthread.h>

#include "core.h"

int plopy_add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **out)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    if (type == NULL)
        return -1;
    *out = (PyTypeObject *)type;
    return PyModule_AddType(module, *out);
}

// --- the library as a whole ------------------------------------------------------------------

// set_up(empty, make_array, make_image, node_error, generator, path): what the package gives the
// extension.
static PyObject *set_up(PyObject *module, PyObject *args)
{
    struct plopy_types old = plopy_types, new;
    (void)module;
    if (!PyArg_ParseTuple(args, "OOOOOO", &new.empty, &new.array, &new.image, &new.node_error,
                          &new.generator, &new.path))
        return NULL;
    PyObject *fresh[] = {
        new.empty, new.array, new.image, new.node_error, new.generator, new.path
    };
    PyObject *stale[] = {
        old.empty, old.array, old.image, old.node_error, old.generator, old.path
    };
    for (size_t i = 0; i < sizeof fresh / sizeof fresh[0]; i++)
        Py_INCREF(fresh[i]);
    plopy_types = new;
    for (size_t i = 0; i < sizeof stale / sizeof stale[0]; i++)
        Py_XDECREF(stale[i]);
    return Py_NewRef(Py_None);
}

static PyObject *stats(PyObject *module, PyObject *unused)
{
    struct pipilo_stats s = { .struct_size = sizeof s };
    (void)module;
    (void)unused;
    bool before = plopy_enter();
    pipilo_stats(&s);
    plopy_leave(before);
    const struct {
        const char *name;
        int64_t number;
    } rows[] = {
        { "values", s.values },
        { "images", s.images },
        { "pipelines", s.pipelines },
        { "runs", s.runs },
        { "models", s.models },
        { "sources", s.sources },
        { "tables", s.tables },
        { "allocations", s.allocations },
        { "budget_limit", (int64_t)s.budget_limit },
        { "budget_used", (int64_t)s.budget_used },
        { "budget_peak", (int64_t)s.budget_peak },
        { "model_loads", (int64_t)s.model_loads },
        { "memory_anonymous", (int64_t)s.memory_anonymous },
        { "skipped_hidden", (int64_t)s.skipped_hidden },
        { "skipped_other", (int64_t)s.skipped_other },
        { "skipped_irregular", (int64_t)s.skipped_irregular },
        { "skipped_unchanged", (int64_t)s.skipped_unchanged },
        { "skipped_members", (int64_t)s.skipped_members },
        { "resumed", (int64_t)s.resumed },
        { "resumed_errors", (int64_t)s.resumed_errors },
        { "memory_state", s.memory_state },
        { "memory_used", (int64_t)s.memory_used },
        { "memory_peak", (int64_t)s.memory_peak },
        { "memory_total", (int64_t)s.memory_total },
        { "memory_soft", (int64_t)s.memory_soft },
        { "memory_hard", (int64_t)s.memory_hard },
        { "memory_critical", (int64_t)s.memory_critical },
        { "entered_ok", (int64_t)s.entered_ok },
        { "entered_soft", (int64_t)s.entered_soft },
        { "entered_hard", (int64_t)s.entered_hard },
        { "entered_critical", (int64_t)s.entered_critical },
        { "rows_refused", (int64_t)s.rows_refused },
        { "helpers_started", (int64_t)s.helpers_started },
        { "helpers_lost", (int64_t)s.helpers_lost },
    };
    PyObject *all = PyDict_New();
    for (size_t i = 0; all != NULL && i < sizeof rows / sizeof rows[0]; i++) {
        PyObject *number = PyLong_FromLongLong(rows[i].number);
        if (number == NULL || PyDict_SetItemString(all, rows[i].name, number) < 0)
            Py_CLEAR(all);
        Py_XDECREF(number);
    }
    return all;
}

// model_info(model, precision, exif, device, fast, normalize): what its vectors are, without
// loading it.
static PyObject *model_info(PyObject *module, PyObject *args)
{
    struct pipilo_error err;
    struct pipilo_model_settings settings = PIPILO_MODEL_SETTINGS_INIT;
    struct pipilo_model_info *info = NULL;
    PyObject *model = NULL;
    int fast, normalize;
    (void)module;
    if (!PyArg_ParseTuple(args, "O&zzzpp", PyUnicode_FSConverter, &model, &settings.precision,
                          &settings.exif, &settings.device, &fast, &normalize))
        return NULL;
    settings.fast = fast;
    settings.normalize = normalize;
    int result;
    struct plopy_drive drive;
    plopy_drive_begin(&drive);
    plopy_gil_give(&drive);
    result = pipilo_model_show(&info, PyBytes_AsString(model), &settings, &err);
    plopy_gil_take(&drive);
    plopy_drive_end(&drive);
    Py_DECREF(model);
    if (result < 0)
        return plopy_raise(&err);
    PyObject *all = Py_BuildValue(
        "{s:N,s:N,s:N,s:N,s:n,s:N,s:N}", "name", plopy_text(info->name), "engine",
        plopy_text(info->engine), "precision", plopy_text(info->precision), "fingerprint",
        plopy_text(info->fingerprint), "dim", (Py_ssize_t)info->dim, "card", plopy_text(info->card),
        "weights", PyUnicode_DecodeFSDefault(info->weights));
    pipilo_free(info);
    return all;
}

static PyObject *operators(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    PyObject *list = PyList_New(0);
    const struct pipilo_operator *op;
    for (size_t i = 0; list != NULL && (op = pipilo_operator_at(i)) != NULL; i++) {
        PyObject *name = PyUnicode_FromString(op->name);
        if (name == NULL || PyList_Append(list, name) < 0)
            Py_CLEAR(list);
        Py_XDECREF(name);
    }
    return list;
}

static PyObject *set_threads(PyObject *module, PyObject *number)
{
    struct pipilo_error err;
    int overflow = 0;
    (void)module;
    long long threads = PyLong_AsLongLongAndOverflow(number, &overflow);
    if (PyErr_Occurred() != NULL)
        return NULL;
    // What is no number of the library's type it cannot judge.
    if (overflow != 0 || threads < 0 || threads > UINT_MAX)
        return PyErr_Format(PyExc_ValueError, "%S threads: 0 for one a core, or a few", number);
    return pipilo_set_threads((unsigned)threads, &err) < 0 ? plopy_raise(&err) : Py_NewRef(Py_None);
}

static PyObject *set_engine_path(PyObject *module, PyObject *folder)
{
    struct pipilo_error err;
    PyObject *bytes = NULL;
    (void)module;
    if (!PyUnicode_FSConverter(folder, &bytes))
        return NULL;
    int result = pipilo_set_engine_path(PyBytes_AsString(bytes), &err);
    Py_DECREF(bytes);
    return result < 0 ? plopy_raise(&err) : Py_NewRef(Py_None);
}

static PyObject *trim(PyObject *module, PyObject *unused)
{
    struct plopy_drive drive;
    (void)module;
    (void)unused;
    plopy_drive_begin(&drive);
    plopy_gil_give(&drive);
    size_t dropped = pipilo_trim();
    plopy_gil_take(&drive);
    plopy_drive_end(&drive);
    return PyLong_FromSize_t(dropped);
}

// close(): stops the threads. True where nothing was left alive.
static PyObject *library_close(PyObject *module, PyObject *unused)
{
    struct plopy_drive drive;
    struct pipilo_error err;
    (void)module;
    (void)unused;
    plopy_drive_begin(&drive);
    plopy_gil_give(&drive);
    int result = pipilo_close(&err);
    plopy_gil_take(&drive);
    plopy_drive_end(&drive);
    return PyBool_FromLong(result == 0);
}

// end(): the interpreter is about to go, and threads of the library may still be at work: from now
// on they let no Python object go. The module itself is freed too late to say so, if ever.
static PyObject *end(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    plopy_drops_close();
    return Py_NewRef(Py_None);
}

static PyMethodDef functions[] = {
    { "set_up", set_up, METH_VARARGS,
      "set_up(empty, make_array, make_image, node_error, generator, path)\n\n"
      "What the package gives the extension." },
    { "stats", stats, METH_NOARGS, "stats()\n\nWhat is alive, and the memory budget." },
    { "model_info", model_info, METH_VARARGS,
      "model_info(model, precision, exif, device, fast, normalize)\n\nWhat its vectors are." },
    { "operators", operators, METH_NOARGS, "operators()\n\nThe native operators' names." },
    { "set_threads", set_threads, METH_O, "set_threads(count)\n\nThreads of the pool; 0: cores." },
    { "set_engine_path", set_engine_path, METH_O,
      "set_engine_path(folder)\n\nWhere the inference engine's libraries are." },
    { "trim", trim, METH_NOARGS, "trim()\n\nDrops idle models; gives how many." },
    { "close", library_close, METH_NOARGS,
      "close()\n\nStops the library's threads; whether nothing was left." },
    { "end", end, METH_NOARGS, "end()\n\nThreads let no Python object go any more." },
    { NULL, NULL, 0, NULL },
};

// --- the module ------------------------------------------------------------------------------

static int only_main_interpreter(void)
{
    if (PyInterpreterState_GetID(PyInterpreterState_Get()) == 0)
        return 0;
    PyErr_SetString(PyExc_ImportError,
                    "pipilo works in the main interpreter only, not in subinterpreters");
    return -1;
}

static int module_exec(PyObject *module)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (only_main_interpreter() < 0)
        return -1;
    pthread_once(&once, plopy_register_fork);
    if (PyModule_AddFunctions(module, functions) < 0 ||
        PyModule_AddStringConstant(module, "version", pipilo_version()) < 0)
        return -1;
    if (plopy_values_init(module) < 0 || plopy_arrays_init(module) < 0 ||
        plopy_iterator_init(module) < 0 || plopy_callable_init(module) < 0 ||
        plopy_pipe_init(module) < 0 || plopy_pipeline_init(module) < 0 ||
        plopy_table_init(module) < 0 || plopy_columns_init(module) < 0 ||
        plopy_arrow_items_init(module) < 0 || plopy_models_init(module) < 0 ||
        plopy_memory_init(module) < 0 || plopy_decoding_init(module) < 0 ||
        plopy_merge_init(module) < 0)
        return -1;
    return 0;
}

// At the interpreter's end nothing can be let go by threads any more.
static void module_free(void *module)
{
    (void)module;
    plopy_drops_close();
}

static PyModuleDef_Slot slots[] = {
    { Py_mod_exec, module_exec },
    { 0, NULL },
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "pipilo._core",
    .m_doc = "The C library behind pipilo. Internal: use the package.",
    .m_slots = slots,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__core(void);
PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&definition);
}
