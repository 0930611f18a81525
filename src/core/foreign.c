// foreign.c: another language's objects as values, beside values, and as the owners of memory (the
// public side is <pipilo/sys/foreign.h>).
#include <pipilo/sys/foreign.h>
#include <pipilo/sys/op.h>

#include "core/fail.h"
#include "core/value.h"

// --- peers ----------------------------------------------------------------------------------

static void nothing_free(void *object)
{
    (void)object;
}

// The object is the value's peer; the class has none of its own.
static const struct plo_class foreign_class = { .kind = PIPILO_OBJECT,
                                                .name = "foreign",
                                                .free = nothing_free };

int pipilo_value_create_foreign(pipilo_value **out, void *object, void (*release)(void *object),
                                struct pipilo_error *err)
{
    PLO_TRY(plo_value_wrap_object(out, &foreign_class, NULL, err));
    (*out)->release = release;
    (*out)->peer = object;
    return 0;
}

void *pipilo_value_peer(const pipilo_value *value)
{
    return __atomic_load_n(&value->peer, __ATOMIC_ACQUIRE);
}

void *pipilo_value_attach(pipilo_value *value, void *object, void (*release)(void *object))
{
    void *none = NULL;
    if (value->kind == PIPILO_NONE || value->kind == PIPILO_EMPTY)
        return NULL;
    // Every peer has the same function, so whoever attaches first does not matter here.
    __atomic_store_n(&value->release, release, __ATOMIC_RELAXED);
    if (__atomic_compare_exchange_n(&value->peer, &none, object, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return object;
    return none;
}

// --- memory of somebody else's --------------------------------------------------------------

struct owner {
    void *object;
    void (*release)(void *object);
};

static void owner_free(void *cookie, uint8_t *data, size_t size)
{
    struct owner *owner = cookie;
    (void)data;
    (void)size;
    owner->release(owner->object);
    plo_free(owner);
}

static void owner_forget(void *object)
{
    (void)object;
}

// A buffer over `data`. The owner is let go with it only once `*armed` is set, so that a failure
// before that leaves it with the caller.
static struct plo_buf *wrap(const void *data, size_t size, struct owner **armed)
{
    struct owner *owner = plo_alloc(sizeof *owner);
    if (owner == NULL)
        return NULL;
    *owner = (struct owner){ NULL, owner_forget };
    struct plo_buf *buf = plo_buf_wrap((uint8_t *)(uintptr_t)data, size, owner_free, owner);
    if (buf == NULL)
        plo_free(owner);
    *armed = owner;
    return buf;
}

int pipilo_value_create_bytes_over(pipilo_value **out, const void *data, size_t size, void *owner,
                                   void (*release)(void *owner), struct pipilo_error *err)
{
    struct owner *armed;
    struct plo_buf *buf = wrap(data, size, &armed);
    if (buf == NULL)
        return plo_fail_nomem(err, 0);
    PLO_TRY(plo_value_wrap_bytes(out, buf, err));
    *armed = (struct owner){ owner, release };
    return 0;
}

int pipilo_value_create_tensor_over(pipilo_value **out, const struct pipilo_tensor *tensor,
                                    void *owner, void (*release)(void *owner),
                                    struct pipilo_error *err)
{
    size_t bytes;
    struct owner *armed;
    PLO_TRY(plo_tensor_bytes(tensor, &bytes, err));
    struct plo_buf *buf = wrap(tensor->data, bytes, &armed);
    if (buf == NULL)
        return plo_fail_nomem(err, 0);
    PLO_TRY(plo_value_wrap_tensor(out, buf, tensor, err));
    *armed = (struct owner){ owner, release };
    return 0;
}

int pipilo_value_share(pipilo_value **out, const pipilo_value *value, struct pipilo_error *err)
{
    if (value->kind == PIPILO_TENSOR)
        return plo_value_wrap_tensor(out, plo_buf_ref(value->as.tensor.owner),
                                     &value->as.tensor.view, err);
    if (value->kind == PIPILO_BYTES)
        return plo_value_wrap_bytes(out, plo_buf_ref(value->as.bytes), err);
    return plo_fail(err, PIPILO_EINVALID, "a value of kind %s has no memory to share",
                    pipilo_kind_name(value->kind));
}

// --- iterators ------------------------------------------------------------------------------

int pipilo_value_next(const pipilo_value *iterator, pipilo_value **out, struct pipilo_error *err)
{
    *out = NULL;
    if (iterator->kind != PIPILO_ITERATOR)
        return plo_fail(err, PIPILO_EINVALID, "a value of kind %s is no iterator",
                        pipilo_kind_name(iterator->kind));
    int result = PIPILO_LATER;
    while (result == PIPILO_LATER)
        result = iterator->as.object.class->next(iterator->as.object.object, out, err);
    return result;
}
