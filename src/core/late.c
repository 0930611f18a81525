// late.c: opening a library once, or once more (see late.h).
#include "core/late.h"

#include <string.h>

#include "core/fail.h"

// dlopen has no errno, and glibc's texts are those of errno or its own.
int plo_late_code(const char *why, int code)
{
    static const char *const memory[] = { "Cannot allocate memory",
                                          "cannot allocate memory",
                                          "out of memory",
                                          "failed to map",
                                          "cannot map",
                                          "cannot create shared object descriptor" };
    if (strstr(why, "oo many open files") != NULL)
        return PIPILO_EIO;
    for (size_t i = 0; i < PLO_COUNT(memory); i++)
        if (strstr(why, memory[i]) != NULL)
            return PIPILO_ENOMEM;
    return code;
}

static int open_now(struct plo_late *late, struct pipilo_error *err)
{
    char why[256];
    if (plo_dynlib_open(late->names, late->symbols, late->count, why, sizeof why) < 0) {
        int code = plo_late_code(why, late->code);
        return plo_fail(err, code, "%s: %s%s", late->needed_for, why,
                        code == PIPILO_EIO ? " (ulimit -n sets how many)" : "");
    }
    if (late->start != NULL)
        PLO_TRY(late->start(err));
    __atomic_store_n(&late->ready, true, __ATOMIC_RELEASE);
    return 0;
}

int plo_late_open(struct plo_late *late, struct pipilo_error *err)
{
    if (__atomic_load_n(&late->ready, __ATOMIC_ACQUIRE))
        return 0;
    plo_lock_take(&late->lock);
    int result = late->ready ? 0 : open_now(late, err);
    plo_lock_release(&late->lock);
    return result;
}
