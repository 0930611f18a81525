// decoding.c: what was set, else what the environment says (see decoding.h).
#include "image/decoding.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "core/fail.h"
#include "core/log.h"

#define SECOND       INT64_C(1000000000)
#define MOST_SECONDS (366.0 * 24 * 3600)

// --- the environment -----------------------------------------------------------------------------

static struct {
    double time_limit;
    struct pipilo_error err; // code 0: it is not set, or could be read
} environment;

static int check_limit(double seconds, struct pipilo_error *err)
{
    if (isfinite(seconds) && seconds <= MOST_SECONDS)
        return 0;
    return plo_fail(err, PIPILO_EINVALID, "a time limit is a number of seconds, a year at most");
}

static void read_environment(void)
{
    const char *text = getenv("PIPILO_TIME_LIMIT");
    if (text == NULL || *text == '\0')
        return;
    char *end = NULL;
    double seconds = strtod(text, &end);
    if (*end != '\0' || seconds <= 0 || check_limit(seconds, NULL) < 0)
        plo_fail(&environment.err, PIPILO_EINVALID,
                 "PIPILO_TIME_LIMIT is a number of seconds, not '%.64s'", text);
    else
        environment.time_limit = seconds;
}

static void read_environment_once(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_environment);
}

// --- what holds ----------------------------------------------------------------------------------

static _Atomic int64_t given_limit; // ns; 0: as the environment says, below: none

// What is not used is told once.
static void complain(void)
{
    static atomic_flag told = ATOMIC_FLAG_INIT;
    if (environment.err.code < 0 && !atomic_flag_test_and_set(&told))
        plo_log("%s", environment.err.message);
}

int64_t plo_decoding_limit(void)
{
    int64_t given = atomic_load_explicit(&given_limit, memory_order_relaxed);
    if (given != 0)
        return given > 0 ? given : 0;
    read_environment_once();
    complain();
    return (int64_t)(environment.time_limit * (double)SECOND);
}

int pipilo_decoding_set(const struct pipilo_decoding *decoding, struct pipilo_error *err)
{
    struct pipilo_decoding own = PIPILO_DECODING_INIT;
    size_t size = decoding->struct_size < sizeof own ? decoding->struct_size : sizeof own;
    memcpy(&own, decoding, size);
    PLO_TRY(check_limit(own.time_limit, err));
    read_environment_once();
    if (own.time_limit == 0 && environment.err.code < 0)
        return plo_fail(err, PIPILO_EINVALID, "%s", environment.err.message);
    int64_t limit = (int64_t)(own.time_limit * (double)SECOND);
    // A limit below a nanosecond is none that could be kept.
    atomic_store(&given_limit, own.time_limit < 0                 ? -1
                               : limit == 0 && own.time_limit > 0 ? 1
                                                                  : limit);
    return 0;
}

void pipilo_decoding_get(struct pipilo_decoding *decoding)
{
    int64_t limit = plo_decoding_limit();
    struct pipilo_decoding now = {
        .struct_size = decoding->struct_size,
        .time_limit = limit > 0 ? (double)limit / (double)SECOND : -1,
    };
    memcpy(decoding, &now, now.struct_size < sizeof now ? now.struct_size : sizeof now);
}

// --- one picture ---------------------------------------------------------------------------------

void plo_deadline_start(struct plo_deadline *deadline)
{
    deadline->limit = plo_decoding_limit();
    deadline->end = deadline->limit > 0 ? plo_clock_ns() + deadline->limit : 0;
}

int plo_deadline_fail(int64_t limit, struct pipilo_error *err)
{
    return plo_fail(err, PIPILO_ETIMEOUT, "decoding it took longer than the time limit of %g s",
                    (double)limit / (double)SECOND);
}

int plo_deadline_check(const struct plo_deadline *deadline, struct pipilo_error *err)
{
    if (deadline->limit == 0 || plo_clock_ns() < deadline->end)
        return 0;
    return plo_deadline_fail(deadline->limit, err);
}
