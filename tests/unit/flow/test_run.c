// test_run.c: runs under load: order, many threads, cancelling, the budget, lifetimes.
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <pipilo/pipeline.h>
#include <pipilo/sys/foreign.h>

#include "core/budget.h"
#include "core/fail.h"
#include "core/live.h"
#include "core/value.h"
#include "flow/pool.h"
#include "flow/registry.h"
#include "helper.h"
#include "test_operators.h"

// Rows of a run whose one column must count up from 0.
static int64_t count_up(pipilo_run *run)
{
    int64_t rows = 0;
    pipilo_row *row = NULL;
    while (pipilo_run_next(run, &row, NULL) == 0 && row != NULL) {
        if (pipilo_value_int(pipilo_row_value(row, 0)) != rows)
            fail_msg("row %lld out of order", (long long)rows);
        rows++;
        pipilo_row_unref(&row);
    }
    return rows;
}

static void keeps_order(void **state)
{
    (void)state;
    pipilo_pipeline *p = parse("pipe.input('n').flat_map('n', 'x', ops.t.range())"
                               ".map('x', 'y', ops.t.slow()).map('y', 'z', ops.t.slow())"
                               ".output('z')");
    pipilo_run *run = start(p, 3000);
    assert_int_equal(count_up(run), 3000);
    pipilo_run_unref(&run);
    pipilo_pipeline_unref(&p);
}

// A node for the caller between two for the pool.
static void caller_nodes(void **state)
{
    (void)state;
    pipilo_pipeline *p = parse("pipe.input('n').flat_map('n', 'x', ops.t.range())"
                               ".map('x', 'y', ops.t.slow()).map('y', 'y', ops.t.caller())"
                               ".map('y', 'z', ops.t.slow()).output('z')");
    pipilo_run *run = start(p, 2000);
    assert_int_equal(count_up(run), 2000);
    pipilo_run_unref(&run);
    pipilo_pipeline_unref(&p);
}

// The items of a list, Empty among them, through maps of one and of two outputs: each row shows
// what became of its own item.
static void empty_keeps_its_place(void **state)
{
    (void)state;
    pipilo_pipeline *p = parse("pipe.input('a').flat_map('a', 'x', ops.t.same())"
                               ".map('x', 'y', ops.t.add(1)).map('x', ('u', 'v'), ops.t.pair())"
                               ".map(('x', 'v'), 'w', ops.t.sub()).output('x', 'y', 'u', 'w')");
    enum { ITEMS = 200 };
    pipilo_value *items[ITEMS] = { NULL }, *list = NULL;
    for (int i = 0; i < ITEMS; i++)
        if (i % 3 == 1)
            items[i] = pipilo_value_empty();
        else
            assert_int_equal(pipilo_value_create_int(&items[i], i, NULL), 0);
    assert_int_equal(pipilo_value_create_list(&list, items, ITEMS, NULL), 0);
    pipilo_run *run = NULL;
    assert_int_equal(pipilo_pipeline_start(&run, p, &list, 1, NULL), 0);
    pipilo_run_keep_places(run);
    pipilo_row *row = NULL;
    int rows = 0;
    for (; pipilo_run_next(run, &row, NULL) == 0 && row != NULL; rows++) {
        bool empty = rows % 3 == 1;
        for (size_t column = 0; column < 4; column++)
            assert_int_equal(pipilo_value_kind(pipilo_row_value(row, column)),
                             empty ? PIPILO_EMPTY : PIPILO_INT);
        if (!empty) {
            assert_int_equal(pipilo_value_int(pipilo_row_value(row, 0)), rows);
            assert_int_equal(pipilo_value_int(pipilo_row_value(row, 1)), rows + 1);
        }
        pipilo_row_unref(&row);
    }
    assert_int_equal(rows, ITEMS);
    for (int i = 0; i < ITEMS; i++)
        pipilo_value_unref(&items[i]);
    pipilo_value_unref(&list);
    pipilo_run_unref(&run);
    pipilo_pipeline_unref(&p);
}

static void *many_runs(void *pipeline)
{
    for (int i = 0; i < 200; i++) {
        pipilo_run *run = start(pipeline, 50);
        assert_int_equal(count_up(run), 50);
        pipilo_run_unref(&run);
    }
    return NULL;
}

static void eight_threads(void **state)
{
    (void)state;
    pthread_t threads[8];
    pipilo_pipeline *p = parse("pipe.input('n').flat_map('n', 'x', ops.t.range())"
                               ".map('x', 'y', ops.t.add()).map('y', 'z', ops.t.add())"
                               ".output('z')");
    for (int i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, many_runs, p);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    pipilo_pipeline_unref(&p);
}

// Dropped after k rows of many, at every k: nothing leaks, nothing hangs.
static void dropped_early(void **state)
{
    (void)state;
    pipilo_pipeline *p = parse("pipe.input('n').flat_map('n', 'x', ops.t.range())"
                               ".map('x', 'y', ops.t.slow()).window('y', 'w', 3, 1, ops.t.same())"
                               ".map('w', 'z', ops.t.life()).output('z', 'x')");
    for (int rows = 0; rows < 60; rows++) {
        pipilo_run *run = start(p, 1000000000);
        pipilo_row *row = NULL;
        for (int i = 0; i < rows; i++) {
            assert_int_equal(pipilo_run_next(run, &row, NULL), 0);
            assert_non_null(row);
            pipilo_row_unref(&row);
        }
        pipilo_run_unref(&run);
        assert_int_equal(test_started, 0);
    }
    pipilo_pipeline_unref(&p);
}

static void *cancel_soon(void *run)
{
    struct timespec pause = { 0, 20000000 };
    nanosleep(&pause, NULL);
    pipilo_run_cancel(run);
    return NULL;
}

static void canceled(void **state)
{
    (void)state;
    pthread_t thread;
    struct pipilo_error err = { 0 };
    pipilo_row *row = NULL;
    pipilo_pipeline *p = parse("pipe.input('n').flat_map('n', 'x', ops.t.range())"
                               ".map('x', 'y', ops.t.slow()).window_all('y', 'z', ops.t.sum())"
                               ".output('z')");
    pipilo_run *run = start(p, 1000000000);
    pthread_create(&thread, NULL, cancel_soon, run);
    assert_int_equal(pipilo_run_next(run, &row, &err), PIPILO_ECANCELED);
    assert_int_equal(err.code, PIPILO_ECANCELED);
    assert_null(row);
    pthread_join(thread, NULL);
    pipilo_run_unref(&run);
    pipilo_pipeline_unref(&p);
}

// An iterator that never finds anything keeps nobody from stopping the run.
static void canceled_without_an_item(void **state)
{
    (void)state;
    bool ended = true;
    struct pipilo_error err = { 0 };
    pipilo_row *row = NULL;
    pipilo_pipeline *p = parse("pipe.input('n').flat_map('n', 'x', ops.t.range()).output('x')");
    pipilo_run *run = start(p, -1);
    assert_int_equal(pipilo_run_next_within(run, 30, &row, &ended, &err), 0);
    assert_null(row);
    assert_false(ended);
    pipilo_run_cancel(run);
    assert_int_equal(pipilo_run_next(run, &row, &err), PIPILO_ECANCELED);
    pipilo_run_unref(&run);
    pipilo_pipeline_unref(&p);
}

static void times_out(void **state)
{
    (void)state;
    bool ended = true;
    pipilo_row *row = NULL;
    pipilo_pipeline *p = parse("pipe.input('n').flat_map('n', 'x', ops.t.range())"
                               ".map('x', 'y', ops.t.slow()).window_all('y', 'z', ops.t.sum())"
                               ".output('z')");
    pipilo_run *run = start(p, 1000000000);
    assert_int_equal(pipilo_run_next_within(run, 5, &row, &ended, NULL), 0);
    assert_null(row);
    assert_false(ended);
    pipilo_run_unref(&run);
    pipilo_pipeline_unref(&p);
}

// Flushed once when a run ends, not when it is dropped.
static void flushes(void **state)
{
    (void)state;
    pipilo_pipeline *p = parse("pipe.input('n').flat_map('n', 'x', ops.t.range())"
                               ".map('x', 'y', ops.t.life()).output('y')");
    int before = test_flushed;
    pipilo_run *run = start(p, 10);
    assert_int_equal(test_started, 1);
    assert_int_equal(count_up(run), 10);
    assert_int_equal(test_flushed, before + 1);
    pipilo_run_unref(&run);
    run = start(p, 10);
    pipilo_run_unref(&run);
    assert_int_equal(test_flushed, before + 1);
    assert_int_equal(test_started, 0);
    pipilo_pipeline_unref(&p);
}

// Rows that need half of the budget each, and five a call: they wait for one another, none is lost.
static void waits_for_the_budget(void **state)
{
    (void)state;
    plo_budget_set(1000);
    const char *texts[] = { "pipe.input('n').flat_map('n', 'x', ops.t.range())"
                            ".map('x', 'y', ops.t.needs(500)).output('y')",
                            "pipe.input('n').flat_map('n', 'x', ops.t.range())"
                            ".map('x', 'y', ops.t.needs5(300)).map('y', 'y', ops.t.needs(1000))"
                            ".output('y')" };
    for (size_t i = 0; i < 2; i++) {
        pipilo_pipeline *p = parse(texts[i]);
        pipilo_run *run = start(p, 1000);
        assert_int_equal(count_up(run), 1000);
        pipilo_run_unref(&run);
        pipilo_pipeline_unref(&p);
        assert_int_equal(plo_budget_used(), 0);
    }
    plo_budget_set(0);
}

static void more_than_the_budget(void **state)
{
    (void)state;
    plo_budget_set(1000);
    pipilo_pipeline *p = parse("pipe.input('n').flat_map('n', 'x', ops.t.range())"
                               ".map('x', 'y', ops.t.needs(1001)).output('x', 'y')");
    pipilo_run *run = start(p, 5);
    pipilo_row *row = NULL;
    int rows = 0;
    while (pipilo_run_next(run, &row, NULL) == 0 && row != NULL) {
        const struct pipilo_error *reason = pipilo_row_error(row);
        assert_non_null(reason);
        assert_int_equal(reason->code, PIPILO_EBUDGET);
        assert_string_equal(reason->where, "t.needs-1");
        assert_non_null(strstr(reason->message, "1001"));
        rows++;
        pipilo_row_unref(&row);
    }
    assert_int_equal(rows, 5);
    pipilo_run_unref(&run);
    pipilo_pipeline_unref(&p);
    plo_budget_set(0);
}

// An edge that would have to grow past the budget fails the run by name.
static void edge_past_the_budget(void **state)
{
    (void)state;
    struct pipilo_error err = { 0 };
    pipilo_row *row = NULL;
    plo_budget_set(100000);
    pipilo_pipeline *p = parse("pipe.input('n').flat_map('n', 'x', ops.t.range())"
                               ".window_all('x', 's', ops.t.sum()).output('x', 's')");
    pipilo_run *run = start(p, 1000000);
    assert_int_equal(pipilo_run_next(run, &row, &err), PIPILO_EBUDGET);
    pipilo_run_unref(&run);
    pipilo_pipeline_unref(&p);
    plo_budget_set(0);
    assert_int_equal(plo_budget_used(), 0);
}

// What a whole run holds is measured against the budget, not each edge by itself.
static void edges_together_past_the_budget(void **state)
{
    (void)state;
    struct pipilo_error err = { 0 };
    pipilo_row *row = NULL;
    const uint64_t budget = 16 << 20;
    plo_budget_set(budget);
    pipilo_pipeline *p = parse("pipe.input('n').flat_map('n', 'a', ops.t.range())"
                               ".map('a', 'b', ops.t.add(1)).map('b', 'c', ops.t.add(1))"
                               ".map('c', 'd', ops.t.add(1)).map('d', 'e', ops.t.add(1))"
                               ".window_all('e', 's', ops.t.sum())"
                               ".output('a', 'b', 'c', 'd', 's')");
    pipilo_run *run = start(p, 10000000);
    assert_int_equal(pipilo_run_next(run, &row, &err), PIPILO_EBUDGET);
    pipilo_run_unref(&run);
    pipilo_pipeline_unref(&p);
    // An edge doubles, so that the last growth may pass the budget; five edges may not.
    assert_true(plo_budget_peak() < 2 * budget);
    plo_budget_set(0);
}

static void expect_refused(struct plo_str *str)
{
    struct pipilo_error err = { 0 };
    pipilo_pipeline *p = NULL;
    char *text = plo_str_take(str);
    assert_non_null(text);
    assert_true(pipilo_pipeline_parse(&p, text, &err) < 0);
    assert_true(err.code == PIPILO_ELIMIT || err.code == PIPILO_EPIPELINE);
    assert_null(p);
    plo_free(text);
}

// Short text that would take the stack or the memory: nested, joined and doubled.
static void text_has_limits(void **state)
{
    (void)state;
    struct plo_str nested = PLO_STR_INIT, joined = PLO_STR_INIT, doubled = PLO_STR_INIT;
    for (int i = 0; i < 10000; i++)
        plo_str_add(&nested, "pipe.input('a').map('a', 'a', ");
    expect_refused(&nested);
    plo_str_add(&joined, "p = pipe.input('a')\np");
    for (int i = 0; i < 5000; i++)
        plo_str_add(&joined, ".concat(p)");
    plo_str_add(&joined, ".output('a')");
    expect_refused(&joined);
    plo_str_add(&doubled, "p0 = pipe.input('a').map('a', 'a', ops.t.add(1)).output('a')\n");
    for (int i = 1; i < 40; i++)
        plo_str_addf(&doubled,
                     "p%d = pipe.input('a').map('a', 'a', p%d).map('a', 'a', p%d).output('a')\n", i,
                     i - 1, i - 1);
    plo_str_add(&doubled, "pipe.input('a').map('a', 'a', p39).output('a')");
    expect_refused(&doubled);
}

static void every_allocation_fails(void **state)
{
    (void)state;
    const char *text = "pipe.input('n').flat_map('n', ('x', 'y'), ops.t.pairs())"
                       ".window('x', 'w', 2, 1, ops.t.same()).filter('y', 'y', 'y', ops.t.gt(1))"
                       ".reduce('y', 'r', ops.t.total()).output('w', 'y', 'r')";
    pipilo_pipeline *warm = parse(text);
    pipilo_pipeline_unref(&warm);
    plo_pool_stop(); // lets go of what earlier runs left in its queue
    for (int64_t nth = 1; nth < 2000; nth++) {
        struct pipilo_error err = { 0 };
        pipilo_pipeline *p = NULL;
        pipilo_run *run = NULL;
        pipilo_row *row = NULL;
        pipilo_value *value = NULL;
        int64_t live = plo_alloc_live();
        assert_int_equal(pipilo_value_create_int(&value, 4, NULL), 0);
        plo_alloc_fail_nth(nth);
        int result = pipilo_pipeline_parse(&p, text, &err);
        if (result == 0)
            result = pipilo_pipeline_start(&run, p, &value, 1, &err);
        while (result == 0 && (result = pipilo_run_next(run, &row, &err)) == 0 && row != NULL)
            pipilo_row_unref(&row);
        int64_t made = plo_alloc_fail_nth(0);
        if (result < 0)
            assert_int_equal(err.code, PIPILO_ENOMEM);
        pipilo_run_unref(&run);
        pipilo_pipeline_unref(&p);
        pipilo_value_unref(&value);
        plo_pool_stop();
        assert_int_equal(plo_alloc_live(), live);
        if (made < nth)
            return;
    }
    fail_msg("the case makes more allocations than were tried");
}

// --- watching --------------------------------------------------------------------------------

enum { WATCHED = 40 };

struct watched {
    pipilo_run *run;
    sem_t *ready;
    bool rang; // atomic
    int64_t rows;
    bool ended;
};

static void ring(void *cookie)
{
    struct watched *watched = cookie;
    __atomic_store_n(&watched->rang, true, __ATOMIC_RELEASE);
    sem_post(watched->ready);
}

// Takes what there is; what it takes must count up from 0.
static void take_some(struct watched *watched)
{
    pipilo_row *row = NULL;
    while (pipilo_run_next_within(watched->run, 0, &row, &watched->ended, NULL) == 0 &&
           row != NULL) {
        assert_int_equal(pipilo_value_int(pipilo_row_value(row, 0)), watched->rows++);
        pipilo_row_unref(&row);
    }
}

// One thread takes the rows of many runs, more than an edge holds, and drives none of them.
static void watches_many(void **state)
{
    (void)state;
    struct watched watched[WATCHED] = { 0 };
    int ended = 0;
    sem_t ready;
    sem_init(&ready, 0, 0);
    pipilo_pipeline *p = parse("pipe.input('n').flat_map('n', 'x', ops.t.range())"
                               ".map('x', 'y', ops.t.add(0)).output('y')");
    for (int i = 0; i < WATCHED; i++) {
        watched[i].run = start(p, 100 * i);
        watched[i].ready = &ready;
        pipilo_run_watch(watched[i].run, ring, &watched[i]);
    }
    while (ended < WATCHED) {
        sem_wait(&ready);
        for (int i = 0; i < WATCHED; i++) {
            if (!__atomic_exchange_n(&watched[i].rang, false, __ATOMIC_ACQ_REL))
                continue;
            assert_false(watched[i].ended);
            take_some(&watched[i]);
            ended += watched[i].ended;
        }
    }
    for (int i = 0; i < WATCHED; i++) {
        assert_int_equal(watched[i].rows, 100 * i);
        pipilo_run_unref(&watched[i].run);
    }
    pipilo_pipeline_unref(&p);
    sem_destroy(&ready);
}

// A run that is canceled tells so, once; one that is let go at any moment tells nobody afterwards.
static void watched_and_canceled(void **state)
{
    (void)state;
    sem_t ready;
    sem_init(&ready, 0, 0);
    pipilo_pipeline *p = parse("pipe.input('n').flat_map('n', 'x', ops.t.range())"
                               ".map('x', 'y', ops.t.slow()).output('y')");
    for (int i = 0; i < 200; i++) {
        struct watched watched = { .run = start(p, 1000000), .ready = &ready };
        pipilo_run_watch(watched.run, ring, &watched);
        if (i % 2 == 0) {
            pipilo_run_cancel(watched.run);
            while (!watched.ended) {
                sem_wait(&ready);
                take_some(&watched);
            }
        }
        pipilo_run_unref(&watched.run);
        while (sem_trywait(&ready) == 0) {}
    }
    pipilo_pipeline_unref(&p);
    sem_destroy(&ready);
}

// --- a text that is not the program's own ------------------------------------------------------

// Refuses t.slow and gives t.add 40 more than was written.
static int choose(void *cookie, pipilo_callable **out, const char *name,
                  pipilo_value *const *positional, size_t positional_count,
                  const char *const *keywords, pipilo_value *const *values, size_t keyword_count,
                  struct pipilo_error *err)
{
    ++*(int *)cookie;
    if (strcmp(name, "t.slow") == 0)
        return plo_fail(err, PIPILO_EINVALID, "not here");
    pipilo_value *more = NULL;
    assert_int_equal(positional_count, 1);
    assert_int_equal(pipilo_value_create_int(&more, pipilo_value_int(positional[0]) + 40, NULL), 0);
    int result = pipilo_callable_create(out, name, &more, 1, keywords, values, keyword_count, err);
    pipilo_value_unref(&more);
    return result;
}

static void chooses_operators(void **state)
{
    (void)state;
    int asked = 0;
    struct pipilo_error err = { 0 };
    struct pipilo_parse_options options = PIPILO_PARSE_OPTIONS_INIT;
    options.callable = choose;
    options.cookie = &asked;
    pipilo_pipeline *p = NULL;
    assert_int_equal(
        pipilo_pipeline_parse_with(&p, "pipe.input('n').map('n', 'x', ops.t.slow()).output('x')",
                                   &options, &err),
        PIPILO_EINVALID);
    assert_string_equal(err.message, "not here");
    assert_null(p);
    assert_int_equal(
        pipilo_pipeline_parse_with(&p, "pipe.input('n').map('n', 'x', ops.t.add(1)).output('x')",
                                   &options, &err),
        0);
    assert_int_equal(asked, 2);
    pipilo_run *run = start(p, 1);
    pipilo_row *row = NULL;
    assert_int_equal(pipilo_run_next(run, &row, &err), 0);
    assert_int_equal(pipilo_value_int(pipilo_row_value(row, 0)), 42);
    pipilo_row_unref(&row);
    pipilo_run_unref(&run);
    pipilo_pipeline_unref(&p);
}

static int all_gone(void **state)
{
    (void)state;
    plo_pool_stop();
    plo_registry_reset();
    for (int kind = 0; kind < PLO_LIVE_KINDS; kind++)
        if (plo_live_count(kind) != 0)
            return -1;
    return plo_alloc_live() != 0 || test_open != 0 ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order),
        cmocka_unit_test(caller_nodes),
        cmocka_unit_test(empty_keeps_its_place),
        cmocka_unit_test(eight_threads),
        cmocka_unit_test(dropped_early),
        cmocka_unit_test(canceled),
        cmocka_unit_test(canceled_without_an_item),
        cmocka_unit_test(times_out),
        cmocka_unit_test(flushes),
        cmocka_unit_test(waits_for_the_budget),
        cmocka_unit_test(more_than_the_budget),
        cmocka_unit_test(edge_past_the_budget),
        cmocka_unit_test(edges_together_past_the_budget),
        cmocka_unit_test(text_has_limits),
        cmocka_unit_test(watches_many),
        cmocka_unit_test(watched_and_canceled),
        cmocka_unit_test(chooses_operators),
        cmocka_unit_test(every_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, all_gone);
}
