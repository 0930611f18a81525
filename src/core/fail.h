// fail.h: filling the caller's error (the public side is <pipilo/error.h>).
#ifndef PLO_CORE_FAIL_H
#define PLO_CORE_FAIL_H

#include <pipilo/error.h>

#include "base/alloc.h"

// Leaves the enclosing function with the code of a failed call. Use it where nothing was acquired
// that `out:` would have to free.
#define PLO_TRY(call)                \
    do {                             \
        int plo_try_result = (call); \
        if (plo_try_result < 0)      \
            return plo_try_result;   \
    } while (0)

// Fills `err` (which may be NULL) and returns `code`, so that `return plo_fail(...)` reads well.
// The message is one line, impersonal, without full stop; longer ones are cut.
int plo_fail(struct pipilo_error *err, int code, const char *format, ...) PLO_PRINTF(3, 4);

// PIPILO_ENOMEM with the number of bytes that were not to be had (0: unknown).
int plo_fail_nomem(struct pipilo_error *err, size_t bytes);

// Turns a negative errno into a code (ENOENT -> NOTFOUND, ENOMEM -> NOMEM, EFBIG -> LIMIT, else IO)
// with the message "<what>: <strerror>".
int plo_fail_errno(struct pipilo_error *err, int negative_errno, const char *format, ...)
    PLO_PRINTF(3, 4);

// Names the part or node an error came from, unless a lower one did so already.
void plo_fail_where(struct pipilo_error *err, const char *where);

#endif
