// arrays.c: memory that both sides look at: tensors as buffers, buffers as tensors, pictures (see
// core.h). No numpy here: an array is whatever the package makes of a buffer.
#include <string.h>

#include "core.h"

PyTypeObject *plopy_buffer_type, *plopy_held_type;

// --- a tensor's memory, for Python -----------------------------------------------------------

// Keeps a value of its own over the memory: the array that looks at this buffer is the peer of the
// first one, and would keep itself alive through it.
struct buffer {
    PyObject_HEAD pipilo_value *value;
    Py_ssize_t shape[PIPILO_MAX_DIMENSIONS];
    Py_ssize_t strides[PIPILO_MAX_DIMENSIONS];
};

// The struct module's letter of each element type.
static const char *const formats[] = {
    [PIPILO_U8] = "B",  [PIPILO_U16] = "H", [PIPILO_U32] = "I", [PIPILO_U64] = "Q",
    [PIPILO_I8] = "b",  [PIPILO_I16] = "h", [PIPILO_I32] = "i", [PIPILO_I64] = "q",
    [PIPILO_F16] = "e", [PIPILO_F32] = "f", [PIPILO_F64] = "d",
};

static PyObject *buffer_create(const pipilo_value *value)
{
    struct pipilo_error err;
    struct pipilo_tensor view;
    pipilo_value *shared = NULL;
    if (pipilo_value_share(&shared, value, &err) < 0)
        return plopy_raise(&err);
    pipilo_value_tensor(shared, &view);
    struct buffer *self = PyObject_New(struct buffer, plopy_buffer_type);
    if (self == NULL) {
        pipilo_value_unref(&shared);
        return NULL;
    }
    self->value = shared;
    Py_ssize_t stride = (Py_ssize_t)pipilo_dtype_size(view.dtype);
    for (size_t i = view.count; i > 0; i--) {
        self->shape[i - 1] = (Py_ssize_t)view.shape[i - 1];
        self->strides[i - 1] = stride;
        stride *= self->shape[i - 1];
    }
    return (PyObject *)self;
}

static void buffer_free(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    bool before = plopy_enter();
    pipilo_value_unref(&((struct buffer *)object)->value);
    plopy_leave(before);
    PyObject_Free(object);
    Py_DECREF(type);
}

// Values never change, so the memory is read-only.
static int buffer_get(PyObject *object, Py_buffer *out, int flags)
{
    struct buffer *self = (struct buffer *)object;
    struct pipilo_tensor view;
    pipilo_value_tensor(self->value, &view);
    Py_ssize_t length = (Py_ssize_t)pipilo_dtype_size(view.dtype);
    for (size_t i = 0; i < view.count; i++)
        length *= self->shape[i];
    if (flags & PyBUF_WRITABLE) {
        PyErr_SetString(PyExc_BufferError, "a value of a pipeline is read-only");
        return -1;
    }
    *out = (Py_buffer){ .buf = (void *)(uintptr_t)view.data,
                        .obj = Py_NewRef(object),
                        .len = length,
                        .itemsize = (Py_ssize_t)pipilo_dtype_size(view.dtype),
                        .readonly = 1,
                        .ndim = (int)view.count,
                        .format = (char *)(uintptr_t)formats[view.dtype],
                        .shape = self->shape,
                        .strides = self->strides };
    return 0;
}

static PyType_Slot buffer_slots[] = {
    { Py_tp_dealloc, buffer_free },
    { Py_bf_getbuffer, buffer_get },
    { Py_tp_doc, (void *)"The memory of a native tensor, read-only." },
    { 0, NULL },
};

static PyType_Spec buffer_spec = {
    .name = "pipilo._core.Buffer",
    .basicsize = sizeof(struct buffer),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = buffer_slots,
};

static PyObject *not_set_up(void)
{
    PyErr_SetString(PyExc_RuntimeError, "pipilo._core is used through the package pipilo");
    return NULL;
}

PyObject *plopy_tensor_to_array(pipilo_value *value)
{
    if (plopy_types.array == NULL)
        return not_set_up();
    PyObject *buffer = buffer_create(value);
    if (buffer == NULL)
        return NULL;
    PyObject *array = PyObject_CallFunctionObjArgs(plopy_types.array, buffer, NULL);
    Py_DECREF(buffer);
    return array;
}

PyObject *plopy_image_to_array(pipilo_value *value)
{
    struct pipilo_error err;
    struct pipilo_image_info info = { .struct_size = sizeof info };
    pipilo_value *pixels = NULL;
    if (plopy_types.image == NULL)
        return not_set_up();
    struct plopy_drive drive;
    plopy_drive_begin(&drive);
    plopy_gil_give(&drive);
    int result = pipilo_value_image_info(&info, value, &err);
    if (result == 0)
        result = pipilo_value_image_pixels(&pixels, value, info.mode, &err);
    plopy_gil_take(&drive);
    plopy_drive_end(&drive);
    if (result < 0)
        return plopy_raise(&err);
    PyObject *buffer = buffer_create(pixels);
    pipilo_value_unref(&pixels);
    if (buffer == NULL)
        return NULL;
    PyObject *image = PyObject_CallFunction(plopy_types.image, "Os", buffer, info.mode);
    Py_DECREF(buffer);
    return image;
}

// --- Python's memory, for the library --------------------------------------------------------

// A buffer that is held as long as a value looks at it.
struct held {
    PyObject_HEAD Py_buffer view;
};

static void held_free(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    PyBuffer_Release(&((struct held *)object)->view);
    PyObject_Free(object);
    Py_DECREF(type);
}

static PyType_Slot held_slots[] = {
    { Py_tp_dealloc, held_free },
    { Py_tp_doc, (void *)"Another object's buffer, held by the native side." },
    { 0, NULL },
};

static PyType_Spec held_spec = {
    .name = "pipilo._core.Held",
    .basicsize = sizeof(struct held),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = held_slots,
};

// The element type of a buffer, or 0 for one there is none for.
static enum pipilo_dtype dtype_of(const Py_buffer *view)
{
    const char *format = view->format != NULL ? view->format : "B";
    if (*format == '@' || *format == '=' || *format == '<')
        format++;
    if (*format == '\0' || format[1] != '\0')
        return 0;
    bool is_signed = strchr("bhilqn", *format) != NULL;
    bool is_unsigned = strchr("BHILQN?c", *format) != NULL;
    static const enum pipilo_dtype integers[2][9] = {
        { [1] = PIPILO_U8, [2] = PIPILO_U16, [4] = PIPILO_U32, [8] = PIPILO_U64 },
        { [1] = PIPILO_I8, [2] = PIPILO_I16, [4] = PIPILO_I32, [8] = PIPILO_I64 },
    };
    if ((is_signed || is_unsigned) && view->itemsize <= 8)
        return integers[is_signed][view->itemsize];
    return *format == 'e'   ? PIPILO_F16
           : *format == 'f' ? PIPILO_F32
           : *format == 'd' ? PIPILO_F64
                            : 0;
}

// A number in an array without dimensions, such as numpy.int64(3).
static int number_value(pipilo_value **out, PyObject *object)
{
    PyObject *number = PyNumber_Index(object);
    if (number == NULL) {
        PyErr_Clear();
        number = PyNumber_Float(object);
    }
    if (number == NULL) {
        PyErr_Clear();
        return 1;
    }
    struct pipilo_error err;
    int result;
    if (PyLong_Check(number))
        result = pipilo_value_create_int(out, PyLong_AsLongLong(number), &err);
    else
        result = pipilo_value_create_float(out, PyFloat_AsDouble(number), &err);
    Py_DECREF(number);
    if (PyErr_Occurred() != NULL) {
        PyErr_Clear();
        pipilo_value_unref(out);
        return 1;
    }
    if (result < 0)
        plopy_raise(&err);
    return result;
}

// "BGR" or "RGB" where the object says so by an attribute `mode`, else NULL.
static const char *mode_of(PyObject *object)
{
    PyObject *mode = PyObject_GetAttrString(object, "mode");
    const char *found = NULL;
    if (mode == NULL)
        PyErr_Clear();
    else if (PyUnicode_Check(mode) && PyUnicode_CompareWithASCIIString(mode, "BGR") == 0)
        found = "BGR";
    else if (PyUnicode_Check(mode) && PyUnicode_CompareWithASCIIString(mode, "RGB") == 0)
        found = "RGB";
    Py_XDECREF(mode);
    return found;
}

// Pixels that say their channels' order become a picture. Replaces *out.
static int as_picture(pipilo_value **out, PyObject *object)
{
    struct pipilo_tensor view;
    pipilo_value *picture = NULL;
    pipilo_value_tensor(*out, &view);
    bool fits = view.dtype == PIPILO_U8 && view.count == 3 && view.shape[2] == 3;
    const char *mode = fits ? mode_of(object) : NULL;
    if (mode == NULL || pipilo_value_create_pixels(&picture, *out, mode, NULL) < 0)
        return 0;
    pipilo_value_unref(out);
    *out = picture;
    return 0;
}

// A value over the buffer in `held`, whose reference it takes, on failure too.
static int value_over(pipilo_value **out, struct held *held, PyObject *object)
{
    struct pipilo_error err;
    const Py_buffer *view = &held->view;
    struct pipilo_tensor tensor = { .dtype = dtype_of(view),
                                    .count = (size_t)view->ndim,
                                    .data = view->buf };
    bool plain = view->ndim == 1 && tensor.dtype == PIPILO_U8 &&
                 (PyMemoryView_Check(object) || PyByteArray_Check(object));
    int result = 1;
    for (int i = 0; i < view->ndim && i < PIPILO_MAX_DIMENSIONS; i++)
        tensor.shape[i] = (size_t)view->shape[i];
    if (plain)
        result = pipilo_value_create_bytes_over(out, view->buf, (size_t)view->len, held,
                                                plopy_release, &err);
    else if (tensor.dtype != 0 && view->ndim > 0 && view->ndim <= PIPILO_MAX_DIMENSIONS)
        result = pipilo_value_create_tensor_over(out, &tensor, held, plopy_release, &err);
    if (result != 0)
        Py_DECREF(held);
    if (result < 0)
        plopy_raise(&err);
    return result == 0 && !plain ? as_picture(out, object) : result;
}

// An array whose elements lie apart: a copy of them, in C order.
static PyObject *contiguous(PyObject *object)
{
    PyObject *copy = PyMemoryView_GetContiguous(object, PyBUF_READ, 'C');
    if (copy == NULL)
        PyErr_Clear();
    return copy;
}

// PIL's images have no buffer: they give their bytes, row after row.
static int pil_value(pipilo_value **out, PyObject *object)
{
    struct pipilo_error err;
    PyObject *module = PyObject_GetAttrString((PyObject *)Py_TYPE(object), "__module__");
    const char *name = NULL;
    PyObject *rgb = NULL, *bytes = NULL, *size = NULL;
    long width = 0, height = 0;
    int result = 1;
    if (module != NULL && PyUnicode_Check(module))
        name = PyUnicode_AsUTF8AndSize(module, NULL);
    if (name == NULL || strncmp(name, "PIL.", 4) != 0)
        goto out;
    rgb = PyObject_CallMethod(object, "convert", "s", "RGB");
    bytes = rgb != NULL ? PyObject_CallMethod(rgb, "tobytes", NULL) : NULL;
    size = bytes != NULL ? PyObject_GetAttrString(rgb, "size") : NULL;
    result = -1;
    if (size == NULL || !PyArg_ParseTuple(size, "ll", &width, &height))
        goto out;
    struct pipilo_tensor tensor = { .dtype = PIPILO_U8,
                                    .count = 3,
                                    .shape = { (size_t)height, (size_t)width, 3 },
                                    .data = PyBytes_AsString(bytes) };
    result = pipilo_value_create_tensor_over(out, &tensor, bytes, plopy_release, &err);
    if (result == 0)
        bytes = NULL;
    else
        plopy_raise(&err);
out:
    if (result == 1)
        PyErr_Clear();
    Py_XDECREF(module);
    Py_XDECREF(rgb);
    Py_XDECREF(bytes);
    Py_XDECREF(size);
    return result;
}

int plopy_buffer_to_value(pipilo_value **out, PyObject *object)
{
    if (!PyObject_CheckBuffer(object))
        return pil_value(out, object);
    struct held *held = PyObject_New(struct held, plopy_held_type);
    if (held == NULL)
        return -1;
    held->view = (Py_buffer){ 0 };
    PyObject *copy = NULL;
    int got = PyObject_GetBuffer(object, &held->view, PyBUF_ND | PyBUF_FORMAT);
    if (got < 0) {
        PyErr_Clear();
        copy = contiguous(object);
        got = copy != NULL ? PyObject_GetBuffer(copy, &held->view, PyBUF_ND | PyBUF_FORMAT) : -1;
        Py_XDECREF(copy);
    }
    if (got < 0) {
        PyErr_Clear();
        Py_DECREF(held);
        return 1;
    }
    if (held->view.ndim == 0) {
        Py_DECREF(held);
        return number_value(out, object);
    }
    return value_over(out, held, object);
}

int plopy_arrays_init(PyObject *module)
{
    if (plopy_add_type(module, &buffer_spec, &plopy_buffer_type) < 0)
        return -1;
    return plopy_add_type(module, &held_spec, &plopy_held_type);
}
