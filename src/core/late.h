// late.h: libraries of others that are opened at their first use, once for the process. Where that
// fails, for want of descriptors or memory perhaps, the next use tries again.
//
// Threads: any; one opens, the others wait. A child of fork() has what was open.
#ifndef PLO_CORE_LATE_H
#define PLO_CORE_LATE_H

#include <pipilo/error.h>

#include "base/dynlib.h"
#include "core/fork.h"

// Static; the first members are the user's, the rest is private.
struct plo_late {
    const char *const *names; // as of plo_dynlib_open
    const struct plo_dynlib_symbol *symbols;
    size_t count;
    const char *needed_for; // "tar archives need libarchive": how a failure's message begins
    int code;               // of a failure whose cause is not that descriptors or memory are short
    int (*start)(struct pipilo_error *err); // what the library wants first, 0 or a failure; or NULL
    struct plo_lock lock;
    bool ready; // atomic
};

// The library is open and started, all symbols are filled. Returns 0 or a failure: `io_error` where
// no descriptor was left, `out_of_memory`, or the user's `code`.
int plo_late_open(struct plo_late *late, struct pipilo_error *err);

// Bytes for why one did not open: a path, and the reason behind it.
enum { PLO_LATE_WHY = 4096 + 256 };

// The code for a library that did not open, by what the loader said; `code` for any other reason.
int plo_late_code(const char *why, int code);

#endif
