// test_fork.c: runs and pipelines in a child of fork(); and runs that end at the first error.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <pipilo/sys/foreign.h>

#include "../../support/forks.h"
#include "core/live.h"
#include "core/value.h"
#include "flow/pool.h"
#include "flow/registry.h"
#include "helper.h"
#include "test_operators.h"

// Rows of the run, or the code it failed with.
static int64_t rows_of(pipilo_run *run)
{
    int64_t rows = 0;
    pipilo_row *row = NULL;
    int result;
    while ((result = pipilo_run_next(run, &row, NULL)) == 0 && row != NULL) {
        rows++;
        pipilo_row_unref(&row);
    }
    return result < 0 ? result : rows;
}

static int64_t rows_anew(pipilo_pipeline *pipeline, int64_t number)
{
    pipilo_run *run = start(pipeline, number);
    int64_t rows = rows_of(run);
    pipilo_run_unref(&run);
    return rows;
}

#define STREAM                                                                      \
    "pipe.input('n').flat_map('n', 'x', ops.t.range()).map('x', 'y', ops.t.slow())" \
    ".map('y', 'z', ops.t.slow()).output('z')"

// In a child the pipeline runs anew, its run of before is an error and may be let go.
static bool child_is_right(pipilo_pipeline *p, pipilo_run *run)
{
    bool good = rows_of(run) == PIPILO_EINVALID;
    pipilo_run_unref(&run);
    good = good && rows_anew(p, 300) == 300 && rows_anew(p, 0) == 0;
    pipilo_pipeline_unref(&p);
    plo_pool_stop();
    return good;
}

static void fork_and_look(pipilo_pipeline *p, pipilo_run *run)
{
    pid_t child = fork();
    if (child == 0) {
        alarm(120);
        _exit(child_is_right(p, run) ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

// The parent's threads are at work on a run; the child can run the pipeline, and only that run is
// an error there.
static void child_begins_anew(void **state)
{
    (void)state;
    SKIP_WHERE_ALLOCATORS_DO_NOT_FORK();
    pipilo_pipeline *p = parse(STREAM);
    pipilo_run *run = start(p, 2000);
    pipilo_row *row = NULL;
    assert_int_equal(pipilo_run_next(run, &row, NULL), 0);
    pipilo_row_unref(&row);
    for (int i = 0; i < 5; i++)
        fork_and_look(p, run);
    assert_int_equal(rows_of(run), 1999);
    pipilo_run_unref(&run);
    pipilo_pipeline_unref(&p);
}

// The same where no thread of the parent is at work: every sanitizer can follow this one.
static void child_of_an_idle_parent(void **state)
{
    (void)state;
    pipilo_pipeline *p = parse(STREAM);
    assert_int_equal(rows_anew(p, 20), 20);
    plo_pool_stop();
    pipilo_run *run = start(p, 20);
    fork_and_look(p, run);
    assert_int_equal(rows_of(run), 20);
    pipilo_run_unref(&run);
    pipilo_pipeline_unref(&p);
}

// A child may let go of everything without ever using it.
static void child_drops(void **state)
{
    (void)state;
    pipilo_pipeline *p = parse(STREAM);
    pipilo_run *run = start(p, 100);
    pid_t child = fork();
    if (child == 0) {
        alarm(120);
        pipilo_run_unref(&run);
        pipilo_pipeline_unref(&p);
        plo_pool_stop();
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    pipilo_run_unref(&run);
    pipilo_pipeline_unref(&p);
}

// The error is in a column that no output shows.
static void stops_at_errors(void **state)
{
    (void)state;
    pipilo_pipeline *p = parse("pipe.input('n').flat_map('n', 'x', ops.t.range())"
                               ".map('x', 'y', ops.t.fail_at(70)).output('x')");
    assert_int_equal(rows_anew(p, 100), 100);
    pipilo_run *run = start(p, 100);
    pipilo_run_stop_at_errors(run);
    pipilo_run_begin(run);
    assert_int_equal(rows_of(run), PIPILO_EOPERATOR);
    pipilo_value *failure = pipilo_run_failure(run);
    assert_non_null(failure);
    assert_string_equal(pipilo_value_error(failure)->where, "t.fail_at-1");
    pipilo_run_unref(&run);
    run = start(p, 50);
    pipilo_run_stop_at_errors(run);
    assert_int_equal(rows_of(run), 50);
    assert_null(pipilo_run_failure(run));
    pipilo_run_unref(&run);
    pipilo_pipeline_unref(&p);
}

static int nothing_left(void **state)
{
    (void)state;
    plo_pool_stop();
    plo_registry_reset();
    return plo_live_count(PLO_LIVE_VALUE) != 0 || plo_live_count(PLO_LIVE_RUN) != 0 ||
           plo_alloc_live() != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(child_begins_anew),
        cmocka_unit_test(child_of_an_idle_parent),
        cmocka_unit_test(child_drops),
        cmocka_unit_test(stops_at_errors),
    };
    return cmocka_run_group_tests(tests, NULL, nothing_left);
}
