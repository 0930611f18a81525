// memory.c: the memory there may be, and what the library says of it: sizes, marks, and events and
// lines on their way from the library's threads to Python's.
//
// The library calls from whatever thread sees that memory is short, one that must not take the GIL
// perhaps. An event is written into a pipe that a Python thread reads (memory.py); a line is queued
// for whoever comes first: a thread that drives a run, or the main thread.
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core.h"

// --- events ----------------------------------------------------------------------------------

// The descriptor is the cookie; it does not block, and what finds the pipe full is lost.
static void write_event(void *cookie, const struct pipilo_memory_event *event)
{
    uint64_t words[] = { event->state, event->before, event->used, event->total };
    int before = errno;
    while (write((int)(intptr_t)cookie, words, sizeof words) < 0 && errno == EINTR)
        ;
    errno = before;
}

// A size as the package gives it: a number, or text as the command line takes it.
static int take_size(PyObject *object, uint64_t *size)
{
    struct pipilo_error err;
    if (!PyUnicode_Check(object)) {
        *size = PyLong_AsUnsignedLongLong(object);
        if (PyErr_Occurred() != NULL && PyErr_ExceptionMatches(PyExc_OverflowError))
            PyErr_Format(PyExc_ValueError, "%S is no number of bytes", object);
        return PyErr_Occurred() != NULL ? -1 : 0;
    }
    const char *text = PyUnicode_AsUTF8AndSize(object, NULL);
    if (text == NULL)
        return -1;
    if (pipilo_size_parse(size, text, &err) < 0) {
        plopy_raise(&err);
        return -1;
    }
    return 0;
}

// memory_set(limit, soft, hard, critical, descriptor); a descriptor below 0: nobody is told.
static PyObject *memory_set(PyObject *module, PyObject *args)
{
    PyObject *limit, *soft, *hard, *critical;
    struct pipilo_memory memory = PIPILO_MEMORY_INIT;
    struct pipilo_error err;
    int descriptor;
    (void)module;
    if (!PyArg_ParseTuple(args, "OOOOi", &limit, &soft, &hard, &critical, &descriptor) ||
        take_size(limit, &memory.limit) < 0 || take_size(soft, &memory.soft) < 0 ||
        take_size(hard, &memory.hard) < 0 || take_size(critical, &memory.critical) < 0)
        return NULL;
    if (descriptor >= 0) {
        memory.action = write_event;
        memory.cookie = (void *)(intptr_t)descriptor;
    }
    struct plopy_drive drive;
    plopy_drive_begin(&drive);
    plopy_gil_give(&drive);
    int result = pipilo_memory_set(&memory, &err);
    plopy_gil_take(&drive);
    plopy_drive_end(&drive);
    return result < 0 ? plopy_raise(&err) : Py_NewRef(Py_None);
}

// memory_get(): the sizes as memory_set takes them.
static PyObject *memory_get(PyObject *module, PyObject *unused)
{
    struct pipilo_memory memory = PIPILO_MEMORY_INIT;
    (void)module;
    (void)unused;
    pipilo_memory_get(&memory);
    return Py_BuildValue("(KKKK)", (unsigned long long)memory.limit,
                         (unsigned long long)memory.soft, (unsigned long long)memory.hard,
                         (unsigned long long)memory.critical);
}

// --- lines -----------------------------------------------------------------------------------

enum { KEPT = 16 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; // guards what follows
static char *lines[KEPT];
static int count;
static bool asked; // the main thread, to come

static int waiting; // atomic: whether there are lines

static PyObject *say; // what a line is given to, or NULL; the GIL guards it

static void say_line(const char *text)
{
    if (say == NULL)
        return;
    PyObject *line = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
    PyObject *result = line != NULL ? PyObject_CallFunctionObjArgs(say, line, NULL) : NULL;
    if (result == NULL && PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) {
        // It is for the program that this line came into.
        PyErr_Clear();
        PyErr_SetInterrupt();
    } else if (result == NULL) {
        PyErr_WriteUnraisable(say);
    }
    Py_XDECREF(result);
    Py_XDECREF(line);
}

void plopy_say_lines(void)
{
    char *now[KEPT];
    PyObject *type, *value, *traceback;
    if (!__atomic_load_n(&waiting, __ATOMIC_ACQUIRE))
        return;
    pthread_mutex_lock(&lock);
    int length = count;
    memcpy(now, lines, sizeof now);
    count = 0;
    __atomic_store_n(&waiting, 0, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&lock);
    PyErr_Fetch(&type, &value, &traceback);
    for (int i = 0; i < length; i++) {
        say_line(now[i]);
        free(now[i]);
    }
    PyErr_Restore(type, value, traceback);
}

// On the main thread, with the GIL.
static int pending(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    asked = false;
    pthread_mutex_unlock(&lock);
    plopy_say_lines();
    return 0;
}

static void take_line(void *cookie, const char *line)
{
    (void)cookie;
    char *copy = strdup(line);
    pthread_mutex_lock(&lock);
    bool kept = copy != NULL && count < KEPT;
    bool ask = !asked;
    if (kept)
        lines[count++] = copy;
    __atomic_store_n(&waiting, count > 0, __ATOMIC_RELEASE);
    asked = true;
    pthread_mutex_unlock(&lock);
    if (!kept)
        free(copy);
    // Outside of the lock: the call may run at once on the main thread. Where too many wait already
    // the next line asks again.
    if (ask && Py_AddPendingCall(pending, NULL) < 0) {
        pthread_mutex_lock(&lock);
        asked = false;
        pthread_mutex_unlock(&lock);
    }
}

// set_log(function): it gets each line; None: nobody does.
static PyObject *set_log(PyObject *module, PyObject *function)
{
    static const struct pipilo_log log = { take_line, NULL };
    (void)module;
    PyObject *before = say;
    pipilo_set_log(function != Py_None ? &log : NULL);
    plopy_say_lines();
    say = function != Py_None ? Py_NewRef(function) : NULL;
    Py_XDECREF(before);
    return Py_NewRef(Py_None);
}

// The parent's lines are the parent's to say.
static void after_fork(void)
{
    lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    count = 0;
    waiting = 0;
    asked = false;
}

static void register_fork(void)
{
    pthread_atfork(NULL, NULL, after_fork);
}

static PyMethodDef functions[] = {
    { "memory_set", memory_set, METH_VARARGS,
      "memory_set(limit, soft, hard, critical, descriptor)\n\nThe budget and the marks." },
    { "memory_get", memory_get, METH_NOARGS, "memory_get()\n\nThe sizes as they were set." },
    { "set_log", set_log, METH_O, "set_log(function)\n\nWhat gets the library's lines." },
    { NULL, NULL, 0, NULL },
};

int plopy_memory_init(PyObject *module)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_fork);
    return PyModule_AddFunctions(module, functions);
}
