// alloc.h: all memory of pipilo. Every block comes from here, so that tests can count what is live
// and make any allocation fail. Functions return NULL when there is no memory; nothing aborts.
// Threads: any.
#ifndef PLO_BASE_ALLOC_H
#define PLO_BASE_ALLOC_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define PLO_PRINTF(text, first) __attribute__((format(printf, text, first)))
#define PLO_MUST_CHECK          __attribute__((warn_unused_result))
#else
#define PLO_PRINTF(text, first)
#define PLO_MUST_CHECK
#endif

#define PLO_COUNT(array) (sizeof(array) / sizeof((array)[0]))

// `size` bytes, not cleared. A size of 0 gives a valid block.
PLO_MUST_CHECK void *plo_alloc(size_t size);

// `count` elements of `size` bytes, cleared; NULL also where the product overflows.
PLO_MUST_CHECK void *plo_alloc0(size_t count, size_t size);

// Resizes to `count` elements of `size` bytes; on failure returns NULL and leaves `block` as it
// was.
PLO_MUST_CHECK void *plo_realloc(void *block, size_t count, size_t size);

// `size` bytes on a 64-byte boundary (a cache line, a SIMD register), not cleared.
PLO_MUST_CHECK void *plo_alloc_aligned(size_t size);

// Frees what any function here returned; NULL is allowed.
void plo_free(void *block);

PLO_MUST_CHECK char *plo_strdup(const char *text);
PLO_MUST_CHECK char *plo_strndup(const char *text, size_t length);
PLO_MUST_CHECK void *plo_memdup(const void *data, size_t size);

// A new string made as by printf.
PLO_MUST_CHECK char *plo_format(const char *format, ...) PLO_PRINTF(1, 2);
PLO_MUST_CHECK char *plo_vformat(const char *format, va_list args);

// Blocks allocated and not yet freed.
int64_t plo_alloc_live(void);

// Fits the heap to a process that shall live on `bytes`: blocks of more than a 128th of them (128
// KiB at least) are the system's and go back to it when they are freed; in the heap each would
// leave a hole, and holes of many sizes come to more than what is in use. Beyond 4 GB glibc's own
// rule stays, under which any block up to 32 MiB is soon the heap's.
void plo_alloc_fit(uint64_t bytes);

// Gives free pages of the heap back to the system, where it can be asked to.
void plo_alloc_trim(void);

// For tests: the nth allocation from now on (1 = the next) fails, once; 0 turns it off. Returns how
// many allocations were made since the last call.
int64_t plo_alloc_fail_nth(int64_t nth);

#endif
