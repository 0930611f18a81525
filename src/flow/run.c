// run.c: one execution of a pipeline: who works on which node next (see run.h).
//
// Any thread that works on a run repeats: choose the node farthest down that has something to do,
// make one step of it. Farthest down first keeps little in flight. A step hands on results, or
// feeds rows to a new call and makes it. When nothing can move although the run is not over, the
// smallest full column is made larger (T. Parks, Bounded Scheduling of Process Networks, 1995), so
// that no graph can deadlock.
#include "flow/run.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include <pipilo/sys/foreign.h>

#include "base/clock.h"
#include "core/fail.h"
#include "core/governor.h"
#include "core/live.h"
#include "flow/items.h"
#include "flow/pool.h"

enum { CHARGE_STEP = 1 << 20 }; // columns are charged to the budget in steps of this many bytes
enum { TURN = 16 };             // steps a thread makes of one run while others wait for a place

struct pipilo_row {
    int refs;
    const struct pipilo_error *error; // of one of the values
    size_t count;
    pipilo_value *values[];
};

// --- choosing -------------------------------------------------------------------------------

static bool caller_only(const struct plo_node *node)
{
    bool flagged = node->op != NULL && (node->op->flags & PIPILO_OP_CALLER_ONLY);
    return flagged || node->plan->iteration == PIPILO_REDUCE;
}

static bool can_close(const struct plo_node *node)
{
    return node->ended && node->calls == 0 && !node->closing && !node->emitting;
}

// Where memory is short a run has one call under way. A reduce that waits for others is none, and
// what only the caller can do goes on beside it: it is one at a time by itself, and mostly what
// lets memory go.
static bool held_back(const struct plo_node *node)
{
    return plo_budget_admission() >= PLO_ADMIT_ONE && !caller_only(node) &&
           node->run->busy > node->run->in_reduce;
}

static bool can_call(struct plo_node *node)
{
    if (node->running >= node->limit || node->feeding || held_back(node))
        return false;
    if (node->parked != NULL)
        return !node->waiting;
    return node->calls < 2 * (size_t)node->limit && plo_node_room(node) > 0 &&
           plo_node_can_feed(node);
}

static bool has_step(struct plo_node *node)
{
    return !node->finished && (plo_node_can_emit(node) || can_close(node) || can_call(node));
}

static void take_wake(pipilo_run *run)
{
    if (!__atomic_exchange_n(&run->woken, 0, __ATOMIC_ACQ_REL))
        return;
    for (size_t i = 0; i < run->node_count; i++)
        run->nodes[i].waiting = false;
}

// The node farthest down that has something to do for this kind of thread.
static struct plo_node *choose(pipilo_run *run, bool caller)
{
    if (run->stopping)
        return NULL;
    take_wake(run);
    for (size_t i = run->node_count; i > 0; i--) {
        struct plo_node *node = &run->nodes[i - 1];
        if ((caller || !caller_only(node)) && has_step(node))
            return node;
    }
    return NULL;
}

static bool over(const pipilo_run *run)
{
    return run->unfinished == 0 || run->stopping;
}

static bool row_ready(pipilo_run *run)
{
    return plo_node_row(&run->output, false) == PLO_ROW;
}

// --- lock, and what is done after it --------------------------------------------------------

// In a child of fork(): threads that worked on the run are gone, wherever they were.
static void abandon(pipilo_run *run)
{
    pthread_mutex_init(&run->lock, NULL);
    pthread_cond_init(&run->changed, NULL);
    run->generation = plo_fork_generation();
    run->abandoned = run->stopping = true;
    plo_fail(&run->error, PIPILO_EINVALID, "the run began before the process forked");
}

void plo_run_lock(pipilo_run *run)
{
    if (run->generation != plo_fork_generation())
        abandon(run);
    pthread_mutex_lock(&run->lock);
}

// The bytes that all columns and windows hold.
static size_t held(const pipilo_run *run)
{
    size_t bytes = 0;
    for (size_t i = 0; i < run->plan->column_count; i++)
        bytes += run->columns[i].bytes;
    for (size_t i = 0; i < run->node_count; i++)
        bytes += plo_window_bytes(run->nodes[i].window) + plo_reduce_bytes(run->nodes[i].reduce);
    return bytes;
}

// What the budget is to be told of what the run holds, roughly.
static int64_t charge(pipilo_run *run)
{
    if (run->released)
        return 0;
    size_t bytes = held(run);
    int64_t wanted = (int64_t)(bytes / CHARGE_STEP) * CHARGE_STEP;
    // Some slack keeps a run that swings around a step from charging all the time.
    if (wanted <= run->charged && wanted + 4 * CHARGE_STEP >= run->charged)
        return 0;
    int64_t more = wanted - run->charged;
    run->charged = wanted;
    return more;
}

// Work for the pool, beyond what the calling thread is about to do itself?
static bool others_needed(pipilo_run *run)
{
    return !run->stopping && choose(run, false) != NULL;
}

// Something the waiting caller waits for? What the pool can do it leaves to the pool: a wake for
// each step of others would cost more than many a step.
static bool caller_needed(pipilo_run *run)
{
    if (run->busy == 0 || run->in_reduce > 0 || over(run) || row_ready(run))
        return true;
    for (size_t i = 0; i < run->node_count; i++)
        if (caller_only(&run->nodes[i]) && has_step(&run->nodes[i]))
            return true;
    return false;
}

static void unlock(pipilo_run *run, bool tell_others)
{
    int64_t more = charge(run);
    bool submit = tell_others && others_needed(run);
    if (run->caller_waits && caller_needed(run))
        pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
    if (more != 0)
        plo_budget_adjust(more);
    if (submit)
        plo_pool_submit(run);
}

void plo_run_unlock(pipilo_run *run)
{
    unlock(run, true);
}

// Called by the budget on whatever thread gave bytes back: notes it and has somebody look.
static void wake(struct plo_budget_waiter *waiter)
{
    pipilo_run *run = (pipilo_run *)((char *)waiter - offsetof(pipilo_run, waiter));
    __atomic_store_n(&run->woken, 1, __ATOMIC_RELEASE);
    pthread_mutex_lock(&run->lock);
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
    plo_pool_submit(run);
}

void plo_run_fail(pipilo_run *run, const struct pipilo_error *err)
{
    run->stopping = true;
    if (run->error.code == 0)
        run->error = *err;
}

int plo_run_judge(pipilo_run *run, pipilo_value *value, struct pipilo_error *err)
{
    if (!run->strict || value->kind != PIPILO_ERROR)
        return 0;
    if (run->failure == NULL)
        run->failure = pipilo_value_ref(value);
    *err = *value->as.error;
    return err->code;
}

// --- a step ---------------------------------------------------------------------------------

// Why a row was not granted what it needs.
static void fill_refusal(enum plo_grant grant, uint64_t need, struct pipilo_error *reason)
{
    if (grant == PLO_REFUSED)
        plo_governor_refuse(need, reason);
    else
        plo_fail(reason, PIPILO_EBUDGET, "it needs %llu bytes and the memory budget is %llu bytes",
                 (unsigned long long)need, (unsigned long long)plo_budget_limit());
}

// What became of one row's reservation.
static int reserve_row(struct plo_node *node, struct plo_call *call, size_t row,
                       enum plo_grant *grant, struct pipilo_error *err)
{
    pipilo_run *run = node->run;
    size_t columns = plo_node_call_columns(node);
    pipilo_value *error = NULL;
    int result = 0;
    // Set before the budget is asked: it may wake the run before this thread has the lock again.
    node->waiting = row == 0;
    plo_run_unlock(run);
    // Only the first: the others are reserved by a thread that holds bytes already.
    if (row == 0)
        plo_governor_tick();
    uint64_t need = node->op->need(node->plan->callable->state, &call->in[row * columns], columns);
    struct plo_budget_waiter *waiter = row == 0 ? &run->waiter : NULL;
    // What comes to a writer has been paid for.
    *grant = node->op->flags & PIPILO_OP_WRITES ? plo_budget_reserve_begun(need, waiter)
                                                : plo_budget_reserve(need, waiter);
    if (*grant == PLO_NEVER || *grant == PLO_REFUSED) {
        struct pipilo_error reason;
        fill_refusal(*grant, need, &reason);
        plo_fail_where(&reason, node->plan->name);
        result = pipilo_value_create_error(&error, &reason, err);
    }
    plo_run_lock(run);
    if (*grant == PLO_GRANTED)
        call->reserved += need;
    if (*grant != PLO_WAIT)
        node->waiting = false;
    call->out[row] = error;
    return result;
}

// Reserves what the call's rows need, in order. Rows for which nothing is left now are parked as a
// call of their own; *call is NULL where that is all of them.
static int reserve(struct plo_node *node, struct plo_call **call, struct pipilo_error *err)
{
    for (size_t row = 0; row < (*call)->rows; row++) {
        enum plo_grant grant;
        if ((*call)->out[row] != NULL)
            continue;
        PLO_TRY(reserve_row(node, *call, row, &grant, err));
        if (grant != PLO_WAIT)
            continue;
        if (row > 0)
            return plo_call_split(node, *call, row, &node->parked, err);
        node->parked = *call;
        *call = NULL;
        return 0;
    }
    return 0;
}

// Every row still without a result gets the error.
static void fail_rows(struct plo_node *node, struct plo_call *call, struct pipilo_error *reason)
{
    pipilo_value *value = NULL;
    plo_fail_where(reason, node->plan->name);
    for (size_t i = 0; i < call->rows; i++) {
        if (call->out[i] != NULL)
            continue;
        if (value == NULL && pipilo_value_create_error(&value, reason, NULL) < 0)
            value = plo_value_nomem();
        call->out[i] = pipilo_value_ref(value);
    }
    pipilo_value_unref(&value);
}

// Calls the operator with the rows that have no result yet.
static int call_operator(struct plo_node *node, struct plo_call *call, struct pipilo_error *err)
{
    size_t columns = plo_node_call_columns(node);
    const struct pipilo_callable *callable = node->plan->callable;
    size_t first = 0;
    int result = 0;
    // Rows without a result stand in runs: usually one, the whole call.
    while (first < call->rows && result == 0) {
        size_t end = first;
        while (end < call->rows && call->out[end] == NULL)
            end++;
        struct pipilo_batch batch = { .rows = end - first,
                                      .columns = columns,
                                      .in = &call->in[first * columns],
                                      .out = &call->out[first],
                                      .node = node->plan->name,
                                      .native = node->plan->native,
                                      .hidden = node->plan->hidden };
        if (batch.rows > 0)
            result = node->op->call(callable->state, node->state, &batch, err);
        for (size_t i = first; i < end && result == 0; i++)
            if (call->out[i] == NULL)
                call->out[i] = pipilo_value_none();
        first = end + 1;
    }
    return result;
}

// Without operator a node gives its input on: one column as it is, several as a list.
static int call_identity(struct plo_node *node, struct plo_call *call, struct pipilo_error *err)
{
    size_t columns = plo_node_call_columns(node);
    for (size_t i = 0; i < call->rows; i++) {
        pipilo_value **in = &call->in[i * columns];
        if (call->out[i] != NULL)
            continue;
        if (columns == 1)
            call->out[i] = pipilo_value_ref(in[0]);
        else
            PLO_TRY(pipilo_value_create_list(&call->out[i], in, columns, err));
    }
    return 0;
}

// Error values that the operator has just made get the node's name.
static void name_errors(const struct plo_node *node, struct plo_call *call)
{
    for (size_t i = 0; i < call->rows; i++) {
        pipilo_value *value = call->out[i];
        bool own = value->kind == PIPILO_ERROR && value != plo_value_nomem() &&
                   __atomic_load_n(&value->refs, __ATOMIC_ACQUIRE) == 1;
        if (own)
            plo_fail_where(value->as.error, node->plan->name);
    }
}

// Makes the call, with the run unlocked. A failure fails the rows; it is returned, and fails the
// run, only where the operator wants it so.
static int make_call(struct plo_node *node, struct plo_call *call, struct pipilo_error *err)
{
    struct pipilo_error reason = { 0 };
    int result =
        node->op != NULL ? call_operator(node, call, &reason) : call_identity(node, call, &reason);
    // A generator is drained, except by flat_map, which draws from it as there is room.
    for (size_t i = 0; i < call->rows && result == 0; i++)
        if (node->plan->iteration != PIPILO_FLAT_MAP && call->out[i]->kind == PIPILO_ITERATOR)
            result = plo_drain(&call->out[i], node->output_count, &reason);
    if (result < 0) {
        if (reason.code == 0)
            plo_fail(&reason, result, "%s", pipilo_error_text(result));
        for (size_t i = 0; i < call->rows; i++)
            if (call->out[i] != NULL && call->out[i]->kind == PIPILO_ITERATOR)
                pipilo_value_unref(&call->out[i]);
        fail_rows(node, call, &reason);
    }
    name_errors(node, call);
    if (call->reserved > 0)
        plo_budget_release(call->reserved);
    call->reserved = 0;
    bool fails_run = result < 0 && node->op != NULL && (node->op->flags & PIPILO_OP_FAILS_RUN);
    if (fails_run)
        *err = reason;
    return fails_run ? result : 0;
}

// Feeds the node and makes the call.
static int step_call(struct plo_node *node, struct pipilo_error *err)
{
    pipilo_run *run = node->run;
    struct plo_call *call = node->parked;
    node->parked = NULL;
    node->waiting = false;
    if (call == NULL)
        PLO_TRY(plo_node_feed(node, &call, err));
    if (call == NULL)
        return 0;
    run->busy++;
    int result = 0;
    if (node->op != NULL && node->op->need != NULL) {
        node->feeding = true;
        result = reserve(node, &call, err);
        node->feeding = false;
    }
    if (result < 0 || call == NULL) {
        run->busy--;
        return result;
    }
    bool reduce = node->plan->iteration == PIPILO_REDUCE;
    node->running++;
    run->in_reduce += reduce;
    plo_run_unlock(run);
    if (call->reserved == 0)
        plo_governor_tick();
    result = make_call(node, call, err);
    plo_run_lock(run);
    run->in_reduce -= reduce;
    node->running--;
    run->busy--;
    call->done = true;
    if (reduce) {
        plo_reduce_end(node);
        plo_node_leave(node);
    }
    return result;
}

// After the last row: the operator is flushed, the outputs sealed.
static int step_close(struct plo_node *node, struct pipilo_error *err)
{
    pipilo_run *run = node->run;
    int result = 0;
    node->closing = true;
    if (node->op != NULL && node->op->flush != NULL) {
        run->busy++;
        plo_run_unlock(run);
        result = node->op->flush(node->plan->callable->state, node->state, err);
        plo_run_lock(run);
        run->busy--;
    }
    for (size_t i = 0; i < node->output_count; i++)
        node->outputs[i]->sealed = true;
    node->finished = true;
    run->unfinished--;
    if (result < 0)
        plo_fail_where(err, node->plan->name);
    return result;
}

static void step(struct plo_node *node)
{
    struct pipilo_error err = { 0 };
    int result = 0;
    node->run->steps++;
    if (plo_node_can_emit(node))
        result = plo_node_emit(node, &err);
    else if (can_close(node))
        result = step_close(node, &err);
    else
        result = step_call(node, &err);
    if (result == 0)
        result = plo_node_emit(node, &err);
    if (result < 0)
        plo_run_fail(node->run, &err);
    node->run->steps++;
}

// --- a run that cannot move -----------------------------------------------------------------

// The smallest full column that keeps a node from going on.
static struct plo_column *smallest_full(pipilo_run *run)
{
    struct plo_column *smallest = NULL;
    for (size_t i = 0; i < run->node_count; i++) {
        struct plo_node *node = &run->nodes[i];
        for (size_t o = 0; o < node->output_count && !node->finished; o++) {
            struct plo_column *column = node->outputs[o];
            if (plo_column_room(column) == 0 &&
                (smallest == NULL || column->most_rows < smallest->most_rows))
                smallest = column;
        }
    }
    return smallest;
}

// Nothing is under way, nothing can begin and no row is ready: lets the smallest full column grow.
// What it may hold more is within the budget or the run fails by name.
static bool unstall(pipilo_run *run)
{
    struct pipilo_error err;
    if (run->busy > 0 || over(run) || row_ready(run) || choose(run, true) != NULL)
        return false;
    for (size_t i = 0; i < run->node_count; i++)
        if (run->nodes[i].waiting)
            return false;
    struct plo_column *column = smallest_full(run);
    if (column == NULL) {
        // A reduce on this thread's stack may be what others wait for.
        if (run->in_reduce > 0)
            return false;
        plo_fail(&err, PIPILO_EINTERNAL, "the run cannot go on");
        plo_run_fail(run, &err);
        return true;
    }
    if (held(run) >= run->most_bytes) {
        plo_fail(&err, PIPILO_EBUDGET,
                 "the rows between two steps would need more than the memory budget of %llu bytes",
                 (unsigned long long)run->most_bytes);
        plo_run_fail(run, &err);
        return true;
    }
    if (column->tail - column->head >= column->most_rows)
        column->most_rows *= 2;
    else
        column->most_bytes *= 2;
    return true;
}

// --- working --------------------------------------------------------------------------------

void plo_run_work(pipilo_run *run)
{
    plo_run_lock(run);
    for (int steps = 0; steps < TURN || !plo_pool_wanted(); steps++) {
        struct plo_node *node = choose(run, false);
        if (node == NULL)
            break;
        step(node);
    }
    unstall(run);
    unlock(run, true);
}

static void wait_until(pipilo_run *run, int64_t until_ns)
{
    run->caller_waits = true;
    if (until_ns == INT64_MAX) {
        pthread_cond_wait(&run->changed, &run->lock);
    } else {
        struct timespec until = { until_ns / 1000000000, until_ns % 1000000000 };
        pthread_cond_timedwait(&run->changed, &run->lock, &until);
    }
    run->caller_waits = false;
}

void plo_run_help(pipilo_run *run, int64_t until_ns)
{
    struct plo_node *node = choose(run, true);
    if (node == NULL) {
        if (!unstall(run))
            wait_until(run, until_ns);
        return;
    }
    if (caller_only(node)) {
        step(node);
        return;
    }
    // The pool's lock is not taken under the run's. A node for the caller alone is stepped without
    // a place of the pool: it may work on this run (reduce) or on another one from within its call.
    uint64_t steps = run->steps;
    pthread_mutex_unlock(&run->lock);
    bool entered = plo_pool_enter(run);
    if (!entered)
        plo_pool_submit(run);
    pthread_mutex_lock(&run->lock);
    if (!entered) {
        // Every place is taken: the pool works on this run as soon as one is free.
        if (run->steps == steps && !row_ready(run) && !over(run))
            wait_until(run, until_ns);
        return;
    }
    for (int turn = 0; turn < TURN || !plo_pool_wanted(); turn++) {
        bool late = until_ns != INT64_MAX && plo_clock_ns() >= until_ns;
        if (late || row_ready(run) || over(run))
            break;
        node = choose(run, true);
        if (node == NULL || caller_only(node))
            break;
        step(node);
    }
    unlock(run, false);
    plo_pool_leave();
    plo_run_lock(run);
}

// --- public: start and end ------------------------------------------------------------------

static int add_inputs(struct plo_node *node, pipilo_run *run, const size_t *columns, size_t count,
                      struct pipilo_error *err)
{
    for (size_t i = 0; i < count; i++) {
        struct plo_input *input = &node->inputs[node->input_count];
        input->column = &run->columns[columns[i]];
        PLO_TRY(plo_column_add_reader(input->column, &input->reader, err));
        node->input_count++;
    }
    return 0;
}

static int init_node(pipilo_run *run, struct plo_node *node, const struct plo_plan_node *plan,
                     struct pipilo_error *err)
{
    size_t inputs = plan->input_count + plan->by_count;
    node->run = run;
    node->plan = plan;
    node->op = plan->callable != NULL ? plan->callable->op : NULL;
    node->inputs = plo_alloc0(inputs, sizeof *node->inputs);
    node->row = plo_alloc0(inputs, sizeof *node->row);
    node->outputs = plo_alloc0(plan->output_count, sizeof *node->outputs);
    if (node->inputs == NULL || node->row == NULL || node->outputs == NULL)
        return plo_fail_nomem(err, 0);
    PLO_TRY(add_inputs(node, run, plan->inputs, plan->input_count, err));
    PLO_TRY(add_inputs(node, run, plan->by, plan->by_count, err));
    for (size_t i = 0; i < plan->output_count; i++)
        node->outputs[node->output_count++] = &run->columns[plan->outputs[i]];
    node->limit = 1;
    bool rows = plan->iteration <= PIPILO_FILTER;
    if (node->op != NULL && (node->op->flags & PIPILO_OP_PARALLEL) && rows && !caller_only(node))
        node->limit = plo_pool_size() + 1;
    if (node->op == NULL)
        return 0;
    node->state = plo_alloc0(1, node->op->run_size);
    if (node->state == NULL)
        return plo_fail_nomem(err, node->op->run_size);
    node->started = true;
    int result = 0;
    if (node->op->start != NULL)
        result = node->op->start(plan->callable->state, node->state, err);
    if (result < 0)
        plo_fail_where(err, plan->name);
    return result;
}

static int init_run(pipilo_run *run, pipilo_value *const *inputs, struct pipilo_error *err)
{
    const pipilo_pipeline *plan = run->plan;
    run->columns = plo_alloc0(plan->column_count, sizeof *run->columns);
    run->nodes = plo_alloc0(plan->node_count, sizeof *run->nodes);
    run->output.inputs = plo_alloc0(plan->output_names.count, sizeof *run->output.inputs);
    run->output.row = plo_alloc0(plan->output_names.count, sizeof *run->output.row);
    if (run->columns == NULL || run->nodes == NULL || run->output.inputs == NULL ||
        run->output.row == NULL)
        return plo_fail_nomem(err, 0);
    for (size_t i = 0; i < plan->column_count; i++) {
        run->columns[i].scalar = plan->columns[i].scalar;
        run->columns[i].most_rows = PLO_COLUMN_ROWS;
        run->columns[i].most_bytes = PLO_COLUMN_BYTES;
    }
    for (size_t i = 0; i < plan->input_names.count; i++) {
        PLO_TRY(plo_column_put(&run->columns[i], pipilo_value_ref(inputs[i]), err));
        run->columns[i].sealed = true;
    }
    run->output.run = run;
    PLO_TRY(add_inputs(&run->output, run, plan->outputs, plan->output_names.count, err));
    for (size_t i = 0; i < plan->node_count; i++) {
        if (plan->nodes[i].callable != NULL)
            PLO_TRY(plo_callable_open(plan->nodes[i].callable, err));
        run->node_count++;
        run->unfinished++;
        PLO_TRY(init_node(run, &run->nodes[i], &plan->nodes[i], err));
    }
    return 0;
}

int pipilo_pipeline_start(pipilo_run **out, pipilo_pipeline *pipeline, pipilo_value *const *inputs,
                          size_t count, struct pipilo_error *err)
{
    if (count != pipeline->input_names.count)
        return plo_fail(err, PIPILO_EINVALID, "the pipeline takes %zu values, not %zu",
                        pipeline->input_names.count, count);
    pipilo_run *run = plo_alloc0(1, sizeof *run);
    if (run == NULL)
        return plo_fail_nomem(err, sizeof *run);
    plo_live_add(PLO_LIVE_RUN, 1);
    run->refs = 1;
    run->generation = plo_fork_generation();
    run->plan = pipilo_pipeline_ref(pipeline);
    run->waiter.wake = wake;
    run->most_bytes = plo_budget_limit();
    pthread_mutex_init(&run->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&run->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    int result = init_run(run, inputs, err);
    if (result < 0)
        pipilo_run_unref(&run);
    *out = run;
    return result;
}

void pipilo_run_cancel(pipilo_run *run)
{
    struct pipilo_error err;
    plo_fail(&err, PIPILO_ECANCELED, "the run was canceled");
    plo_run_lock(run);
    if (run->unfinished > 0)
        plo_run_fail(run, &err);
    unlock(run, false);
}

void pipilo_run_begin(pipilo_run *run)
{
    plo_run_lock(run);
    unlock(run, true);
}

void pipilo_run_stop_at_errors(pipilo_run *run)
{
    plo_run_lock(run);
    run->strict = true;
    pthread_mutex_unlock(&run->lock);
}

void pipilo_run_keep_places(pipilo_run *run)
{
    plo_run_lock(run);
    run->aligned = true;
    for (size_t i = 0; i < run->plan->column_count; i++)
        run->columns[i].keeps_empty = true;
    pthread_mutex_unlock(&run->lock);
}

pipilo_value *pipilo_run_failure(pipilo_run *run)
{
    plo_run_lock(run);
    pipilo_value *failure = run->failure;
    pthread_mutex_unlock(&run->lock);
    return failure;
}

static void reset_node(struct plo_node *node)
{
    if (node->started && node->op->stop != NULL)
        node->op->stop(node->plan->callable->state, node->state);
    plo_reduce_end(node);
    while (node->first != NULL) {
        struct plo_call *call = node->first;
        node->first = call->next;
        if (call->reserved > 0)
            plo_budget_release(call->reserved);
        plo_call_destroy(node, call);
    }
    if (node->spare != NULL)
        plo_call_destroy(node, node->spare);
    while (node->window != NULL)
        plo_window_pop(&node->window);
    plo_free(node->state);
    plo_free(node->inputs);
    plo_free(node->outputs);
    plo_free(node->row);
}

// The user's reference goes: everything but the struct itself, which the pool may still hold.
void pipilo_run_unref(pipilo_run **slot)
{
    pipilo_run *run = *slot;
    *slot = NULL;
    if (run == NULL)
        return;
    if (run->abandoned || run->generation != plo_fork_generation()) {
        plo_live_add(PLO_LIVE_RUN, -1);
        return;
    }
    plo_run_lock(run);
    run->stopping = true;
    while (run->busy > 0)
        wait_until(run, INT64_MAX);
    int64_t charged = run->charged;
    run->released = true;
    pthread_mutex_unlock(&run->lock);
    plo_budget_forget(&run->waiter);
    plo_pool_forget(run);
    for (size_t i = 0; i < run->node_count; i++)
        reset_node(&run->nodes[i]);
    pthread_mutex_lock(&run->lock);
    for (size_t i = 0; run->columns != NULL && i < run->plan->column_count; i++)
        plo_column_reset(&run->columns[i]);
    run->node_count = 0;
    pthread_mutex_unlock(&run->lock);
    plo_free(run->columns);
    plo_free(run->nodes);
    plo_free(run->output.inputs);
    plo_free(run->output.row);
    pipilo_value_unref(&run->failure);
    pipilo_pipeline_unref(&run->plan);
    plo_budget_adjust(-charged);
    plo_live_add(PLO_LIVE_RUN, -1);
    plo_run_release(run);
}

void plo_run_retain(pipilo_run *run)
{
    __atomic_add_fetch(&run->refs, 1, __ATOMIC_RELAXED);
}

void plo_run_release(pipilo_run *run)
{
    if (__atomic_sub_fetch(&run->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    pthread_cond_destroy(&run->changed);
    pthread_mutex_destroy(&run->lock);
    plo_free(run);
}

// --- public: rows ---------------------------------------------------------------------------

// Takes the next row of the output columns; NULL where there is none now.
static int take_row(pipilo_run *run, pipilo_row **out, struct pipilo_error *err)
{
    size_t count = run->output.input_count;
    if (!row_ready(run))
        return 0;
    pipilo_row *row = plo_alloc0(1, sizeof *row + count * sizeof(pipilo_value *));
    if (row == NULL)
        return plo_fail_nomem(err, sizeof *row);
    row->refs = 1;
    row->count = count;
    plo_node_row(&run->output, true);
    for (size_t i = 0; i < count; i++) {
        row->values[i] = run->output.row[i];
        if (row->error == NULL)
            row->error = pipilo_value_error(row->values[i]);
    }
    *out = row;
    return 0;
}

int pipilo_run_next_within(pipilo_run *run, int64_t milliseconds, pipilo_row **out, bool *ended,
                           struct pipilo_error *err)
{
    const int64_t longest = INT64_MAX / 1000000 / 2; // some 146 years
    bool ever = milliseconds < 0 || milliseconds > longest;
    int64_t until = ever ? INT64_MAX : plo_clock_ns() + milliseconds * 1000000;
    int result = 0;
    *out = NULL;
    *ended = false;
    plo_run_lock(run);
    for (;;) {
        result = run->error.code < 0 ? 0 : take_row(run, out, err);
        bool timeout = until != INT64_MAX && plo_clock_ns() >= until;
        *ended = *out == NULL && over(run) && (run->busy == 0 || run->abandoned);
        if (result < 0 || *out != NULL || *ended || timeout)
            break;
        plo_run_help(run, until);
    }
    if (*ended && run->error.code < 0) {
        result = run->error.code;
        if (err != NULL)
            *err = run->error;
    }
    unlock(run, true);
    return result;
}

int pipilo_run_next(pipilo_run *run, pipilo_row **out, struct pipilo_error *err)
{
    bool ended;
    return pipilo_run_next_within(run, -1, out, &ended, err);
}

pipilo_value *pipilo_row_value(const pipilo_row *row, size_t index)
{
    return index < row->count ? row->values[index] : NULL;
}

const struct pipilo_error *pipilo_row_error(const pipilo_row *row)
{
    return row->error;
}

void pipilo_row_unref(pipilo_row **slot)
{
    pipilo_row *row = *slot;
    *slot = NULL;
    if (row == NULL)
        return;
    for (size_t i = 0; i < row->count; i++)
        pipilo_value_unref(&row->values[i]);
    plo_free(row);
}
