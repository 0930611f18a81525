// run.c: the life of a run: begun with its inputs, its rows taken one by one, ended (see run.h).
#include "flow/run.h"

#include <time.h>

#include <pipilo/sys/foreign.h>

#include "base/clock.h"
#include "core/fail.h"
#include "core/fork.h"
#include "core/live.h"
#include "flow/pool.h"

struct pipilo_row {
    int refs;
    const struct pipilo_error *error; // of one of the values
    size_t count;
    pipilo_value *values[];
};

// --- start and end --------------------------------------------------------------------------

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
    if (node->op != NULL && (node->op->flags & PIPILO_OP_PARALLEL) && rows &&
        !plo_node_caller_only(node))
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
    run->waiter.wake = plo_run_wake;
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

// Whether nothing is left but flushes under way: what they write is there after a cancel, too.
static bool only_ends(const pipilo_run *run)
{
    for (size_t i = 0; i < run->node_count; i++)
        if (!run->nodes[i].closing)
            return false;
    return true;
}

void pipilo_run_cancel(pipilo_run *run)
{
    struct pipilo_error err;
    plo_fail(&err, PIPILO_ECANCELED, "the run was canceled");
    plo_run_lock(run);
    if (!only_ends(run))
        plo_run_fail(run, &err);
    plo_run_unlock_for(run, false);
}

void pipilo_run_drain(pipilo_run *run)
{
    __atomic_store_n(&run->draining, 1, __ATOMIC_RELEASE);
}

void pipilo_run_begin(pipilo_run *run)
{
    plo_run_lock(run);
    plo_run_unlock_for(run, true);
}

void pipilo_run_watch(pipilo_run *run, void (*ready)(void *cookie), void *cookie)
{
    plo_run_lock(run);
    run->ready = ready;
    run->ready_cookie = cookie;
    plo_run_unlock_for(run, true);
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
    run->ready = NULL;
    while (run->busy > 0 || run->telling > 0)
        plo_run_wait(run, INT64_MAX);
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

// --- rows -----------------------------------------------------------------------------------

// Takes the next row of the output columns; NULL where there is none now.
static int take_row(pipilo_run *run, pipilo_row **out, struct pipilo_error *err)
{
    size_t count = run->output.input_count;
    if (!plo_run_row_ready(run))
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
    run->told = true; // of what comes meanwhile, who is here finds out by itself
    for (;;) {
        result = run->error.code < 0 ? 0 : take_row(run, out, err);
        bool timeout = until != INT64_MAX && plo_clock_ns() >= until;
        *ended = *out == NULL && plo_run_over(run) && (run->busy == 0 || run->abandoned);
        if (result < 0 || *out != NULL || *ended || timeout)
            break;
        plo_run_help(run, until);
    }
    run->told = result < 0 || *out != NULL || *ended;
    if (*ended && run->error.code < 0) {
        result = run->error.code;
        if (err != NULL)
            *err = run->error;
    }
    plo_run_unlock_for(run, true);
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
