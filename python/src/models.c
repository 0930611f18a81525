// models.c: the model home, and models put into one: for the package's exporter (see core.h).
#include "core.h"

static PyObject *models_home(PyObject *module, PyObject *unused)
{
    struct pipilo_error err;
    char *home = NULL;
    (void)module;
    (void)unused;
    if (pipilo_models_home(&home, &err) < 0)
        return plopy_raise(&err);
    PyObject *path = PyUnicode_DecodeFSDefault(home);
    pipilo_free(home);
    return path;
}

// model_import(weights, config, home, name, pool, source, license): the new model's folder.
static PyObject *model_import(PyObject *module, PyObject *args)
{
    struct pipilo_model_import_options how = PIPILO_MODEL_IMPORT_OPTIONS_INIT;
    PyObject *weights = NULL, *config = NULL, *home = NULL, *path = NULL;
    struct plopy_drive drive;
    struct pipilo_error err;
    char *folder = NULL;
    (void)module;
    if (!PyArg_ParseTuple(args, "O&O&O&sszz", PyUnicode_FSConverter, &weights,
                          PyUnicode_FSConverter, &config, PyUnicode_FSConverter, &home, &how.name,
                          &how.pool, &how.source, &how.license))
        goto out;
    how.config = PyBytes_AsString(config);
    how.home = PyBytes_AsString(home);
    plopy_drive_begin(&drive);
    plopy_gil_give(&drive);
    int result = pipilo_model_import(&folder, PyBytes_AsString(weights), &how, &err);
    plopy_gil_take(&drive);
    plopy_drive_end(&drive);
    path = result < 0 ? plopy_raise(&err) : PyUnicode_DecodeFSDefault(folder);
    pipilo_free(folder);
out:
    Py_XDECREF(weights);
    Py_XDECREF(config);
    Py_XDECREF(home);
    return path;
}

static PyMethodDef functions[] = {
    { "models_home", models_home, METH_NOARGS,
      "models_home()\n\nThe folder models are looked up in by name." },
    { "model_import", model_import, METH_VARARGS,
      "model_import(weights, config, home, name, pool, source, license)\n\n"
      "Makes a model of an ONNX file; gives its folder." },
    { NULL, NULL, 0, NULL },
};

int plopy_models_init(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
