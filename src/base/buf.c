// buf.c: reference-counted bytes (see buf.h).
#include "base/buf.h"

#include "base/alloc.h"

static void free_own(void *cookie, uint8_t *data, size_t size)
{
    (void)cookie;
    (void)size;
    plo_free(data);
}

struct plo_buf *plo_buf_create(size_t size)
{
    uint8_t *data = plo_alloc_aligned(size);
    struct plo_buf *buf = data != NULL ? plo_buf_wrap(data, size, free_own, NULL) : NULL;
    if (buf == NULL)
        plo_free(data);
    return buf;
}

struct plo_buf *plo_buf_wrap(uint8_t *data, size_t size,
                             void (*free)(void *cookie, uint8_t *data, size_t size), void *cookie)
{
    struct plo_buf *buf = plo_alloc(sizeof *buf);
    if (buf != NULL)
        *buf = (struct plo_buf){
            .data = data, .size = size, .refs = 1, .free = free, .cookie = cookie
        };
    return buf;
}

struct plo_buf *plo_buf_ref(struct plo_buf *buf)
{
    __atomic_add_fetch(&buf->refs, 1, __ATOMIC_RELAXED);
    return buf;
}

void plo_buf_unref(struct plo_buf **slot)
{
    struct plo_buf *buf = *slot;
    *slot = NULL;
    if (buf == NULL || __atomic_sub_fetch(&buf->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    buf->free(buf->cookie, buf->data, buf->size);
    plo_free(buf);
}

bool plo_buf_is_writable(const struct plo_buf *buf)
{
    return __atomic_load_n(&buf->refs, __ATOMIC_ACQUIRE) == 1;
}
