// emit.c: from results of calls to the output columns, in the order of the calls (see run.h).
#include "core/fail.h"
#include "flow/items.h"
#include "flow/run.h"

enum { DRAW = 32 }; // items taken from an iterator before the run is looked at again

size_t plo_node_room(const struct plo_node *node)
{
    size_t room = SIZE_MAX;
    for (size_t i = 0; i < node->output_count; i++) {
        size_t here = plo_column_room(node->outputs[i]);
        room = here < room ? here : room;
    }
    return room;
}

bool plo_node_can_emit(const struct plo_node *node)
{
    return node->first != NULL && node->first->done && !node->emitting && plo_node_room(node) > 0;
}

// --- rows out -------------------------------------------------------------------------------

// An error value with this node's name; where there is no memory for it, the one that says so.
static pipilo_value *error_value(const struct plo_node *node, struct pipilo_error *reason)
{
    pipilo_value *value = NULL;
    plo_fail_where(reason, node->plan->name);
    if (pipilo_value_create_error(&value, reason, NULL) < 0)
        value = plo_value_nomem();
    return value;
}

// One row: the value whole for one output, else its items (more are ignored). An error stands for
// each of them; so does an Empty that keeps its place.
static int emit_row(struct plo_node *node, pipilo_value *value, struct pipilo_error *err)
{
    PLO_TRY(plo_run_judge(node->run, value, err));
    if (node->output_count == 1)
        return plo_column_put(node->outputs[0], pipilo_value_ref(value), err);
    bool whole = value->kind == PIPILO_ERROR || (node->run->aligned && value->kind == PIPILO_EMPTY);
    for (size_t i = 0; i < node->output_count; i++) {
        struct pipilo_error reason = { 0 };
        pipilo_value *item = whole ? pipilo_value_ref(value) : NULL;
        int result = whole ? 0 : plo_item_at(value, i, &item, &reason);
        if (result == 0 && item == NULL)
            plo_fail(&reason, PIPILO_EOPERATOR, "the operator gave %zu values, not %zu", i,
                     node->output_count);
        if (item == NULL)
            item = error_value(node, &reason);
        result = plo_run_judge(node->run, item, err);
        if (result < 0) {
            pipilo_value_unref(&item);
            return result;
        }
        PLO_TRY(plo_column_put(node->outputs[i], item, err));
    }
    return 0;
}

// Whether a filter's test itself failed. An error that came to it in a column that it tests is
// still in that column; this one is nowhere else.
static bool test_failed(const struct plo_node *node, const struct plo_call *call, size_t row)
{
    size_t by = node->plan->by_count;
    if (call->out[row]->kind != PIPILO_ERROR)
        return false;
    // What a nested pipeline says is in a column of its own, which nobody else reads.
    for (size_t i = 0; i < by && node->plan->callable != NULL; i++)
        if (call->in[row * by + i] == call->out[row])
            return false;
    return true;
}

static int emit_kept(struct plo_node *node, const struct plo_call *call, size_t row,
                     struct pipilo_error *err)
{
    pipilo_value *said = call->out[row];
    PLO_TRY(plo_run_judge(node->run, said, err));
    if (!plo_is_true(said))
        return 0;
    pipilo_value *instead = test_failed(node, call, row) ? said : NULL;
    for (size_t i = 0; i < node->output_count; i++) {
        pipilo_value *kept = call->keep[row * node->output_count + i];
        PLO_TRY(plo_column_put(node->outputs[i], pipilo_value_ref(instead != NULL ? instead : kept),
                               err));
    }
    return 0;
}

// The next item of an iterator, NULL at its end. In a run that drains that end is a failure, for
// nobody knows whether it was one: what an iterator reads may have been cut off to wake it.
static int next_item(const pipilo_run *run, pipilo_value *iterator, pipilo_value **item,
                     struct pipilo_error *reason)
{
    int result = 0;
    if (!__atomic_load_n(&run->draining, __ATOMIC_ACQUIRE))
        result = iterator->as.object.class->next(iterator->as.object.object, item, reason);
    if (result == 0 && *item == NULL && __atomic_load_n(&run->draining, __ATOMIC_ACQUIRE))
        result = plo_fail(reason, PIPILO_ECANCELED, "the run was drained");
    return result;
}

// Draws items from an iterator with the run unlocked and gives how many there were; sets *end where
// there are no more, which is after a failure too. None, and no end: there may be later.
static size_t draw(struct plo_node *node, pipilo_value *iterator, pipilo_value **items, size_t most,
                   bool *end)
{
    size_t count = 0;
    *end = false;
    pipilo_run *run = node->run;
    node->emitting = true;
    run->busy++;
    plo_run_unlock(run);
    while (count < most && !*end) {
        struct pipilo_error reason = { 0 };
        pipilo_value *item = NULL;
        int result = next_item(run, iterator, &item, &reason);
        if (result == PIPILO_LATER)
            break;
        if (result < 0)
            item = error_value(node, &reason);
        *end = result < 0 || item == NULL;
        if (item != NULL)
            items[count++] = item;
    }
    plo_run_lock(run);
    run->busy--;
    node->emitting = false;
    return count;
}

// Hands on items of the row's value; sets *end after the last. PIPILO_LATER where there was none.
static int emit_items(struct plo_node *node, struct plo_call *call, bool *end,
                      struct pipilo_error *err)
{
    pipilo_value *value = call->out[call->emitted];
    pipilo_value *items[DRAW] = { NULL };
    size_t room = plo_node_room(node), count = 0;
    size_t most = room < DRAW ? room : DRAW;
    struct pipilo_error reason = { 0 };
    int result = 0;
    *end = false;
    if (value->kind == PIPILO_ERROR) {
        items[count++] = pipilo_value_ref(value);
        *end = true;
    } else if (value->kind == PIPILO_ITERATOR) {
        count = draw(node, value, items, most, end);
    } else {
        while (count < most && !*end) {
            if (plo_item_next(value, &call->item, &items[count], &reason) < 0) {
                items[count++] = error_value(node, &reason);
                *end = true;
            } else if (items[count] == NULL) {
                *end = true;
            } else {
                count++;
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (result == 0)
            result = emit_row(node, items[i], err);
        pipilo_value_unref(&items[i]);
    }
    return count == 0 && !*end ? PIPILO_LATER : result;
}

// Takes the first call out of the list and keeps it for the next one.
static void retire(struct plo_node *node)
{
    struct plo_call *call = node->first;
    node->first = call->next;
    if (node->first == NULL)
        node->last = NULL;
    node->calls--;
    if (node->spare != NULL) {
        plo_call_destroy(node, call);
        return;
    }
    plo_call_clear(node, call);
    node->spare = call;
}

// Only one thread emits for a node: `emitting` is set while the run is unlocked to draw.
int plo_node_emit(struct plo_node *node, struct pipilo_error *err)
{
    while (plo_node_can_emit(node) && !node->run->stopping) {
        struct plo_call *call = node->first;
        bool end = true;
        if (call->emitted == call->rows) {
            retire(node);
            continue;
        }
        if (node->plan->iteration == PIPILO_FLAT_MAP) {
            int result = emit_items(node, call, &end, err);
            // Whoever drives the run looks at its clock and its signals before the next try.
            if (result != 0)
                return result == PIPILO_LATER ? 0 : result;
        } else if (node->plan->iteration == PIPILO_FILTER)
            PLO_TRY(emit_kept(node, call, call->emitted, err));
        else
            PLO_TRY(emit_row(node, call->out[call->emitted], err));
        if (end) {
            call->emitted++;
            call->item = 0;
        }
        if (call->emitted == call->rows)
            retire(node);
    }
    return 0;
}
