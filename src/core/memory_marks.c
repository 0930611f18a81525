// memory_marks.c: sizes as text, as shares and by default (see memory_marks.h).
#include "core/memory_marks.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/fail.h"
#include "core/log.h"

#define SHARE        PIPILO_SHARE(0)
#define MEBIBYTE     (UINT64_C(1) << 20)
#define MEGABYTES(x) ((x) / 1000000)

// --- text ----------------------------------------------------------------------------------------

int pipilo_size_parse(uint64_t *size, const char *text, struct pipilo_error *err)
{
    static const char units[] = "KMGTP";
    // Digits and a point only: strtod would take "inf", "0x1p9" and a sign as well.
    size_t digits = strspn(text, "0123456789.");
    char *end = NULL;
    double number = digits > 0 ? strtod(text, &end) : -1;
    if (number < 0 || end != text + digits)
        goto bad;
    if (*end == '%') {
        if (end[1] != '\0' || number < 1 || number > 100)
            goto bad;
        *size = PIPILO_SHARE((uint64_t)number);
        return 0;
    }
    const char *unit = *end != '\0' ? strchr(units, *end & ~0x20) : NULL;
    if (unit != NULL) {
        number = ldexp(number, 10 * (int)(unit - units + 1));
        end += end[1] == 'i' ? 2 : 1;
    }
    end += *end == 'B' || *end == 'b';
    if (*end != '\0' || !(number < 0x1p62))
        goto bad;
    *size = (uint64_t)number;
    return 0;
bad:
    return plo_fail(err, PIPILO_EINVALID,
                    "'%.64s' is no size: a number of bytes, 512M, 2GiB, or 80%%", text);
}

// --- the environment -----------------------------------------------------------------------------

static struct pipilo_memory from_environment;

static struct {
    const char *name;
    uint64_t *size;
    struct pipilo_error err; // code 0: it is not set, or could be read
} variables[] = {
    { .name = "PIPILO_MEMORY", .size = &from_environment.limit },
    { .name = "PIPILO_MEMORY_SOFT", .size = &from_environment.soft },
    { .name = "PIPILO_MEMORY_HARD", .size = &from_environment.hard },
    { .name = "PIPILO_MEMORY_CRITICAL", .size = &from_environment.critical },
};

// Says nothing of what it finds: its callers hold locks.
static void read_environment(void)
{
    for (size_t i = 0; i < PLO_COUNT(variables); i++) {
        const char *text = getenv(variables[i].name);
        if (text != NULL && *text != '\0')
            (void)pipilo_size_parse(variables[i].size, text, &variables[i].err);
    }
}

// Read once: another thread may change the environment later.
static const struct pipilo_memory *environment(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_environment);
    return &from_environment;
}

void plo_memory_marks_complain(void)
{
    static atomic_flag told = ATOMIC_FLAG_INIT;
    (void)environment();
    if (atomic_flag_test_and_set(&told))
        return;
    for (size_t i = 0; i < PLO_COUNT(variables); i++)
        if (variables[i].err.code < 0)
            plo_log("%s is not used: %s", variables[i].name, variables[i].err.message);
}

// --- numbers -------------------------------------------------------------------------------------

static uint64_t less(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t per_cent(uint64_t percent, uint64_t whole)
{
    return whole / 100 * percent + whole % 100 * percent / 100;
}

static uint64_t bytes_of(uint64_t size, uint64_t whole)
{
    return size & SHARE ? per_cent(size & ~SHARE, whole) : size;
}

static uint64_t all_there_is(const struct plo_memory_use *use)
{
    return less(use->group_limit, use->machine_total);
}

uint64_t plo_memory_limit(uint64_t size, const struct plo_memory_use *use)
{
    if (size == 0)
        size = environment()->limit;
    return size != 0 ? bytes_of(size, all_there_is(use)) : all_there_is(use) / 2;
}

// All of it but a share, which is of no use past `most`.
static uint64_t all_but(uint64_t percent, uint64_t most, uint64_t total)
{
    return total - less(per_cent(percent, total), most);
}

void plo_memory_marks_find(struct plo_memory_marks *out, const struct pipilo_memory *set,
                           const struct plo_memory_use *use)
{
    const struct pipilo_memory *env = environment();
    uint64_t there = all_there_is(use);
    uint64_t total = set->total != 0 ? less(bytes_of(set->total, there), there) : there;
    uint64_t soft = bytes_of(set->soft != 0 ? set->soft : env->soft, total);
    uint64_t hard = bytes_of(set->hard != 0 ? set->hard : env->hard, total);
    uint64_t critical = bytes_of(set->critical != 0 ? set->critical : env->critical, total);
    *out = (struct plo_memory_marks){ total, soft, hard, critical };
    // What was given stands; the others keep their order around it.
    if (critical == 0)
        out->critical = all_but(5, 256 * MEBIBYTE, total);
    if (hard == 0)
        out->hard = less(all_but(15, 1024 * MEBIBYTE, total), out->critical);
    if (critical == 0 && out->critical < out->hard)
        out->critical = out->hard;
    if (soft == 0)
        out->soft = all_but(25, 2048 * MEBIBYTE, total);
    if (soft == 0 && out->soft >= out->hard)
        out->soft = out->hard - out->hard / 8;
    if (hard == 0 && out->hard < out->soft)
        out->hard = out->soft;
    if (critical == 0 && out->critical < out->hard)
        out->critical = out->hard;
}

int plo_memory_marks_check(const struct pipilo_memory *set, const struct plo_memory_use *use,
                           struct pipilo_error *err)
{
    const uint64_t sizes[] = { set->limit, set->total, set->soft, set->hard, set->critical };
    struct plo_memory_marks marks;
    for (size_t i = 0; i < PLO_COUNT(sizes); i++)
        if (sizes[i] & SHARE && (sizes[i] & ~SHARE) > 100)
            return plo_fail(err, PIPILO_EINVALID, "a share of %" PRIu64 "%% of the memory",
                            sizes[i] & ~SHARE);
    plo_memory_marks_find(&marks, set, use);
    if (marks.soft <= marks.hard && marks.hard <= marks.critical)
        return 0;
    return plo_fail(err, PIPILO_EINVALID,
                    "soft (%" PRIu64 " MB), hard (%" PRIu64 " MB) and critical (%" PRIu64
                    " MB) must not fall",
                    MEGABYTES(marks.soft), MEGABYTES(marks.hard), MEGABYTES(marks.critical));
}

uint64_t plo_memory_used(uint64_t total, const struct plo_memory_use *use)
{
    uint64_t left = use->anonymous < total ? total - use->anonymous : 0;
    left = less(left, less(use->group_left, use->machine_left));
    return total - left;
}
