// late.c: opening a library once, or once more (see late.h).
#include "core/late.h"

#include <errno.h>
#include <string.h>

#include "core/fail.h"

static bool names_error(const char *why, int number)
{
    char text[96];
    return strstr(why, strerror_r(number, text, sizeof text)) != NULL;
}

// dlopen has no errno: glibc's loader ends its text with that of errno, in the user's language.
int plo_late_code(const char *why, int code)
{
    if (names_error(why, EMFILE) || names_error(why, ENFILE))
        return PIPILO_EIO;
    return names_error(why, ENOMEM) || strstr(why, "out of memory") != NULL ? PIPILO_ENOMEM : code;
}

static int open_now(struct plo_late *late, struct pipilo_error *err)
{
    char why[PLO_LATE_WHY];
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
