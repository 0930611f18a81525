// step.c: what a node can do, and one step of it: hand results on, make a call, close. A call is
// made with the run unlocked, after what its rows need was reserved in the memory budget.
#include "flow/run.h"

#include "core/fail.h"
#include "core/governor.h"
#include "flow/items.h"

// --- what a node can do ---------------------------------------------------------------------

bool plo_node_caller_only(const struct plo_node *node)
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
    return plo_budget_admission() >= PLO_ADMIT_ONE && !plo_node_caller_only(node) &&
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

bool plo_node_has_step(struct plo_node *node)
{
    return !node->finished && (plo_node_can_emit(node) || can_close(node) || can_call(node));
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
    if (*grant == PLO_REFUSED) {
        plo_governor_look();
        *grant = plo_budget_reserve(need, waiter);
    }
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

void plo_node_step(struct plo_node *node)
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
