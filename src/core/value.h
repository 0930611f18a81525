// value.h: the inside of a value (the public side is <pipilo/value.h>), and the class by which
// a part above core puts its own object into one (an image, an iterator, a foreign object).
#ifndef PLO_CORE_VALUE_H
#define PLO_CORE_VALUE_H

#include <pipilo/value.h>

#include "base/buf.h"
#include "base/str.h"

// What an object inside a value can do. `free` gets the object with the last reference.
struct plo_class {
    enum pipilo_kind kind; // IMAGE, ITERATOR or OBJECT
    const char *name;
    void (*free)(void *object);
    size_t (*size)(const void *object);                       // bytes held; NULL: unknown
    void (*to_json)(const void *object, struct plo_str *str); // NULL: {"object": name}
    int (*next)(void *object, pipilo_value **out, struct pipilo_error *err); // iterators
};

struct pipilo_value {
    int refs; // atomic
    enum pipilo_kind kind;
    void
        *peer; // atomic: another language's object for this value (<pipilo/sys/foreign.h>), or NULL
    void (*release)(void *peer);
    union {
        bool b;
        int64_t i;
        double f;
        struct {
            size_t length;
            char *text; // behind this struct, in the same block
        } string;
        struct plo_buf *bytes;
        struct {
            struct pipilo_tensor view;
            struct plo_buf *owner;
        } tensor;
        struct {
            size_t count;
            pipilo_value **items; // behind this struct, in the same block
        } list;
        struct pipilo_error *error; // behind this struct, in the same block
        struct {
            const struct plo_class *class;
            void *object;
        } object;
    } as;
};

// Bytes of the tensor's elements. Errors: PIPILO_EINVALID where the shape or dtype is not valid.
int plo_tensor_bytes(const struct pipilo_tensor *tensor, size_t *bytes, struct pipilo_error *err);

// A tensor over `owner`'s bytes from `data` on, without a copy. Consumes the reference to `owner`,
// on failure too.
int plo_value_wrap_tensor(pipilo_value **out, struct plo_buf *owner,
                          const struct pipilo_tensor *view, struct pipilo_error *err);

// Bytes without a copy. Consumes the reference to `bytes`, on failure too.
int plo_value_wrap_bytes(pipilo_value **out, struct plo_buf *bytes, struct pipilo_error *err);

// An object of a class. Consumes `object`, on failure too (its class frees it).
int plo_value_wrap_object(pipilo_value **out, const struct plo_class *class, void *object,
                          struct pipilo_error *err);

// The one error value that says that there was no memory for another; cannot fail.
pipilo_value *plo_value_nomem(void);

// The object where the value holds one of this class, else NULL.
void *plo_value_object_of(const pipilo_value *value, const struct plo_class *class);

// Adds the value to `str` as JSON.
void plo_value_add_json(const pipilo_value *value, struct plo_str *str);

// The value as it is written in pipeline text (Python's literals): 'text', 3, True, (1, 2), None.
void plo_value_add_literal(const pipilo_value *value, struct plo_str *str);

#endif
