// feed.c: from rows of the input columns to calls (see run.h).
//
// The rules of a row are Towhee's: streams are zipped by position, a SCALAR column repeats its
// value, and where streams differ in length the short ones give Empty.
#include <math.h>

#include "core/fail.h"
#include "flow/run.h"

// A map, flat_map or filter skips rows with an Empty among what its callable would get: a stream
// that has ended ends such a node.
static bool needs_all(const struct plo_node *node, size_t input)
{
    switch (node->plan->iteration) {
    case PIPILO_MAP:
    case PIPILO_FLAT_MAP:
        return true;
    case PIPILO_FILTER:
        return input >= node->plan->input_count;
    default:
        return false;
    }
}

// What the streams say; sets *some where at least one has a value.
static enum plo_rows check_streams(const struct plo_node *node, bool *some, size_t *streams)
{
    bool wait = false;
    for (size_t i = 0; i < node->input_count; i++) {
        const struct plo_input *input = &node->inputs[i];
        bool strict = node->plan != NULL && needs_all(node, i);
        if (input->column->scalar) {
            wait = wait || !input->column->sealed;
            if (input->column->sealed && input->column->value == NULL && strict)
                return PLO_ROW_END;
            continue;
        }
        ++*streams;
        bool here = plo_column_peek(input->column, input->reader) != NULL;
        *some = *some || here;
        if (!here && input->column->sealed && strict)
            return PLO_ROW_END;
        wait = wait || (!here && !input->column->sealed);
    }
    return wait ? PLO_ROW_WAIT : PLO_ROW;
}

static bool any_scalar(const struct plo_node *node)
{
    for (size_t i = 0; i < node->input_count; i++)
        if (node->inputs[i].column->scalar && node->inputs[i].column->value != NULL)
            return true;
    return false;
}

enum plo_rows plo_node_row(struct plo_node *node, bool take)
{
    bool some = false;
    size_t streams = 0;
    enum plo_rows rows = check_streams(node, &some, &streams);
    if (rows != PLO_ROW)
        return rows;
    // An output whose streams are all without a value still shows its scalars, once.
    bool lone = node->plan == NULL && !node->scalar_taken && any_scalar(node);
    if (streams > 0 && !some && !lone)
        return PLO_ROW_END;
    // Without streams there is one row of scalars. A step without any input has one as well; an
    // output without columns has none.
    bool one = any_scalar(node) || (node->input_count == 0 && node->plan != NULL);
    if (streams == 0 && (node->scalar_taken || !one))
        return PLO_ROW_END;
    if (!take)
        return PLO_ROW;
    node->scalar_taken = true;
    for (size_t i = 0; i < node->input_count; i++) {
        const struct plo_input *input = &node->inputs[i];
        pipilo_value *value = input->column->scalar ? input->column->value
                                                    : plo_column_peek(input->column, input->reader);
        node->row[i] = value != NULL ? pipilo_value_ref(value) : pipilo_value_empty();
        if (value != NULL && !input->column->scalar)
            plo_column_advance(input->column, input->reader);
    }
    return PLO_ROW;
}

void plo_node_leave(struct plo_node *node)
{
    for (size_t i = 0; i < node->input_count; i++)
        if (!node->inputs[i].column->scalar)
            plo_column_leave(node->inputs[i].column, node->inputs[i].reader);
}

bool plo_node_can_feed(struct plo_node *node)
{
    if (node->ended)
        return false;
    // One reduce at a time, and not before all its columns say something: what it would wait for
    // may come from another reduce.
    if (node->plan->iteration == PIPILO_REDUCE && node->run->in_reduce > 0)
        return false;
    // A window that is being flushed needs no rows.
    return plo_node_row(node, false) != PLO_ROW_WAIT;
}

// --- calls ----------------------------------------------------------------------------------

// How many values the callable gets a row.
size_t plo_node_call_columns(const struct plo_node *node)
{
    bool filter = node->plan->iteration == PIPILO_FILTER;
    return filter ? node->plan->by_count : node->plan->input_count;
}

static size_t keep_columns(const struct plo_node *node)
{
    return node->plan->iteration == PIPILO_FILTER ? node->plan->input_count : 0;
}

static struct plo_call *call_create(struct plo_node *node, size_t capacity)
{
    struct plo_call *call = node->spare;
    if (call != NULL && call->capacity >= capacity) {
        node->spare = NULL;
        return call;
    }
    size_t columns = plo_node_call_columns(node), keep = keep_columns(node);
    call = plo_alloc0(1, sizeof *call + capacity * (columns + keep + 1) * sizeof(pipilo_value *));
    if (call != NULL) {
        call->capacity = capacity;
        call->out = (pipilo_value **)(call + 1);
        call->in = call->out + capacity;
        call->keep = call->in + capacity * columns;
    }
    return call;
}

void plo_call_clear(const struct plo_node *node, struct plo_call *call)
{
    size_t columns = plo_node_call_columns(node), keep = keep_columns(node);
    for (size_t i = 0; i < call->rows * columns; i++)
        pipilo_value_unref(&call->in[i]);
    for (size_t i = 0; i < call->rows * keep; i++)
        pipilo_value_unref(&call->keep[i]);
    for (size_t i = 0; i < call->rows; i++)
        pipilo_value_unref(&call->out[i]);
    call->next = NULL;
    call->rows = call->emitted = call->item = 0;
    call->done = false;
}

void plo_call_destroy(const struct plo_node *node, struct plo_call *call)
{
    plo_call_clear(node, call);
    plo_free(call);
}

static void append(struct plo_node *node, struct plo_call *call)
{
    if (node->last != NULL)
        node->last->next = call;
    else
        node->first = call;
    node->last = call;
    node->calls++;
}

int plo_call_split(struct plo_node *node, struct plo_call *call, size_t from, struct plo_call **out,
                   struct pipilo_error *err)
{
    size_t columns = plo_node_call_columns(node), keep = keep_columns(node);
    struct plo_call *rest = call_create(node, call->capacity);
    if (rest == NULL)
        return plo_fail_nomem(err, 0);
    rest->rows = call->rows - from;
    for (size_t i = 0; i < rest->rows * columns; i++)
        rest->in[i] = call->in[from * columns + i];
    for (size_t i = 0; i < rest->rows * keep; i++)
        rest->keep[i] = call->keep[from * keep + i];
    for (size_t i = 0; i < rest->rows; i++) {
        rest->out[i] = call->out[from + i];
        call->out[from + i] = NULL;
    }
    call->rows = from;
    // Only the newest call is ever split, so the rest comes last.
    append(node, rest);
    *out = rest;
    return 0;
}

// What goes on without a call: an Empty that keeps its place, or the first error value where the
// operator does not want them.
static pipilo_value *passed_on(const struct plo_node *node, pipilo_value *const *values,
                               size_t count)
{
    for (size_t i = 0; i < count && node->run->aligned; i++)
        if (values[i]->kind == PIPILO_EMPTY)
            return values[i];
    if (node->op != NULL && (node->op->flags & PIPILO_OP_TAKES_ERRORS))
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (values[i]->kind == PIPILO_ERROR)
            return values[i];
    return NULL;
}

// Puts node->row into the call as its next row; consumes the references.
static void add_row(struct plo_node *node, struct plo_call *call)
{
    size_t inputs = node->plan->input_count, by = node->plan->by_count;
    bool filter = node->plan->iteration == PIPILO_FILTER;
    size_t columns = filter ? by : inputs;
    pipilo_value **in = &call->in[call->rows * columns];
    for (size_t i = 0; i < inputs; i++)
        (filter ? &call->keep[call->rows * inputs] : in)[i] = node->row[i];
    for (size_t i = 0; i < by && filter; i++)
        in[i] = node->row[inputs + i];
    pipilo_value *instead = passed_on(node, in, columns);
    if (instead != NULL)
        call->out[call->rows] = pipilo_value_ref(instead);
    call->rows++;
}

static size_t rows_a_call(const struct plo_node *node)
{
    size_t rows = 1;
    if (node->op != NULL && node->op->rows != NULL)
        rows = node->op->rows(node->plan->callable->state);
    return rows < 1 ? 1 : rows > 1024 ? 1024 : rows;
}

// Rows that can be read now, at most: those of the shortest stream, or the one of scalars.
static size_t rows_waiting(const struct plo_node *node)
{
    size_t rows = SIZE_MAX;
    for (size_t i = 0; i < node->input_count; i++) {
        const struct plo_input *input = &node->inputs[i];
        if (input->column->scalar)
            continue;
        size_t here = (size_t)(input->column->tail - input->column->places[input->reader]);
        rows = here < rows && here > 0 ? here : rows;
    }
    return rows < SIZE_MAX ? rows : 1;
}

// map, flat_map and filter: as many rows as are there, up to what a call should get.
static int feed_rows(struct plo_node *node, struct plo_call **out, struct pipilo_error *err)
{
    struct plo_call *call = NULL;
    size_t most = rows_a_call(node), waiting = rows_waiting(node);
    most = most < waiting ? most : waiting;
    enum plo_rows rows = PLO_ROW;
    while ((call == NULL || call->rows < most) && (rows = plo_node_row(node, false)) == PLO_ROW) {
        if (call == NULL && (call = call_create(node, most)) == NULL)
            return plo_fail_nomem(err, 0);
        plo_node_row(node, true);
        add_row(node, call);
    }
    node->ended = rows == PLO_ROW_END;
    *out = call;
    return 0;
}

// --- windows --------------------------------------------------------------------------------

static int window_create(struct plo_node *node, struct pipilo_error *err)
{
    const struct plo_plan_node *plan = node->plan;
    bool by_time = plan->iteration == PIPILO_TIME_WINDOW;
    double unit = by_time ? 1000 : 1; // time windows are given in seconds, timestamps in ms
    double size = plan->iteration == PIPILO_WINDOW_ALL ? INFINITY : (double)plan->size * unit;
    double step = plan->iteration == PIPILO_WINDOW_ALL ? INFINITY : (double)plan->step * unit;
    node->window = plo_window_create(by_time, size, step, plan->input_count);
    return node->window != NULL ? 0 : plo_fail_nomem(err, sizeof *node->window);
}

// Where the row in node->row stands; negative: nowhere. A time that is an error, or no number, is
// remembered as the window's error.
static double window_position(struct plo_node *node)
{
    if (node->plan->iteration != PIPILO_TIME_WINDOW)
        return (double)node->position++;
    pipilo_value *time = node->row[node->plan->input_count], *wrong = NULL;
    if (time->kind == PIPILO_INT || time->kind == PIPILO_FLOAT)
        return pipilo_value_float(time);
    struct pipilo_error reason;
    plo_fail(&reason, PIPILO_EOPERATOR, "a time is a number of milliseconds, not %s",
             pipilo_kind_name(time->kind));
    plo_fail_where(&reason, node->plan->name);
    if (time->kind == PIPILO_ERROR)
        wrong = pipilo_value_ref(time);
    else if (time->kind != PIPILO_EMPTY && pipilo_value_create_error(&wrong, &reason, NULL) < 0)
        wrong = plo_value_nomem();
    if (wrong != NULL)
        plo_window_note(node->window, wrong);
    pipilo_value_unref(&wrong);
    return -1;
}

// Adds node->row to the windows and lets go of it.
static int window_take(struct plo_node *node, bool *complete, struct pipilo_error *err)
{
    bool empty = true;
    for (size_t i = 0; i < node->plan->input_count; i++)
        empty = empty && node->row[i]->kind == PIPILO_EMPTY;
    int result = 0;
    double position = empty ? -1 : window_position(node);
    if (position >= 0)
        result = plo_window_add(node->window, node->row, position, complete, err);
    if (result == 0 && plo_window_bytes(node->window) > node->run->most_bytes)
        result = plo_fail(err, PIPILO_EBUDGET,
                          "the rows of a window need more than the memory budget of %llu bytes",
                          (unsigned long long)node->run->most_bytes);
    for (size_t i = 0; i < node->input_count; i++)
        pipilo_value_unref(&node->row[i]);
    return result;
}

// A call with the first window's lists, or with its error where that is all it holds.
static int window_call(struct plo_node *node, struct plo_call **out, struct pipilo_error *err)
{
    struct plo_call *call = call_create(node, 1);
    if (call == NULL)
        return plo_fail_nomem(err, 0);
    call->rows = 1;
    int result = plo_window_lists(node->window, call->in, err);
    if (result == 0 && plo_window_only_errors(node->window))
        call->out[0] = pipilo_value_ref(node->window->error);
    plo_window_pop(&node->window);
    if (result < 0) {
        plo_call_destroy(node, call);
        return result;
    }
    *out = call;
    return 0;
}

static int feed_window(struct plo_node *node, struct plo_call **out, struct pipilo_error *err)
{
    enum plo_rows rows;
    bool complete = false;
    if (node->window == NULL && node->position == 0)
        PLO_TRY(window_create(node, err));
    while (!complete && (rows = plo_node_row(node, true)) == PLO_ROW)
        PLO_TRY(window_take(node, &complete, err));
    if (!complete && rows == PLO_ROW_WAIT)
        return 0;
    // At the end what was begun is emitted partial, one window a turn.
    bool left = node->window != NULL && (node->window->count > 0 || node->window->error != NULL);
    if (!complete && !left) {
        node->ended = true;
        return 0;
    }
    PLO_TRY(window_call(node, out, err));
    if (!complete && node->window == NULL)
        node->ended = true;
    return 0;
}

static int feed_reduce(struct plo_node *node, struct plo_call **out, struct pipilo_error *err)
{
    struct plo_call *call = call_create(node, 1);
    if (call == NULL)
        return plo_fail_nomem(err, 0);
    call->rows = 1;
    node->ended = true;
    int result = plo_reduce_begin(node, call->in, err);
    if (result < 0) {
        plo_call_destroy(node, call);
        return result;
    }
    *out = call;
    return 0;
}

int plo_node_feed(struct plo_node *node, struct plo_call **out, struct pipilo_error *err)
{
    *out = NULL;
    int result;
    if (node->plan->iteration == PIPILO_REDUCE)
        result = feed_reduce(node, out, err);
    else if (node->plan->iteration <= PIPILO_FILTER)
        result = feed_rows(node, out, err);
    else
        result = feed_window(node, out, err);
    if (result == 0 && *out != NULL)
        append(node, *out);
    if (node->ended && node->plan->iteration != PIPILO_REDUCE)
        plo_node_leave(node);
    return result;
}
