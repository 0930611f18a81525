// value.h: what travels along a pipeline: immutable, reference-counted values.
//
//     pipilo_value *path = NULL;
//     if (pipilo_value_create_string(&path, "photos/a.jpg", &err) < 0) ...
//     ...
//     pipilo_value_unref(&path);
//
// Ownership: a value made through `out` is the caller's, one reference. A pointer that a function
// returns is borrowed and valid as long as the value it came from. A function that takes a
// `pipilo_value *` borrows it unless it says that it consumes it.
// Threads: values may be shared between threads; the count is atomic and the content never changes.
#ifndef PIPILO_VALUE_H
#define PIPILO_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pipilo_value pipilo_value;

enum pipilo_kind {
    PIPILO_NONE,     // Python's None
    PIPILO_BOOL,     // true or false
    PIPILO_INT,      // 64-bit signed
    PIPILO_FLOAT,    // double
    PIPILO_STRING,   // bytes without NUL inside, UTF-8 by intent (a file's name may be anything)
    PIPILO_BYTES,    // any bytes
    PIPILO_TENSOR,   // dense array, C order
    PIPILO_IMAGE,    // a picture: encoded bytes or a file, decoded when somebody asks for pixels
    PIPILO_LIST,     // values in order
    PIPILO_ITERATOR, // values one after the other, read once
    PIPILO_ERROR,    // a row that failed, and why
    PIPILO_EMPTY,    // Towhee's Empty(): no value at this place
    PIPILO_OBJECT,   // somebody else's object, passed through by reference
};

// Element types; the numbers are those of Towhee's wire format.
enum pipilo_dtype {
    PIPILO_U8 = 1,
    PIPILO_U16,
    PIPILO_U32,
    PIPILO_U64,
    PIPILO_I8,
    PIPILO_I16,
    PIPILO_I32,
    PIPILO_I64,
    PIPILO_F16,
    PIPILO_F32,
    PIPILO_F64,
};

enum { PIPILO_MAX_DIMENSIONS = 8 };

// A view of a tensor: `count` dimensions, elements in C order, host byte order.
struct pipilo_tensor {
    enum pipilo_dtype dtype;
    size_t count;
    size_t shape[PIPILO_MAX_DIMENSIONS];
    const void *data;
};

// Bytes of one element of `dtype`, or 0 for a number that is none; its name ("float32") or NULL.
PIPILO_API size_t pipilo_dtype_size(enum pipilo_dtype dtype);
PIPILO_API const char *pipilo_dtype_name(enum pipilo_dtype dtype);

// A kind's name ("tensor"); static.
PIPILO_API const char *pipilo_kind_name(enum pipilo_kind kind);

// One more reference; returns its argument. Drops one and sets the pointer to NULL.
PIPILO_API pipilo_value *pipilo_value_ref(pipilo_value *value);
PIPILO_API void pipilo_value_unref(pipilo_value **value);

// The one None and the one Empty; each call gives a reference. They cannot fail.
PIPILO_API pipilo_value *pipilo_value_none(void);
PIPILO_API pipilo_value *pipilo_value_empty(void);

// Each makes a new value. Errors: PIPILO_ENOMEM; PIPILO_EINVALID for a tensor with a wrong dtype,
// too many dimensions or a size that overflows. Strings, bytes and tensor data are copied.
PIPILO_API int pipilo_value_create_bool(pipilo_value **out, bool b, struct pipilo_error *err);
PIPILO_API int pipilo_value_create_int(pipilo_value **out, int64_t i, struct pipilo_error *err);
PIPILO_API int pipilo_value_create_float(pipilo_value **out, double f, struct pipilo_error *err);
PIPILO_API int pipilo_value_create_string(pipilo_value **out, const char *text,
                                          struct pipilo_error *err);
PIPILO_API int pipilo_value_create_bytes(pipilo_value **out, const void *data, size_t size,
                                         struct pipilo_error *err);
PIPILO_API int pipilo_value_create_tensor(pipilo_value **out, const struct pipilo_tensor *tensor,
                                          struct pipilo_error *err);

// A list of `count` values, each referenced once more.
PIPILO_API int pipilo_value_create_list(pipilo_value **out, pipilo_value *const *items,
                                        size_t count, struct pipilo_error *err);

// An error value that carries a copy of `reason`.
PIPILO_API int pipilo_value_create_error(pipilo_value **out, const struct pipilo_error *reason,
                                         struct pipilo_error *err);

// A picture in a file (nothing is read until pixels or its header are asked for) or in bytes that
// are copied. A file that is not there shows when it is read.
PIPILO_API int pipilo_value_create_image_file(pipilo_value **out, const char *path,
                                              struct pipilo_error *err);
PIPILO_API int pipilo_value_create_image(pipilo_value **out, const void *data, size_t size,
                                         struct pipilo_error *err);

// Somebody else's object: `release` is called with `object` when the last reference goes, on the
// thread that dropped it. On failure the object remains the caller's.
PIPILO_API int pipilo_value_create_object(pipilo_value **out, void *object,
                                          void (*release)(void *object), struct pipilo_error *err);

PIPILO_API enum pipilo_kind pipilo_value_kind(const pipilo_value *value);

// What a value holds. Each answers for its own kind only; asked for another, bool gives false, the
// numbers 0, pointers NULL. pipilo_value_float also takes an int.
PIPILO_API bool pipilo_value_bool(const pipilo_value *value);
PIPILO_API int64_t pipilo_value_int(const pipilo_value *value);
PIPILO_API double pipilo_value_float(const pipilo_value *value);
PIPILO_API const char *pipilo_value_string(const pipilo_value *value);
PIPILO_API const void *pipilo_value_bytes(const pipilo_value *value, size_t *size);
PIPILO_API bool pipilo_value_tensor(const pipilo_value *value, struct pipilo_tensor *view);
PIPILO_API size_t pipilo_value_list_count(const pipilo_value *value);
PIPILO_API pipilo_value *pipilo_value_list_item(const pipilo_value *value, size_t index);
PIPILO_API const struct pipilo_error *pipilo_value_error(const pipilo_value *value);
PIPILO_API void *pipilo_value_object(const pipilo_value *value);

// What a picture's header says.
struct pipilo_image_info {
    uint32_t struct_size;   // set by the caller to sizeof(struct pipilo_image_info)
    uint32_t width, height; // pixels, of the upright picture
    uint8_t orientation;    // EXIF's 1..8; 1 where the file says nothing
    const char *format;     // "jpeg", .., or "pixels" for one that is decoded; static
    const char *path;       // the file, or NULL; borrowed from the value
    const char *mode;       // "BGR" for pixels with blue first, else "RGB"; static
};

// Reads the header of an image value, once; nothing is decoded. Errors: PIPILO_EINVALID for a value
// of another kind, PIPILO_ENOTFOUND, PIPILO_EIO, PIPILO_EFORMAT, PIPILO_ECORRUPT,
// PIPILO_ETRUNCATED, PIPILO_ENOMEM.
PIPILO_API int pipilo_value_image_info(struct pipilo_image_info *out, const pipilo_value *image,
                                       struct pipilo_error *err);

// All pixels of an image value, decoded and upright: a tensor uint8 [height, width, 3]. `mode` is
// "RGB" (also NULL) or "BGR". Errors: as pipilo_value_image_info, and PIPILO_ELIMIT for a picture
// above 2^28 pixels.
PIPILO_API int pipilo_value_image_pixels(pipilo_value **out, const pipilo_value *image,
                                         const char *mode, struct pipilo_error *err);

// Memory the value holds, in bytes, itself included.
PIPILO_API size_t pipilo_value_size(const pipilo_value *value);

// The value as one line of JSON that the caller frees with pipilo_free: tensors as nested arrays,
// bytes as {"bytes": length}, an image as {"image": {...}}, an error as {"error": {...}}.
PIPILO_API int pipilo_value_to_json(const pipilo_value *value, char **out,
                                    struct pipilo_error *err);

// Frees a text that a function here gave to the caller; NULL is allowed.
PIPILO_API void pipilo_free(void *memory);

#ifdef __cplusplus
}
#endif
#endif
