// buf.h: a reference-counted run of bytes with the function that frees it.
// Threads: the count is atomic; the bytes are immutable once a second reference exists.
#ifndef PLO_BASE_BUF_H
#define PLO_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plo_buf {
    uint8_t *data; // 64-byte aligned where plo_buf_create made it
    size_t size;
    int refs; // atomic
    void (*free)(void *cookie, uint8_t *data, size_t size);
    void *cookie;
};

// A new buffer of `size` bytes, not cleared; NULL when out of memory. The caller owns one
// reference.
struct plo_buf *plo_buf_create(size_t size);

// Takes `data` over: `free` is called with it when the last reference goes. On failure (NULL) the
// data remain the caller's.
struct plo_buf *plo_buf_wrap(uint8_t *data, size_t size,
                             void (*free)(void *cookie, uint8_t *data, size_t size), void *cookie);

// One more reference; returns its argument.
struct plo_buf *plo_buf_ref(struct plo_buf *buf);

// Drops the reference and sets the pointer to NULL; NULL inside is allowed.
void plo_buf_unref(struct plo_buf **buf);

// True where the caller holds the only reference, so that the bytes may be changed.
bool plo_buf_is_writable(const struct plo_buf *buf);

#endif
