// Timed threads make every call once, whole passes, and say why they stopped.
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bench/timed.h"
#include "core/fail.h"

enum { CALLS = 1000, THREADS = 4 };

static struct pipilo_error err;

struct seen {
    atomic_int calls[CALLS];
    atomic_int all, threads[THREADS];
    int64_t fails_at; // -1: none does
    atomic_int asked;
};

static int call(void *cookie, int thread, int64_t i, struct pipilo_error *why)
{
    struct seen *seen = cookie;
    atomic_fetch_add(&seen->all, 1);
    atomic_fetch_add(&seen->threads[thread], 1);
    if (i < CALLS)
        atomic_fetch_add(&seen->calls[i], 1);
    return i == seen->fails_at ? plo_fail(why, PIPILO_ECORRUPT, "call %d", (int)i) : 0;
}

static bool not_for_long(void *cookie)
{
    struct seen *seen = cookie;
    return atomic_fetch_add(&seen->asked, 1) < 3;
}

static struct plo_timed_job job_of(struct seen *seen, int threads)
{
    return (struct plo_timed_job){
        .threads = threads, .seconds = 3600, .calls = CALLS, .call = call, .cookie = seen
    };
}

static void makes_each_call_once(void **state)
{
    (void)state;
    static struct seen seen = { .fails_at = -1 };
    struct plo_timed_taken taken;
    struct plo_timed_job job = job_of(&seen, THREADS);
    assert_int_equal(plo_timed_run(&taken, &job, &err), 0);
    assert_int_equal(taken.calls, CALLS);
    for (int i = 0; i < CALLS; i++)
        assert_int_equal(seen.calls[i], 1);
    assert_true(taken.rate > 0 && taken.seconds > 0 && taken.processor >= 0);
    // No thread was longer at it than all: the rates add up to at least the mean.
    assert_true(taken.rate * taken.seconds >= CALLS * 0.999);
}

static void ends_with_a_whole_pass(void **state)
{
    (void)state;
    static struct seen seen = { .fails_at = -1 };
    struct plo_timed_taken taken;
    struct plo_timed_job job = job_of(&seen, 1);
    job.seconds = 1e-9;
    job.pass = 7;
    assert_int_equal(plo_timed_run(&taken, &job, &err), 0);
    assert_int_equal(taken.calls, 7);
    job.pass = 0;
    assert_int_equal(plo_timed_run(&taken, &job, &err), 0);
    assert_int_equal(taken.calls, 1);
}

static void gives_the_failure_of_a_call(void **state)
{
    (void)state;
    static struct seen seen = { .fails_at = 500 };
    struct plo_timed_taken taken;
    struct plo_timed_job job = job_of(&seen, THREADS);
    assert_int_equal(plo_timed_run(&taken, &job, &err), PIPILO_ECORRUPT);
    assert_string_equal(err.message, "call 500");
}

static void begins_nothing_after_a_failure(void **state)
{
    (void)state;
    static struct seen seen = { .fails_at = 500 };
    struct plo_timed_taken taken;
    // Of several threads, others go on until the one that failed has said so.
    struct plo_timed_job job = job_of(&seen, 1);
    assert_int_equal(plo_timed_run(&taken, &job, &err), PIPILO_ECORRUPT);
    assert_int_equal(seen.all, 501);
}

static void stops_when_told_to(void **state)
{
    (void)state;
    static struct seen seen = { .fails_at = -1 };
    struct plo_timed_taken taken;
    struct plo_timed_job job = job_of(&seen, 1);
    job.go_on = not_for_long;
    job.go_on_cookie = &seen;
    assert_int_equal(plo_timed_run(&taken, &job, &err), PIPILO_ECANCELED);
    assert_int_equal(seen.all, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_each_call_once),
        cmocka_unit_test(ends_with_a_whole_pass),
        cmocka_unit_test(gives_the_failure_of_a_call),
        cmocka_unit_test(begins_nothing_after_a_failure),
        cmocka_unit_test(stops_when_told_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
