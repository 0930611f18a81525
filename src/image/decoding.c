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
#include "image/image.h"
#include "image/isolate/helper.h"

#define SECOND       INT64_C(1000000000)
#define MOST_SECONDS (366.0 * 24 * 3600)
#define MOST_PIXELS  PLO_DECODE_OPTIONS_INIT.max_pixels

// --- the environment -----------------------------------------------------------------------------

static struct {
    double time_limit;
    bool isolate;
    uint64_t max_pixels;
    // Code 0: it is not set, or could be read.
    struct pipilo_error limit_err, isolate_err, pixels_err;
} environment;

static int check_limit(double seconds, struct pipilo_error *err)
{
    if (isfinite(seconds) && seconds <= MOST_SECONDS)
        return 0;
    return plo_fail(err, PIPILO_EINVALID, "a time limit is a number of seconds, a year at most");
}

static void read_isolate(void)
{
    const char *text = getenv("PIPILO_ISOLATE");
    if (text == NULL || *text == '\0')
        return;
    environment.isolate = strcmp(text, "1") == 0;
    if (!environment.isolate && strcmp(text, "0") != 0)
        plo_fail(&environment.isolate_err, PIPILO_EINVALID, "PIPILO_ISOLATE is 0 or 1, not '%.64s'",
                 text);
}

static void read_limit(void)
{
    const char *text = getenv("PIPILO_TIME_LIMIT");
    if (text == NULL || *text == '\0')
        return;
    char *end = NULL;
    double seconds = strtod(text, &end);
    if (*end != '\0' || seconds <= 0 || check_limit(seconds, NULL) < 0)
        plo_fail(&environment.limit_err, PIPILO_EINVALID,
                 "PIPILO_TIME_LIMIT is a number of seconds, not '%.64s'", text);
    else
        environment.time_limit = seconds;
}

static void read_pixels(void)
{
    const char *text = getenv("PIPILO_MAX_PIXELS");
    if (text == NULL || *text == '\0')
        return;
    size_t digits = strspn(text, "0123456789");
    uint64_t most = strtoull(text, NULL, 10);
    if (text[digits] != '\0' || most == 0 || most > MOST_PIXELS)
        plo_fail(&environment.pixels_err, PIPILO_EINVALID,
                 "PIPILO_MAX_PIXELS is a number of pixels, at most %llu, not '%.64s'",
                 (unsigned long long)MOST_PIXELS, text);
    else
        environment.max_pixels = most;
}

static void read_environment(void)
{
    read_limit();
    read_isolate();
    read_pixels();
}

static void read_environment_once(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_environment);
}

// --- what holds ----------------------------------------------------------------------------------

static _Atomic int64_t given_limit;   // ns; 0: as the environment says, below: none
static atomic_int given_isolate;      // 0: as the environment says, below: no
static _Atomic uint64_t given_pixels; // 0: as the environment says

// What is not used is told once.
static void complain(void)
{
    static atomic_flag told = ATOMIC_FLAG_INIT;
    const struct pipilo_error *errors[] = { &environment.limit_err, &environment.isolate_err,
                                            &environment.pixels_err };
    if (atomic_flag_test_and_set(&told))
        return;
    for (size_t i = 0; i < PLO_COUNT(errors); i++)
        if (errors[i]->code < 0)
            plo_log("%s", errors[i]->message);
}

bool plo_decoding_apart(void)
{
    int given = atomic_load_explicit(&given_isolate, memory_order_relaxed);
    if (given != 0)
        return given > 0;
    read_environment_once();
    complain();
    return environment.isolate;
}

void plo_decoding_set_limit(int64_t limit)
{
    atomic_store(&given_limit, limit > 0 ? limit : -1);
}

void plo_decoding_set_apart(bool apart)
{
    atomic_store(&given_isolate, apart ? 1 : -1);
}

// A helper is started, so that whoever wants them learns now why there are none.
static int try_helper(struct pipilo_error *err)
{
    struct plo_helper *helper = NULL;
    PLO_TRY(plo_helper_take(&helper, false, err));
    plo_helper_give(&helper);
    return 0;
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

uint64_t plo_decoding_pixels(void)
{
    uint64_t most = atomic_load_explicit(&given_pixels, memory_order_relaxed);
    if (most == 0) {
        read_environment_once();
        complain();
        most = environment.max_pixels;
    }
    return most != 0 ? most : MOST_PIXELS;
}

// What would be used of the environment must be of use.
static int check_environment(const struct pipilo_decoding *own, struct pipilo_error *err)
{
    const struct {
        bool used;
        const struct pipilo_error *found;
    } texts[] = {
        { own->time_limit == 0, &environment.limit_err },
        { own->isolate == 0, &environment.isolate_err },
        { own->max_pixels == 0, &environment.pixels_err },
    };
    read_environment_once();
    for (size_t i = 0; i < PLO_COUNT(texts); i++)
        if (texts[i].used && texts[i].found->code < 0)
            return plo_fail(err, PIPILO_EINVALID, "%s", texts[i].found->message);
    return 0;
}

int pipilo_decoding_set(const struct pipilo_decoding *decoding, struct pipilo_error *err)
{
    struct pipilo_decoding own = PIPILO_DECODING_INIT;
    size_t size = decoding->struct_size < sizeof own ? decoding->struct_size : sizeof own;
    memcpy(&own, decoding, size);
    PLO_TRY(check_limit(own.time_limit, err));
    if (own.max_pixels > MOST_PIXELS)
        return plo_fail(err, PIPILO_EINVALID, "at most %llu pixels can be decoded, not %llu",
                        (unsigned long long)MOST_PIXELS, (unsigned long long)own.max_pixels);
    PLO_TRY(check_environment(&own, err));
    bool apart = own.isolate > 0 || (own.isolate == 0 && environment.isolate);
    if (apart)
        PLO_TRY(try_helper(err));
    else
        plo_helpers_drop();
    int64_t limit = (int64_t)(own.time_limit * (double)SECOND);
    // A limit below a nanosecond is none that could be kept.
    atomic_store(&given_limit, own.time_limit < 0                 ? -1
                               : limit == 0 && own.time_limit > 0 ? 1
                                                                  : limit);
    atomic_store(&given_isolate, own.isolate);
    atomic_store(&given_pixels, own.max_pixels);
    return 0;
}

void pipilo_decoding_get(struct pipilo_decoding *decoding)
{
    struct pipilo_decoding now = {
        .struct_size = decoding->struct_size,
        .time_limit = (double)atomic_load(&given_limit) / (double)SECOND,
        .isolate = atomic_load(&given_isolate),
        .max_pixels = atomic_load(&given_pixels),
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
