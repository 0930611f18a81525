// arrow_items.c: a column of somebody else's Arrow data as inputs: ArrowItems, an iterator of
// values over the memory of the column (see arrow.h).
//
// An array that came in belongs to one object, a chunk. Each value over its memory holds the chunk,
// so that the array is released when its last row is done, by a thread that has the GIL: what
// releases it may be Python's again.
#include "arrow.h"

#include <string.h>

#include "core.h"

static PyTypeObject *chunk_type, *items_type;

enum form { BINARY, LARGE, VIEW };

struct chunk {
    PyObject_HEAD struct ArrowArray array;
    const struct ArrowArray *column; // the array itself, or its only child
};

struct items {
    PyObject_HEAD struct ArrowArrayStream stream; // or none, with one chunk
    struct chunk *chunk;                          // the rows at hand, or NULL
    int64_t at;                                   // the next of them
    enum form form;
    bool text;   // paths, not pictures
    bool nested; // the column is the only child of a struct
    bool busy;   // a thread waits for a chunk
};

static void chunk_free(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    struct ArrowArray *array = &((struct chunk *)object)->array;
    PyObject *kind, *value, *traceback;
    PyErr_Fetch(&kind, &value, &traceback); // what releases may be Python's
    if (array->release != NULL)
        array->release(array);
    PyErr_Restore(kind, value, traceback);
    PyObject_Free(object);
    Py_DECREF(type);
}

static void items_free(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    struct items *self = (struct items *)object;
    PyObject *kind, *value, *traceback;
    PyErr_Fetch(&kind, &value, &traceback);
    Py_XDECREF((PyObject *)self->chunk);
    if (self->stream.release != NULL)
        self->stream.release(&self->stream);
    PyErr_Restore(kind, value, traceback);
    PyObject_Free(object);
    Py_DECREF(type);
}

// --- what comes in ---------------------------------------------------------------------------

// The form of a column of that type. False with an exception set.
static bool take_type(struct items *self, const struct ArrowSchema *schema)
{
    self->nested = strcmp(schema->format, "+s") == 0 && schema->n_children == 1;
    const struct ArrowSchema *column = self->nested ? schema->children[0] : schema;
    static const struct {
        const char *format;
        enum form form;
        bool text;
    } known[] = {
        { "z", BINARY, false }, { "Z", LARGE, false }, { "vz", VIEW, false },
        { "u", BINARY, true },  { "U", LARGE, true },  { "vu", VIEW, true },
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(column->format, known[i].format) != 0 || column->dictionary != NULL)
            continue;
        self->form = known[i].form;
        self->text = known[i].text;
        return true;
    }
    PyErr_Format(PyExc_TypeError,
                 "an Arrow column of type '%s'%s holds no pictures: one of binary or string, or a "
                 "table with one such column",
                 column->format, column->dictionary != NULL ? ", as a dictionary," : "");
    return false;
}

// Whether the array has what its type promises.
static bool is_sound(const struct items *self, const struct ArrowArray *array)
{
    if (self->nested &&
        (array->n_children != 1 || array->length > array->children[0]->length - array->offset))
        return false;
    const struct ArrowArray *column = self->nested ? array->children[0] : array;
    return array->length >= 0 && array->offset >= 0 && column->length >= 0 && column->offset >= 0 &&
           column->n_buffers >= 3 && column->buffers != NULL;
}

// Takes the array over: what was in `array` is gone. -1 with an exception set.
static int take_array(struct items *self, struct ArrowArray *array)
{
    struct chunk *chunk = PyObject_New(struct chunk, chunk_type);
    if (chunk == NULL)
        return -1;
    chunk->array = *array;
    array->release = NULL;
    chunk->column =
        self->nested && chunk->array.n_children == 1 ? chunk->array.children[0] : &chunk->array;
    if (!is_sound(self, &chunk->array)) {
        Py_DECREF((PyObject *)chunk);
        PyErr_SetString(PyExc_ValueError, "the Arrow array is not what its schema says");
        return -1;
    }
    self->chunk = chunk;
    self->at = 0;
    return 0;
}

// Sets the exception for a stream that failed. A reader made in Python that was interrupted can say
// so in its text alone.
static void raise_stream(struct items *self)
{
    const char *why = self->stream.get_last_error(&self->stream);
    if (why != NULL && strstr(why, "KeyboardInterrupt") != NULL)
        PyErr_SetNone(PyExc_KeyboardInterrupt);
    else
        PyErr_Format(PyExc_OSError, "the Arrow stream failed: %s", why != NULL ? why : "no reason");
}

// The next array of the stream; without a chunk afterwards, the end. Making it may take long.
static int next_chunk(struct items *self)
{
    struct ArrowArray array = { 0 };
    Py_CLEAR(self->chunk);
    if (self->stream.release == NULL)
        return 0;
    if (self->busy) {
        PyErr_SetString(PyExc_RuntimeError, "another thread takes an item of this column");
        return -1;
    }
    self->busy = true;
    int result;
    Py_BEGIN_ALLOW_THREADS;
    result = self->stream.get_next(&self->stream, &array);
    Py_END_ALLOW_THREADS;
    self->busy = false;
    if (PyErr_Occurred() != NULL)
        result = -1;
    else if (result != 0)
        raise_stream(self);
    if (result == 0 && array.release != NULL)
        return take_array(self, &array);
    return result == 0 ? 0 : -1;
}

// --- items -----------------------------------------------------------------------------------

struct piece {
    const char *data;
    int64_t size;
};

// A view: its length; then the bytes themselves, or four of them, the buffer's number and a place
// in that.
static bool view_piece(const struct ArrowArray *array, int64_t row, struct piece *out)
{
    enum { VIEW_SIZE = 16, INLINE = 12 };
    const char *view = (const char *)array->buffers[1] + row * VIEW_SIZE;
    int32_t length, buffer, offset;
    memcpy(&length, view, sizeof length);
    *out = (struct piece){ view + 4, length };
    if (length <= INLINE)
        return length >= 0;
    memcpy(&buffer, view + 8, sizeof buffer);
    memcpy(&offset, view + 12, sizeof offset);
    // The last buffer has the sizes of those between.
    int64_t buffers = array->n_buffers - 3;
    const int64_t *sizes = array->buffers[array->n_buffers - 1];
    if (buffer < 0 || buffer >= buffers || offset < 0 || sizes[buffer] - length < offset)
        return false;
    out->data = (const char *)array->buffers[2 + buffer] + offset;
    return true;
}

static bool piece_at(const struct items *self, const struct ArrowArray *array, int64_t row,
                     struct piece *out)
{
    int64_t start, end;
    if (self->form == VIEW)
        return view_piece(array, row, out);
    if (self->form == BINARY) {
        const int32_t *offsets = array->buffers[1];
        start = offsets[row];
        end = offsets[row + 1];
    } else {
        const int64_t *offsets = array->buffers[1];
        start = offsets[row];
        end = offsets[row + 1];
    }
    *out = (struct piece){ (const char *)array->buffers[2] + start, end - start };
    return start >= 0 && end >= start;
}

static bool is_null(const struct ArrowArray *array, int64_t row)
{
    const uint8_t *validity = array->buffers[0];
    return array->null_count != 0 && validity != NULL && (validity[row / 8] >> row % 8 & 1) == 0;
}

// A path becomes a text of its own: it has to end in a NUL.
static int path_value(pipilo_value **out, struct piece piece, struct pipilo_error *err)
{
    PyObject *bytes = PyBytes_FromStringAndSize(piece.data, (Py_ssize_t)piece.size);
    if (bytes == NULL)
        return -1;
    const struct pipilo_error reason = { .code = PIPILO_EINVALID,
                                         .message = "a path with a NUL in it" };
    const char *text = PyBytes_AsString(bytes);
    int result = strlen(text) == (size_t)piece.size ? pipilo_value_create_string(out, text, err)
                                                    : pipilo_value_create_error(out, &reason, err);
    Py_DECREF(bytes);
    return result;
}

static int bytes_value(struct items *self, pipilo_value **out, struct piece piece,
                       struct pipilo_error *err)
{
    int result = pipilo_value_create_bytes_over(out, piece.data, (size_t)piece.size, self->chunk,
                                                plopy_release, err);
    if (result == 0)
        Py_INCREF((PyObject *)self->chunk);
    return result;
}

static PyObject *item_at(struct items *self, int64_t row)
{
    struct pipilo_error err = { 0 };
    struct piece piece;
    pipilo_value *value = NULL;
    if (!piece_at(self, self->chunk->column, row, &piece)) {
        PyErr_SetString(PyExc_ValueError, "the Arrow array is not what its schema says");
        return NULL;
    }
    int result =
        self->text ? path_value(&value, piece, &err) : bytes_value(self, &value, piece, &err);
    if (result < 0)
        return PyErr_Occurred() != NULL ? NULL : plopy_raise(&err);
    PyObject *item = plopy_opaque_create(value);
    pipilo_value_unref(&value);
    return item;
}

static PyObject *items_next(PyObject *object)
{
    struct items *self = (struct items *)object;
    while (self->chunk == NULL || self->at >= self->chunk->array.length)
        if (next_chunk(self) < 0 || self->chunk == NULL)
            return NULL;
    const struct chunk *chunk = self->chunk;
    int64_t row = self->at++ + chunk->column->offset;
    if (self->nested) {
        row += chunk->array.offset;
        if (chunk->array.n_buffers > 0 && is_null(&chunk->array, row - chunk->column->offset))
            return Py_NewRef(Py_None);
    }
    return is_null(chunk->column, row) ? Py_NewRef(Py_None) : item_at(self, row);
}

// --- beginning -------------------------------------------------------------------------------

// The struct in the capsule, which then is the caller's; NULL with an exception set.
static void *from_capsule(PyObject *capsule, const char *name)
{
    if (PyCapsule_IsValid(capsule, name))
        return PyCapsule_GetPointer(capsule, name);
    PyErr_Format(PyExc_TypeError, "no capsule '%s'", name);
    return NULL;
}

static int take_stream(struct items *self, PyObject *capsule)
{
    struct ArrowArrayStream *stream = from_capsule(capsule, ARROW_STREAM_CAPSULE);
    struct ArrowSchema schema = { 0 };
    if (stream == NULL)
        return -1;
    if (stream->release == NULL) {
        PyErr_SetString(PyExc_ValueError, "the Arrow stream was taken already");
        return -1;
    }
    self->stream = *stream;
    stream->release = NULL;
    int result;
    Py_BEGIN_ALLOW_THREADS; // reading the head of a file may take long
    result = self->stream.get_schema(&self->stream, &schema);
    Py_END_ALLOW_THREADS;
    if (PyErr_Occurred() != NULL)
        result = -1;
    else if (result != 0)
        raise_stream(self);
    if (result == 0 && !take_type(self, &schema))
        result = -1;
    if (schema.release != NULL)
        schema.release(&schema);
    return result == 0 ? 0 : -1;
}

static int take_pair(struct items *self, PyObject *pair)
{
    PyObject *first, *second;
    if (!PyTuple_Check(pair)) {
        PyErr_SetString(PyExc_TypeError, "__arrow_c_array__ gives a tuple of two capsules");
        return -1;
    }
    if (!PyArg_ParseTuple(pair, "OO", &first, &second))
        return -1;
    struct ArrowSchema *schema = from_capsule(first, ARROW_SCHEMA_CAPSULE);
    struct ArrowArray *array = schema != NULL ? from_capsule(second, ARROW_ARRAY_CAPSULE) : NULL;
    if (array == NULL)
        return -1;
    if (schema->release == NULL || array->release == NULL) {
        PyErr_SetString(PyExc_ValueError, "the Arrow array was taken already");
        return -1;
    }
    return take_type(self, schema) ? take_array(self, array) : -1;
}

// arrow_items(object): for anything with __arrow_c_stream__ or __arrow_c_array__.
static PyObject *arrow_items(PyObject *module, PyObject *object)
{
    (void)module;
    struct items *self = PyObject_New(struct items, items_type);
    if (self == NULL)
        return NULL;
    memset((char *)self + sizeof(PyObject), 0, sizeof *self - sizeof(PyObject));
    bool stream = PyObject_HasAttrString(object, "__arrow_c_stream__");
    PyObject *given =
        PyObject_CallMethod(object, stream ? "__arrow_c_stream__" : "__arrow_c_array__", NULL);
    int result = given == NULL ? -1 : stream ? take_stream(self, given) : take_pair(self, given);
    Py_XDECREF(given);
    if (result < 0)
        Py_CLEAR(self);
    return (PyObject *)self;
}

// --- the types -------------------------------------------------------------------------------

static PyType_Slot chunk_slots[] = {
    { Py_tp_dealloc, chunk_free },
    { Py_tp_doc, (void *)"An Arrow array that values look at." },
    { 0, NULL },
};

static PyType_Spec chunk_spec = {
    .name = "pipilo._core.ArrowChunk",
    .basicsize = sizeof(struct chunk),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = chunk_slots,
};

static PyType_Slot items_slots[] = {
    { Py_tp_dealloc, items_free },
    { Py_tp_iter, PyObject_SelfIter },
    { Py_tp_iternext, items_next },
    { Py_tp_doc, (void *)"The pictures or paths of an Arrow column, one after the other." },
    { 0, NULL },
};

static PyType_Spec items_spec = {
    .name = "pipilo._core.ArrowItems",
    .basicsize = sizeof(struct items),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = items_slots,
};

static PyMethodDef functions[] = {
    { "arrow_items", arrow_items, METH_O,
      "arrow_items(object)\n\nThe values of an Arrow column, over its memory." },
    { NULL, NULL, 0, NULL },
};

int plopy_arrow_items_init(PyObject *module)
{
    if (plopy_add_type(module, &chunk_spec, &chunk_type) < 0 ||
        plopy_add_type(module, &items_spec, &items_type) < 0)
        return -1;
    return PyModule_AddFunctions(module, functions);
}
