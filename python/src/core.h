// core.h: what the files of the extension `pipilo._core` share. The extension only translates: a
// pipeline's steps, values and errors go to the C library and come back as Python objects.
//
// The GIL: a run is driven by the thread that called it. That thread holds the GIL in Python nodes
// (callable.c) and gives it up while native nodes work or it waits (run.c). Threads of the
// library's pool never take it; a Python object that one of them lets go is queued (drops.c).
#ifndef PLOPY_CORE_H
#define PLOPY_CORE_H

#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>

#include <stdbool.h>
#include <stdint.h>

#include <pipilo/pipilo.h>
#include <pipilo/sys/foreign.h>
#include <pipilo/sys/op.h>

// --- drops.c: who holds the GIL, and objects let go without it -------------------------------

// One thread's work on a run, on its stack. `saved` is its thread state while it has given up the
// GIL. Objects that its run lets go are kept until no lock of the library is held.
struct plopy_drive {
    struct plopy_drive *outer;
    PyThreadState *saved;
    PyObject **drops;
    size_t count, capacity;
    pipilo_run *run;
    bool interrupted; // an exception that is no Exception came out of a node: it is in `fatal`
    PyObject *fatal;
};

// Begins and ends a drive of this thread, with the GIL held. The end lets go of what was kept.
void plopy_drive_begin(struct plopy_drive *drive);
void plopy_drive_end(struct plopy_drive *drive);

// The innermost drive of this thread, or NULL.
struct plopy_drive *plopy_drive_now(void);

// How long a drive goes without the GIL before it looks at signals.
enum { PLOPY_SLICE_MS = 50 };

// Gives up the GIL and takes it again, inside a drive.
void plopy_gil_give(struct plopy_drive *drive);
void plopy_gil_take(struct plopy_drive *drive);

// For calls that the library makes on the driving thread: takes the GIL where the drive has given
// it up; plopy_callback_end gives it up again where this was so.
bool plopy_callback_begin(struct plopy_drive *drive);
void plopy_callback_end(struct plopy_drive *drive, bool taken);

// Marks that this thread holds the GIL outside of a drive, so that objects go at once; gives what
// was so before, which plopy_leave wants back. Lets go of what others queued.
bool plopy_enter(void);
void plopy_leave(bool before);

// Drops a reference to a Python object, on any thread: the `release` of every value's peer.
void plopy_release(void *object);

// Lets go of what is queued or kept and says the lines that wait, with the GIL held and no lock of
// the library.
void plopy_drain(void);

// After the interpreter's end nothing can be let go any more.
void plopy_drops_close(void);

// Has a child of fork() begin with an empty queue: what it held belongs to the parent.
void plopy_register_fork(void);

// --- memory.c: what the library says ----------------------------------------------------------

// Hands the library's lines that wait to the package, with the GIL held; an exception that is set
// stays.
void plopy_say_lines(void);

// --- values.c and arrays.c: objects to values and back ---------------------------------------

// What the package hands in at import: its own classes, so that the extension needs no import.
struct plopy_types {
    PyObject *empty;      // the one Empty()
    PyObject *image;      // make_image(buffer, mode)
    PyObject *array;      // make_array(buffer)
    PyObject *node_error; // node_error(where, message, kind, cause) -> RuntimeError
    PyObject *generator;  // types.GeneratorType
    PyObject *path;       // os.PathLike
};
extern struct plopy_types plopy_types;

// An owned value for a borrowed object: native where `native` and possible, else by reference. On
// failure a Python exception is set.
int plopy_to_value(pipilo_value **out, PyObject *object, bool native);

// A new reference to the object that stands for the value, or NULL with an exception set. May give
// up the GIL while a picture is decoded.
PyObject *plopy_from_value(pipilo_value *value);

// The native value of something with a buffer, or 1 where it has none.
int plopy_buffer_to_value(pipilo_value **out, PyObject *object);

// The array over a tensor's memory.
PyObject *plopy_tensor_to_array(pipilo_value *value);

// The full-size picture of an image value, a pipilo.types.Image.
PyObject *plopy_image_to_array(pipilo_value *value);

// A _core.Value: it means nothing in Python and is the value again where it goes back.
PyObject *plopy_opaque_create(pipilo_value *value);

// An iterator over an iterator value, for a reduce function.
PyObject *plopy_iterator_create(pipilo_value *value);

// --- errors.c --------------------------------------------------------------------------------

// What the library says as a str. It may name files, whose names are any bytes: what is not UTF-8
// is replaced.
PyObject *plopy_text(const char *text);

// Sets the Python exception that the code stands for. Returns NULL.
PyObject *plopy_raise(const struct pipilo_error *err);

// The same where the error names a node: a RuntimeError in Towhee's words, with that exception as
// its cause.
PyObject *plopy_raise_node(const struct pipilo_error *err);

// The same for a row that came from `source`, a file's name or NULL, which the text begins with.
PyObject *plopy_raise_source(const struct pipilo_error *err, const char *source);

// Makes the current exception an error value with that exception as peer. On failure -1 with none
// set; then `err` is filled.
int plopy_exception_value(pipilo_value **out, const char *where, struct pipilo_error *err);

// Raises what came out of a node of the drive and is no Exception, such as Ctrl-C. Whether it did.
bool plopy_raise_fatal(struct plopy_drive *drive);

// The exception that stands for an error value: its peer, or a RuntimeError.
PyObject *plopy_error_object(pipilo_value *value);

// Raises what a run failed by: the exception of its error value in Towhee's words, or the run's own
// error. Returns NULL.
PyObject *plopy_raise_run(pipilo_run *run, const struct pipilo_error *err);

// --- types -----------------------------------------------------------------------------------

extern PyTypeObject *plopy_buffer_type, *plopy_value_type, *plopy_iterator_type, *plopy_held_type;
extern PyTypeObject *plopy_callable_type, *plopy_pipe_type, *plopy_pipeline_type;

struct plopy_callable {
    PyObject_HEAD pipilo_callable *callable;
    bool native;                  // a native operator
    PyObject *call, *take, *give; // of a Python one
};

struct plopy_pipe {
    PyObject_HEAD pipilo_pipe *pipe;
    bool native;    // some step so far is a native operator
    PyObject *keep; // what its C side borrows from: the pipes before it and what the step calls
};

struct plopy_pipeline {
    PyObject_HEAD pipilo_pipeline *pipeline;
    bool native;
    size_t inputs, outputs;
    PyObject *keep; // its pipe
};

// One run, row by row.
struct plopy_run {
    PyObject_HEAD struct plopy_pipeline *pipeline;
    pipilo_run *run; // NULL after the end
    bool busy;       // a thread is inside
};

// Lets the run of the drive go and ends the drive, with whatever exception is set. Waits for calls
// under way, without the GIL where the pipeline is `native`.
void plopy_run_finish(struct plopy_drive *drive, bool native);

// Run.gather(dim, most, stops=False): the next rows, at most so many, as a table; where it stops at
// errors the first row that failed is raised with its source (gather.c).
PyObject *plopy_run_gather(PyObject *run, PyObject *args);

// Each adds its types and functions to the module; 0, or -1 with an exception set.
int plopy_values_init(PyObject *module);
int plopy_arrays_init(PyObject *module);
int plopy_iterator_init(PyObject *module);
int plopy_callable_init(PyObject *module);
int plopy_pipe_init(PyObject *module);
int plopy_pipeline_init(PyObject *module);
int plopy_table_init(PyObject *module);
int plopy_columns_init(PyObject *module);
int plopy_arrow_items_init(PyObject *module);
int plopy_models_init(PyObject *module);
int plopy_merge_init(PyObject *module);
int plopy_memory_init(PyObject *module);
int plopy_decoding_init(PyObject *module);

// Makes a heap type of the spec and adds it to the module under its name.
int plopy_add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **out);

#endif
