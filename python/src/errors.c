// errors.c: the library's errors as Python exceptions, and exceptions as error values (see core.h).
#include <string.h>

#include "core.h"

static PyObject *class_of(int code)
{
    static const struct {
        const char *name;
        PyObject **class;
    } classes[] = {
        { "ValueError", &PyExc_ValueError },
        { "FileNotFoundError", &PyExc_FileNotFoundError },
        { "FileExistsError", &PyExc_FileExistsError },
        { "OSError", &PyExc_OSError },
        { "MemoryError", &PyExc_MemoryError },
        { "TimeoutError", &PyExc_TimeoutError },
    };
    const char *name = pipilo_error_python(code);
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (strcmp(classes[i].name, name) == 0)
            return *classes[i].class;
    return PyExc_RuntimeError;
}

PyObject *plopy_text(const char *text)
{
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

PyObject *plopy_raise(const struct pipilo_error *err)
{
    // PyErr_Format decodes as plopy_text does.
    if (err->where[0] != '\0')
        PyErr_Format(class_of(err->code), "%s: %s", err->where, err->message);
    else
        PyErr_Format(class_of(err->code), "%s", err->message);
    return NULL;
}

// The current exception, cleared; complete with its traceback.
static PyObject *take_exception(void)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL)
        PyException_SetTraceback(value, traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
}

// One line of what the exception says, in the error's own memory.
static void describe(struct pipilo_error *err, PyObject *exception)
{
    PyObject *text = PyObject_Str(exception);
    PyObject *bytes = text != NULL ? PyUnicode_AsEncodedString(text, "utf-8", "replace") : NULL;
    const char *from =
        bytes != NULL ? PyBytes_AsString(bytes) : "an exception that cannot be shown";
    size_t length = strlen(from);
    if (length >= sizeof err->message) {
        length = sizeof err->message - 1;
        while (length > 0 && (from[length] & 0xc0) == 0x80)
            length--; // to the beginning of a character
    }
    memcpy(err->message, from, length);
    for (size_t i = 0; i < length; i++)
        if (err->message[i] == '\n')
            err->message[i] = ' ';
    Py_XDECREF(bytes);
    Py_XDECREF(text);
    PyErr_Clear();
}

int plopy_exception_value(pipilo_value **out, const char *where, struct pipilo_error *err)
{
    struct pipilo_error reason = { .code = PIPILO_EOPERATOR };
    PyObject *exception = take_exception();
    struct plopy_drive *drive = plopy_drive_now();
    // Ctrl-C and the like end the run; they are no matter of a row.
    if (drive != NULL && !PyErr_GivenExceptionMatches(exception, PyExc_Exception)) {
        drive->interrupted = true;
        Py_XDECREF(drive->fatal);
        drive->fatal = Py_NewRef(exception);
        pipilo_run_cancel(drive->run);
    }
    strncpy(reason.where, where, sizeof reason.where - 1);
    describe(&reason, exception);
    int result = pipilo_value_create_error(out, &reason, err);
    if (result == 0 && pipilo_value_attach(*out, exception, plopy_release) == exception)
        return 0;
    Py_DECREF(exception);
    return result;
}

bool plopy_raise_fatal(struct plopy_drive *drive)
{
    if (drive->fatal == NULL)
        return false;
    PyErr_SetObject((PyObject *)Py_TYPE(drive->fatal), drive->fatal);
    Py_CLEAR(drive->fatal);
    return true;
}

static PyObject *make_error(const struct pipilo_error *err, PyObject *cause)
{
    if (plopy_types.node_error == NULL) {
        plopy_raise(err);
        return take_exception();
    }
    return PyObject_CallFunction(plopy_types.node_error, "NNsO", plopy_text(err->where),
                                 plopy_text(err->message), pipilo_error_python(err->code),
                                 cause != NULL ? cause : Py_None);
}

PyObject *plopy_raise_node(const struct pipilo_error *err)
{
    PyObject *exception = err->where[0] != '\0' ? make_error(err, NULL) : NULL;
    if (exception == NULL)
        return PyErr_Occurred() != NULL ? NULL : plopy_raise(err);
    PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    Py_DECREF(exception);
    return NULL;
}

PyObject *plopy_raise_source(const struct pipilo_error *err, const char *source)
{
    PyObject *text = source != NULL ? PyUnicode_FromFormat("%s: %s", source, err->message)
                                    : PyUnicode_FromFormat("%s", err->message);
    PyObject *exception = NULL;
    if (text != NULL)
        exception = PyObject_CallFunction(plopy_types.node_error, "NOsO", plopy_text(err->where),
                                          text, pipilo_error_python(err->code), Py_None);
    Py_XDECREF(text);
    if (exception != NULL)
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    Py_XDECREF(exception);
    return NULL;
}

PyObject *plopy_error_object(pipilo_value *value)
{
    PyObject *peer = pipilo_value_peer(value);
    return make_error(pipilo_value_error(value), peer);
}

PyObject *plopy_raise_run(pipilo_run *run, const struct pipilo_error *err)
{
    pipilo_value *failure = pipilo_run_failure(run);
    if (failure == NULL)
        return plopy_raise(err);
    PyObject *exception = plopy_error_object(failure);
    if (exception != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
        Py_DECREF(exception);
    }
    return NULL;
}
