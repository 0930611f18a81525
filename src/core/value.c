// value.c: making, reading and dropping values (see value.h). Small variable parts (text, list
// items, an error) lie behind the value in the same block, so a value costs one allocation.
#include "core/value.h"

#include <string.h>

#include <pipilo/sys/op.h>

#include "core/fail.h"
#include "core/live.h"

static struct pipilo_value none = { .refs = 1, .kind = PIPILO_NONE };
static struct pipilo_value empty = { .refs = 1, .kind = PIPILO_EMPTY };

// What an error becomes where there is no memory to say it.
static struct pipilo_error nomem_error = { .code = PIPILO_ENOMEM,
                                           .message = "the system gave no memory" };
static struct pipilo_value nomem = { .refs = 1, .kind = PIPILO_ERROR, .as.error = &nomem_error };

static bool immortal(const pipilo_value *value)
{
    return value == &none || value == &empty || value == &nomem;
}

static int create(pipilo_value **out, enum pipilo_kind kind, size_t extra, struct pipilo_error *err)
{
    pipilo_value *value = plo_alloc(sizeof *value + extra);
    if (value == NULL)
        return plo_fail_nomem(err, sizeof *value + extra);
    *value = (struct pipilo_value){ .refs = 1, .kind = kind };
    plo_live_add(PLO_LIVE_VALUE, 1);
    *out = value;
    return 0;
}

pipilo_value *pipilo_value_ref(pipilo_value *value)
{
    if (!immortal(value))
        __atomic_add_fetch(&value->refs, 1, __ATOMIC_RELAXED);
    return value;
}

void pipilo_value_unref(pipilo_value **slot)
{
    pipilo_value *value = *slot;
    *slot = NULL;
    if (value == NULL || immortal(value) ||
        __atomic_sub_fetch(&value->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    if (value->kind == PIPILO_BYTES)
        plo_buf_unref(&value->as.bytes);
    else if (value->kind == PIPILO_TENSOR)
        plo_buf_unref(&value->as.tensor.owner);
    else if (value->kind == PIPILO_LIST)
        for (size_t i = 0; i < value->as.list.count; i++)
            pipilo_value_unref(&value->as.list.items[i]);
    else if (value->kind == PIPILO_IMAGE || value->kind == PIPILO_ITERATOR ||
             value->kind == PIPILO_OBJECT)
        value->as.object.class->free(value->as.object.object);
    if (value->peer != NULL)
        value->release(value->peer);
    plo_live_add(PLO_LIVE_VALUE, -1);
    plo_free(value);
}

pipilo_value *plo_value_nomem(void)
{
    return &nomem;
}

pipilo_value *pipilo_value_none(void)
{
    return &none;
}

pipilo_value *pipilo_value_empty(void)
{
    return &empty;
}

int pipilo_value_create_bool(pipilo_value **out, bool b, struct pipilo_error *err)
{
    PLO_TRY(create(out, PIPILO_BOOL, 0, err));
    (*out)->as.b = b;
    return 0;
}

int pipilo_value_create_int(pipilo_value **out, int64_t i, struct pipilo_error *err)
{
    PLO_TRY(create(out, PIPILO_INT, 0, err));
    (*out)->as.i = i;
    return 0;
}

int pipilo_value_create_float(pipilo_value **out, double f, struct pipilo_error *err)
{
    PLO_TRY(create(out, PIPILO_FLOAT, 0, err));
    (*out)->as.f = f;
    return 0;
}

int pipilo_value_create_string(pipilo_value **out, const char *text, struct pipilo_error *err)
{
    size_t length = strlen(text);
    PLO_TRY(create(out, PIPILO_STRING, length + 1, err));
    (*out)->as.string.length = length;
    (*out)->as.string.text = memcpy(*out + 1, text, length + 1);
    return 0;
}

int plo_value_wrap_bytes(pipilo_value **out, struct plo_buf *bytes, struct pipilo_error *err)
{
    int result = create(out, PIPILO_BYTES, 0, err);
    if (result < 0)
        plo_buf_unref(&bytes);
    else
        (*out)->as.bytes = bytes;
    return result;
}

int pipilo_value_create_bytes(pipilo_value **out, const void *data, size_t size,
                              struct pipilo_error *err)
{
    struct plo_buf *bytes = plo_buf_create(size);
    if (bytes == NULL)
        return plo_fail_nomem(err, size);
    if (size > 0)
        memcpy(bytes->data, data, size);
    return plo_value_wrap_bytes(out, bytes, err);
}

int plo_tensor_bytes(const struct pipilo_tensor *tensor, size_t *bytes, struct pipilo_error *err)
{
    *bytes = pipilo_dtype_size(tensor->dtype);
    bool valid = *bytes > 0 && tensor->count <= PIPILO_MAX_DIMENSIONS;
    for (size_t i = 0; valid && i < tensor->count; i++)
        valid = !__builtin_mul_overflow(*bytes, tensor->shape[i], bytes);
    if (valid)
        return 0;
    return plo_fail(err, PIPILO_EINVALID, "no tensor has dtype %d and %zu dimensions",
                    (int)tensor->dtype, tensor->count);
}

int plo_value_wrap_tensor(pipilo_value **out, struct plo_buf *owner,
                          const struct pipilo_tensor *view, struct pipilo_error *err)
{
    int result = create(out, PIPILO_TENSOR, 0, err);
    if (result < 0) {
        plo_buf_unref(&owner);
        return result;
    }
    (*out)->as.tensor.view = *view;
    (*out)->as.tensor.owner = owner;
    return 0;
}

int pipilo_value_create_tensor(pipilo_value **out, const struct pipilo_tensor *tensor,
                               struct pipilo_error *err)
{
    size_t bytes;
    PLO_TRY(plo_tensor_bytes(tensor, &bytes, err));
    struct plo_buf *owner = plo_buf_create(bytes);
    if (owner == NULL)
        return plo_fail_nomem(err, bytes);
    if (bytes > 0)
        memcpy(owner->data, tensor->data, bytes);
    struct pipilo_tensor view = *tensor;
    view.data = owner->data;
    return plo_value_wrap_tensor(out, owner, &view, err);
}

int pipilo_value_create_list(pipilo_value **out, pipilo_value *const *items, size_t count,
                             struct pipilo_error *err)
{
    PLO_TRY(create(out, PIPILO_LIST, count * sizeof(pipilo_value *), err));
    (*out)->as.list.count = count;
    (*out)->as.list.items = (pipilo_value **)(*out + 1);
    for (size_t i = 0; i < count; i++)
        (*out)->as.list.items[i] = pipilo_value_ref(items[i]);
    return 0;
}

int pipilo_value_create_error(pipilo_value **out, const struct pipilo_error *reason,
                              struct pipilo_error *err)
{
    PLO_TRY(create(out, PIPILO_ERROR, sizeof *reason, err));
    (*out)->as.error = memcpy(*out + 1, reason, sizeof *reason);
    return 0;
}

int plo_value_wrap_object(pipilo_value **out, const struct plo_class *class, void *object,
                          struct pipilo_error *err)
{
    int result = create(out, class->kind, 0, err);
    if (result < 0) {
        class->free(object);
        return result;
    }
    (*out)->as.object.class = class;
    (*out)->as.object.object = object;
    return 0;
}

void *plo_value_object_of(const pipilo_value *value, const struct plo_class *class)
{
    bool object = value->kind == PIPILO_IMAGE || value->kind == PIPILO_ITERATOR ||
                  value->kind == PIPILO_OBJECT;
    return object && value->as.object.class == class ? value->as.object.object : NULL;
}

// An object or iterator from outside: its functions travel with it.
struct foreign {
    void *object;
    int (*next)(void *object, pipilo_value **out, struct pipilo_error *err);
    void (*release)(void *object);
};

static void foreign_free(void *object)
{
    struct foreign *foreign = object;
    if (foreign->release != NULL)
        foreign->release(foreign->object);
    plo_free(foreign);
}

static int foreign_next(void *object, pipilo_value **out, struct pipilo_error *err)
{
    struct foreign *foreign = object;
    return foreign->next(foreign->object, out, err);
}

static const struct plo_class object_class = { .kind = PIPILO_OBJECT,
                                               .name = "object",
                                               .free = foreign_free };
static const struct plo_class iterator_class = {
    .kind = PIPILO_ITERATOR, .name = "iterator", .free = foreign_free, .next = foreign_next
};

static int create_foreign(pipilo_value **out, const struct plo_class *class,
                          const struct foreign *foreign, struct pipilo_error *err)
{
    struct foreign *copy = plo_memdup(foreign, sizeof *foreign);
    if (copy == NULL)
        return plo_fail_nomem(err, sizeof *copy);
    int result = create(out, class->kind, 0, err);
    if (result < 0) {
        plo_free(copy);
        return result;
    }
    (*out)->as.object.class = class;
    (*out)->as.object.object = copy;
    return 0;
}

int pipilo_value_create_object(pipilo_value **out, void *object, void (*release)(void *object),
                               struct pipilo_error *err)
{
    struct foreign foreign = { .object = object, .release = release };
    return create_foreign(out, &object_class, &foreign, err);
}

int pipilo_value_create_iterator(pipilo_value **out, void *iterator,
                                 int (*next)(void *iterator, pipilo_value **out,
                                             struct pipilo_error *err),
                                 void (*release)(void *iterator), struct pipilo_error *err)
{
    struct foreign foreign = { .object = iterator, .next = next, .release = release };
    return create_foreign(out, &iterator_class, &foreign, err);
}

enum pipilo_kind pipilo_value_kind(const pipilo_value *value)
{
    return value->kind;
}

bool pipilo_value_bool(const pipilo_value *value)
{
    return value->kind == PIPILO_BOOL && value->as.b;
}

int64_t pipilo_value_int(const pipilo_value *value)
{
    return value->kind == PIPILO_INT ? value->as.i : 0;
}

double pipilo_value_float(const pipilo_value *value)
{
    if (value->kind == PIPILO_INT)
        return (double)value->as.i;
    return value->kind == PIPILO_FLOAT ? value->as.f : 0;
}

const char *pipilo_value_string(const pipilo_value *value)
{
    return value->kind == PIPILO_STRING ? value->as.string.text : NULL;
}

const void *pipilo_value_bytes(const pipilo_value *value, size_t *size)
{
    bool bytes = value->kind == PIPILO_BYTES;
    if (size != NULL)
        *size = bytes ? value->as.bytes->size : 0;
    return bytes ? value->as.bytes->data : NULL;
}

bool pipilo_value_tensor(const pipilo_value *value, struct pipilo_tensor *view)
{
    if (value->kind != PIPILO_TENSOR)
        return false;
    *view = value->as.tensor.view;
    return true;
}

size_t pipilo_value_list_count(const pipilo_value *value)
{
    return value->kind == PIPILO_LIST ? value->as.list.count : 0;
}

pipilo_value *pipilo_value_list_item(const pipilo_value *value, size_t index)
{
    return index < pipilo_value_list_count(value) ? value->as.list.items[index] : NULL;
}

const struct pipilo_error *pipilo_value_error(const pipilo_value *value)
{
    return value->kind == PIPILO_ERROR ? value->as.error : NULL;
}

void *pipilo_value_object(const pipilo_value *value)
{
    struct foreign *foreign = plo_value_object_of(value, &object_class);
    return foreign != NULL ? foreign->object : NULL;
}

size_t pipilo_value_size(const pipilo_value *value)
{
    size_t size = sizeof *value, bytes = 0;
    if (value->kind == PIPILO_STRING)
        size += value->as.string.length + 1;
    else if (value->kind == PIPILO_BYTES)
        size += value->as.bytes->size;
    else if (value->kind == PIPILO_TENSOR)
        // Of the view, not of what it is a view of: the rows of one tensor share its memory.
        size += plo_tensor_bytes(&value->as.tensor.view, &bytes, NULL) == 0 ? bytes : 0;
    else if (value->kind == PIPILO_ERROR)
        size += sizeof(struct pipilo_error);
    else if (value->kind == PIPILO_LIST)
        for (size_t i = 0; i < value->as.list.count; i++)
            size += sizeof(void *) + pipilo_value_size(value->as.list.items[i]);
    else if ((value->kind == PIPILO_IMAGE || value->kind == PIPILO_OBJECT) &&
             value->as.object.class->size != NULL)
        size += value->as.object.class->size(value->as.object.object);
    return size;
}

void pipilo_free(void *memory)
{
    plo_free(memory);
}
