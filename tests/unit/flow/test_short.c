// test_short.c: runs while memory is short, which a made tree says: one call at a time, error rows,
// and no deadlock in any of it.
#include <pthread.h>
#include <time.h>

#include <pipilo/library.h>
#include <pipilo/pipeline.h>
#include <pipilo/sys/op.h>

#include "core/budget.h"
#include "core/governor.h"
#include "core/value.h"
#include "flow/pool.h"
#include "flow/registry.h"
#include "helper.h"
#include "memory_tree.h"

enum { CALM = 100, HARD = 860, CRITICAL = 960 };

// --- operators that watch and change what there is -----------------------------------------------

static int at_work, most_at_work; // calls under way, and the most of them
static int64_t change_at = -1;    // the row at which t.change changes what is used
static unsigned change_to;
static int64_t meet_from = -1; // the row from which a call waits for another one, if for none yet

static size_t need(void *state, pipilo_value *const *row, size_t columns)
{
    (void)state;
    (void)row;
    (void)columns;
    return 100;
}

// Whether nobody has come yet whom this call is to wait for.
static bool is_early(const struct pipilo_batch *batch)
{
    return meet_from >= 0 && batch->in[0]->kind == PIPILO_INT &&
           pipilo_value_int(batch->in[0]) >= meet_from &&
           __atomic_load_n(&most_at_work, __ATOMIC_SEQ_CST) < 2;
}

static int watch(void *state, void *run, struct pipilo_batch *batch, struct pipilo_error *err)
{
    enum { PATIENCE = 200000 }; // pauses: a minute
    struct timespec pause = { 0, 300000 };
    (void)state;
    (void)run;
    (void)err;
    int now = __atomic_add_fetch(&at_work, 1, __ATOMIC_SEQ_CST);
    int most = __atomic_load_n(&most_at_work, __ATOMIC_SEQ_CST);
    while (now > most && !__atomic_compare_exchange_n(&most_at_work, &most, now, false,
                                                      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        ;
    nanosleep(&pause, NULL);
    for (int i = 0; i < PATIENCE && is_early(batch); i++)
        nanosleep(&pause, NULL);
    for (size_t i = 0; i < batch->rows; i++)
        batch->out[i] = pipilo_value_ref(batch->in[i]);
    __atomic_sub_fetch(&at_work, 1, __ATOMIC_SEQ_CST);
    return 0;
}

static int change(void *state, void *run, struct pipilo_batch *batch, struct pipilo_error *err)
{
    (void)state;
    (void)run;
    (void)err;
    for (size_t i = 0; i < batch->rows; i++) {
        if (batch->in[i]->kind == PIPILO_INT && pipilo_value_int(batch->in[i]) == change_at)
            tree_use(change_to);
        batch->out[i] = pipilo_value_ref(batch->in[i]);
    }
    return 0;
}

static const struct pipilo_operator operators[] = {
    { .struct_size = sizeof(struct pipilo_operator),
      .name = "t.watch",
      .summary = "needs memory",
      .inputs = "any",
      .output = "any",
      .flags = PIPILO_OP_PARALLEL,
      .need = need,
      .call = watch },
    { .struct_size = sizeof(struct pipilo_operator),
      .name = "t.keep",
      .summary = "needs memory for rows that are nearly done",
      .inputs = "any",
      .output = "any",
      .flags = PIPILO_OP_WRITES | PIPILO_OP_PARALLEL,
      .need = need,
      .call = watch },
    { .struct_size = sizeof(struct pipilo_operator),
      .name = "t.see",
      .summary = "says nothing of memory",
      .inputs = "any",
      .output = "any",
      .flags = PIPILO_OP_PARALLEL,
      .call = watch },
    { .struct_size = sizeof(struct pipilo_operator),
      .name = "t.change",
      .summary = "changes what is used",
      .inputs = "any",
      .output = "any",
      .call = change },
};

// --- a test's world ------------------------------------------------------------------------------

static int begin(void **state)
{
    (void)state;
    struct pipilo_memory memory = PIPILO_MEMORY_INIT;
    tree_create();
    tree_group();
    tree_use(CALM);
    plo_governor_set_interval(0);
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++)
        if (pipilo_operator_find(operators[i].name) == NULL)
            assert_int_equal(pipilo_operator_register(&operators[i], NULL), 0);
    most_at_work = 0;
    change_at = meet_from = -1;
    return pipilo_memory_set(&memory, NULL);
}

static int end(void **state)
{
    (void)state;
    tree_use(CALM);
    plo_governor_set_interval(0);
    plo_governor_tick();
    plo_pool_stop();
    tree_remove();
    return plo_budget_used() == 0 && plo_budget_admission() == PLO_ADMIT_ALL ? 0 : -1;
}

// Rows of a run over 0 .. count - 1: how many, and how many of them errors for want of memory.
struct outcome {
    int rows, errors;
    struct pipilo_error last; // of an error row
};

static struct outcome finish(pipilo_run *run)
{
    struct outcome outcome = { 0 };
    pipilo_row *row = NULL;
    while (pipilo_run_next(run, &row, &outcome.last) == 0 && row != NULL) {
        const struct pipilo_error *reason = pipilo_row_error(row);
        if (reason != NULL) {
            assert_int_equal(reason->code, PIPILO_EBUDGET);
            outcome.last = *reason;
            outcome.errors++;
        } else {
            assert_int_equal(pipilo_value_int(pipilo_row_value(row, 0)), outcome.rows);
        }
        outcome.rows++;
        pipilo_row_unref(&row);
    }
    pipilo_run_unref(&run);
    return outcome;
}

static struct outcome run_rows(const char *text, int count)
{
    pipilo_pipeline *p = parse(text);
    struct outcome outcome = finish(start(p, count));
    pipilo_pipeline_unref(&p);
    return outcome;
}

#define RANGE   "pipe.input('n').flat_map('n', 'x', ops.t.range())"
#define WATCHED RANGE ".map('x', 'y', ops.t.watch()).map('y', 'z', ops.t.change()).output('z')"

// --- hard ----------------------------------------------------------------------------------------

static void hard_is_one_at_a_time(void **state)
{
    (void)state;
    const char *texts[] = { WATCHED, RANGE ".map('x', 'y', ops.t.see()).output('y')" };
    for (size_t i = 0; i < 2; i++) {
        tree_use(CALM);
        meet_from = 0;
        struct outcome outcome = run_rows(texts[i], 400);
        assert_int_equal(outcome.rows, 400);
        assert_true(most_at_work > 1);
        meet_from = -1;
        tree_use(HARD);
        plo_governor_tick();
        most_at_work = 0;
        outcome = run_rows(texts[i], 400);
        assert_int_equal(outcome.rows, 400);
        assert_int_equal(outcome.errors, 0);
        assert_int_equal(most_at_work, 1);
    }
}

// It falls while the run goes on: all threads work again.
static void hard_ends(void **state)
{
    (void)state;
    tree_use(HARD);
    plo_governor_tick();
    change_at = 20;
    change_to = CALM;
    meet_from = 500;
    struct outcome outcome = run_rows(WATCHED, 1000);
    assert_int_equal(outcome.rows, 1000);
    assert_int_equal(outcome.errors, 0);
    assert_true(most_at_work > 1);
}

static void *run_watched(void *outcome)
{
    *(struct outcome *)outcome = run_rows(WATCHED, 150);
    return NULL;
}

static void runs_take_turns(void **state)
{
    (void)state;
    pthread_t threads[6];
    struct outcome outcomes[6];
    tree_use(HARD);
    plo_governor_tick();
    for (int i = 0; i < 6; i++)
        pthread_create(&threads[i], NULL, run_watched, &outcomes[i]);
    for (int i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 6; i++)
        assert_int_equal(outcomes[i].rows, 150);
    assert_int_equal(most_at_work, 1);
}

// Whatever the graph: what must come through for others to go on does.
static void no_graph_stops(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int rows;
    } cases[] = {
        { RANGE ".reduce('x', 's', ops.t.total()).map('s', 's', ops.t.watch()).output('s')", 1 },
        { RANGE ".map('x', 'y', ops.t.watch()).reduce('y', 's', ops.t.total()).output('s')", 1 },
        { RANGE ".map('x', 'y', ops.t.watch()).window_all('y', 's', ops.t.sum()).output('s')", 1 },
        { RANGE ".map('x', 'y', ops.t.caller()).map('y', 'z', ops.t.watch())"
                ".window('z', 'z', 3, 1, ops.t.watch()).output('z')",
          300 },
        { RANGE ".filter('x', 'y', 'x', ops.t.gt(5)).map('y', 'y', ops.t.watch())"
                ".flat_map('n', 'm', ops.t.range()).map('m', 'm', ops.t.see()).output('y', 'm')",
          300 },
        { RANGE ".map('x', 'y', ops.t.see()).reduce('x', 's', ops.t.total())"
                ".reduce('y', 't', ops.t.total()).output('s', 't')",
          1 },
    };
    tree_use(HARD);
    plo_governor_tick();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pipilo_pipeline *p = parse(cases[i].text);
        pipilo_run *run = start(p, 300);
        pipilo_row *row = NULL;
        struct pipilo_error err = { 0 };
        int rows = 0;
        while (pipilo_run_next(run, &row, &err) == 0 && row != NULL) {
            assert_null(pipilo_row_error(row));
            pipilo_row_unref(&row);
            rows++;
        }
        assert_int_equal(err.code, 0);
        assert_int_equal(rows, cases[i].rows);
        pipilo_run_unref(&run);
        pipilo_pipeline_unref(&p);
    }
}

// --- critical ------------------------------------------------------------------------------------

static void critical_makes_error_rows(void **state)
{
    (void)state;
    struct plo_governor_stats before, after;
    plo_governor_stats(&before);
    tree_use(CRITICAL);
    struct outcome outcome = run_rows(WATCHED, 50);
    plo_governor_stats(&after);
    assert_int_equal(outcome.rows, 50);
    assert_int_equal(outcome.errors, 50);
    assert_int_equal(after.refused - before.refused, 50);
    assert_int_equal(after.entered[PIPILO_MEMORY_CRITICAL],
                     before.entered[PIPILO_MEMORY_CRITICAL] + 1);
    assert_string_equal(outcome.last.where, "t.watch-1");
    assert_non_null(strstr(outcome.last.message, "memory is short"));
    assert_non_null(strstr(outcome.last.message, "960 of 1000 MB"));
    assert_non_null(strstr(outcome.last.message, "100 bytes"));
    assert_int_equal(most_at_work, 0);
}

// Rows before and after are whole; those between say why they are not.
static void critical_comes_and_goes(void **state)
{
    (void)state;
    change_at = 40;
    change_to = CRITICAL;
    struct outcome outcome = run_rows(WATCHED, 5000);
    assert_int_equal(outcome.rows, 5000);
    assert_in_range(outcome.errors, 1, 4959);
    tree_use(CALM);
    change_at = -1;
    outcome = run_rows(WATCHED, 100);
    assert_int_equal(outcome.rows, 100);
    assert_int_equal(outcome.errors, 0);
}

static void what_needs_no_memory_goes_on(void **state)
{
    (void)state;
    tree_use(CRITICAL);
    plo_governor_tick();
    struct outcome outcome = run_rows(RANGE ".map('x', 'y', ops.t.see()).output('y')", 50);
    assert_int_equal(outcome.rows, 50);
    assert_int_equal(outcome.errors, 0);
}

// A row that reached a writer is not lost there.
static void writers_go_on(void **state)
{
    (void)state;
    tree_use(CRITICAL);
    plo_governor_tick();
    struct outcome outcome = run_rows(RANGE ".map('x', 'y', ops.t.keep()).output('y')", 200);
    assert_int_equal(outcome.rows, 200);
    assert_int_equal(outcome.errors, 0);
    assert_int_equal(most_at_work, 1);
}

// --- an action -----------------------------------------------------------------------------------

static void free_it(void *cookie, const struct pipilo_memory_event *event)
{
    if (event->state == PIPILO_MEMORY_CRITICAL)
        tree_use(CALM);
    ++*(int *)cookie;
}

// An action that makes room: no row is lost, for memory is looked at again before one is refused.
static void an_action_helps(void **state)
{
    (void)state;
    int calls = 0;
    struct pipilo_memory memory = PIPILO_MEMORY_INIT;
    memory.action = free_it;
    memory.cookie = &calls;
    assert_int_equal(pipilo_memory_set(&memory, NULL), 0);
    change_at = 100;
    change_to = CRITICAL;
    struct outcome outcome = run_rows(WATCHED, 3000);
    assert_int_equal(outcome.rows, 3000);
    assert_int_equal(outcome.errors, 0);
    change_at = -1;
    outcome = run_rows(WATCHED, 100);
    assert_int_equal(outcome.errors, 0);
    assert_int_equal(calls, 2); // to critical and back
    memory.action = NULL;
    assert_int_equal(pipilo_memory_set(&memory, NULL), 0);
}

static bool room_is_given;

static void give_room(void)
{
    if (room_is_given)
        tree_use(CALM);
}

// What is idle when a row would be refused is given back before.
static void relief_helps(void **state)
{
    (void)state;
    plo_governor_add_relief(give_room);
    room_is_given = true;
    change_at = 100;
    change_to = CRITICAL;
    struct outcome outcome = run_rows(WATCHED, 1000);
    room_is_given = false;
    assert_int_equal(outcome.rows, 1000);
    assert_int_equal(outcome.errors, 0);
}

static int threads_of_four(void **state)
{
    (void)state;
    return plo_pool_set_size(4, NULL);
}

static int all_gone(void **state)
{
    (void)state;
    plo_registry_reset();
    return plo_alloc_live() != 0 ? -1 : 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hard_is_one_at_a_time),
        TEST(hard_ends),
        TEST(runs_take_turns),
        TEST(no_graph_stops),
        TEST(critical_makes_error_rows),
        TEST(critical_comes_and_goes),
        TEST(what_needs_no_memory_goes_on),
        TEST(writers_go_on),
        TEST(an_action_helps),
        TEST(relief_helps),
    };
    return cmocka_run_group_tests(tests, threads_of_four, all_gone);
}
