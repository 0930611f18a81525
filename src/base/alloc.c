// alloc.c: malloc with a live count and a switch that makes the nth call fail (see alloc.h).
#include "base/alloc.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

static _Atomic int64_t live;
static _Atomic int64_t made;
static _Atomic int64_t fail_at;

// errno as malloc leaves it: codecs look there (see codec.c).
static bool must_fail(void)
{
    int64_t at = atomic_load_explicit(&fail_at, memory_order_relaxed);
    if (at == 0 || atomic_fetch_add_explicit(&made, 1, memory_order_relaxed) + 1 != at)
        return false;
    errno = ENOMEM;
    return true;
}

static void *counted(void *block)
{
    if (block != NULL)
        atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return block;
}

void *plo_alloc(size_t size)
{
    return must_fail() ? NULL : counted(malloc(size > 0 ? size : 1));
}

void *plo_alloc0(size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total) || must_fail())
        return NULL;
    return counted(calloc(total > 0 ? total : 1, 1));
}

void *plo_realloc(void *block, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total) || must_fail())
        return NULL;
    void *moved = realloc(block, total > 0 ? total : 1);
    if (block == NULL)
        counted(moved);
    return moved;
}

void *plo_alloc_aligned(size_t size)
{
    if (size > SIZE_MAX - 63 || must_fail())
        return NULL;
    size_t rounded = (size + 63) / 64 * 64;
    return counted(aligned_alloc(64, rounded > 0 ? rounded : 64));
}

void plo_free(void *block)
{
    if (block == NULL)
        return;
    atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    free(block);
}

char *plo_strdup(const char *text)
{
    return plo_memdup(text, strlen(text) + 1);
}

char *plo_strndup(const char *text, size_t length)
{
    length = strnlen(text, length);
    char *copy = plo_alloc(length + 1);
    if (copy != NULL) {
        memcpy(copy, text, length);
        copy[length] = '\0';
    }
    return copy;
}

void *plo_memdup(const void *data, size_t size)
{
    void *copy = plo_alloc(size);
    if (copy != NULL && size > 0)
        memcpy(copy, data, size);
    return copy;
}

char *plo_vformat(const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = length < 0 ? NULL : plo_alloc((size_t)length + 1);
    if (text != NULL)
        vsnprintf(text, (size_t)length + 1, format, args);
    return text;
}

char *plo_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = plo_vformat(format, args);
    va_end(args);
    return text;
}

int64_t plo_alloc_live(void)
{
    return atomic_load(&live);
}

int64_t plo_alloc_fail_nth(int64_t nth)
{
    atomic_store(&fail_at, nth);
    return atomic_exchange(&made, 0);
}

void plo_alloc_fit(uint64_t bytes)
{
#if defined(__GLIBC__)
    static atomic_bool fitted;
    const uint64_t least = UINT64_C(128) << 10, most = UINT64_C(32)
                                                       << 20; // between which glibc moves
    uint64_t apart = bytes / 128;
    if (apart >= most && !atomic_load(&fitted))
        return;
    atomic_store(&fitted, true);
    apart = apart < least ? least : apart > most ? most : apart;
    mallopt(M_MMAP_THRESHOLD, (int)apart);
    mallopt(M_TRIM_THRESHOLD, (int)(2 * apart));
#else
    (void)bytes;
#endif
}

void plo_alloc_trim(void)
{
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}
