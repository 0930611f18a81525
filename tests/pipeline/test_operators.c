// test_operators.c: operators that do little, each to make one rule of the dataflow visible.
#include "test_operators.h"

#include <pipilo/sys/foreign.h>

#include "flow/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int test_open, test_started, test_flushed;

static const struct pipilo_param one_number[] = {
    { "k", PIPILO_PARAM_INT, "0", 0, 0, NULL, "a number" }, { 0 }
};

struct state {
    int64_t k;
};

static int open_k(void *state, const pipilo_args *args, struct pipilo_error *err)
{
    (void)err;
    ((struct state *)state)->k = pipilo_args_int(args, "k");
    __atomic_add_fetch(&test_open, 1, __ATOMIC_RELAXED);
    return 0;
}

static void close_k(void *state)
{
    (void)state;
    __atomic_sub_fetch(&test_open, 1, __ATOMIC_RELAXED);
}

static int64_t total(const pipilo_value *list)
{
    int64_t sum = 0;
    for (size_t i = 0; i < pipilo_value_list_count(list); i++)
        sum += pipilo_value_int(pipilo_value_list_item(list, i));
    return sum;
}

static int fail(struct pipilo_error *err, const char *message)
{
    memset(err, 0, sizeof *err);
    err->code = PIPILO_EOPERATOR;
    snprintf(err->message, sizeof err->message, "%s", message);
    return err->code;
}

// Gives a pair of two numbers.
static int pair(pipilo_value **out, int64_t a, int64_t b, struct pipilo_error *err)
{
    pipilo_value *items[2] = { NULL, NULL };
    int result = pipilo_value_create_int(&items[0], a, err);
    if (result == 0)
        result = pipilo_value_create_int(&items[1], b, err);
    if (result == 0)
        result = pipilo_value_create_list(out, items, 2, err);
    pipilo_value_unref(&items[0]);
    pipilo_value_unref(&items[1]);
    return result;
}

#define IN(column) pipilo_batch_input(batch, row, column)
#define EACH_ROW   for (size_t row = 0; row < batch->rows && result == 0; row++)
#define CALL(name) \
    static int name(void *state, void *run, struct pipilo_batch *batch, struct pipilo_error *err)
#define UNUSED   \
    (void)state; \
    (void)run;   \
    (void)err

CALL(call_add)
{
    int result = 0;
    (void)run;
    EACH_ROW result = pipilo_value_create_int(
        &batch->out[row], pipilo_value_int(IN(0)) + ((struct state *)state)->k, err);
    return result;
}

CALL(call_mul)
{
    int result = 0;
    (void)run;
    EACH_ROW result = pipilo_value_create_int(
        &batch->out[row], pipilo_value_int(IN(0)) * ((struct state *)state)->k, err);
    return result;
}

CALL(call_sub)
{
    int result = 0;
    UNUSED;
    EACH_ROW result = pipilo_value_create_int(
        &batch->out[row], pipilo_value_int(IN(0)) - pipilo_value_int(IN(1)), err);
    return result;
}

CALL(call_div)
{
    int result = 0;
    UNUSED;
    EACH_ROW
    {
        double by = pipilo_value_float(IN(1));
        if (by == 0)
            return fail(err, "division by zero");
        result = pipilo_value_create_float(&batch->out[row], pipilo_value_float(IN(0)) / by, err);
    }
    return result;
}

CALL(call_same)
{
    int result = 0;
    UNUSED;
    EACH_ROW batch->out[row] = pipilo_value_ref(IN(0));
    return result;
}

CALL(call_none)
{
    UNUSED;
    (void)batch;
    (void)err;
    return 0;
}

CALL(call_gt)
{
    int result = 0;
    (void)run;
    EACH_ROW result = pipilo_value_create_bool(
        &batch->out[row], pipilo_value_int(IN(0)) > ((struct state *)state)->k, err);
    return result;
}

CALL(call_sum)
{
    int result = 0;
    UNUSED;
    EACH_ROW result = pipilo_value_create_int(&batch->out[row], total(IN(0)), err);
    return result;
}

CALL(call_sums)
{
    int result = 0;
    UNUSED;
    EACH_ROW result = pair(&batch->out[row], total(IN(0)), total(IN(1)), err);
    return result;
}

// Both lists as they came.
CALL(call_lists)
{
    int result = 0;
    UNUSED;
    EACH_ROW result = pipilo_value_create_list(&batch->out[row], &batch->in[row * batch->columns],
                                               batch->columns, err);
    return result;
}

// x -> (x, x + 1)
CALL(call_pair)
{
    int result = 0;
    UNUSED;
    EACH_ROW
    {
        int64_t x = pipilo_value_int(IN(0));
        result = pair(&batch->out[row], x, x + 1, err);
    }
    return result;
}

// --- generators -----------------------------------------------------------------------------

struct generator {
    int64_t at, end, fail_at;
    bool pairs;
    bool asked; // the item to come
};

static int generator_next(void *iterator, pipilo_value **out, struct pipilo_error *err)
{
    struct generator *generator = iterator;
    *out = NULL;
    // Each third item is not there at once; an end below 0 never comes.
    generator->asked = !generator->asked;
    if (generator->end < 0 || (generator->at % 3 == 1 && generator->asked))
        return PIPILO_LATER;
    generator->asked = false;
    if (generator->at == generator->end)
        return 0;
    int64_t x = generator->at++;
    if (x == generator->fail_at)
        return fail(err, "the generator failed");
    return generator->pairs ? pair(out, x, 10 * x, err) : pipilo_value_create_int(out, x, err);
}

static int generate(pipilo_value **out, int64_t end, int64_t fail_at, bool pairs,
                    struct pipilo_error *err)
{
    struct generator *generator = calloc(1, sizeof *generator);
    if (generator == NULL)
        return PIPILO_ENOMEM;
    *generator = (struct generator){ .end = end, .fail_at = fail_at, .pairs = pairs };
    int result = pipilo_value_create_iterator(out, generator, generator_next, free, err);
    if (result < 0)
        free(generator);
    return result;
}

CALL(call_range)
{
    int result = 0;
    UNUSED;
    EACH_ROW result = generate(&batch->out[row], pipilo_value_int(IN(0)), -1, false, err);
    return result;
}

CALL(call_pairs)
{
    int result = 0;
    UNUSED;
    EACH_ROW result = generate(&batch->out[row], pipilo_value_int(IN(0)), -1, true, err);
    return result;
}

CALL(call_broken)
{
    int result = 0;
    (void)run;
    EACH_ROW result =
        generate(&batch->out[row], pipilo_value_int(IN(0)), ((struct state *)state)->k, false, err);
    return result;
}

// A list 0..x-1, all at once.
CALL(call_upto)
{
    int result = 0;
    UNUSED;
    EACH_ROW
    {
        int64_t count = pipilo_value_int(IN(0));
        pipilo_value **items = calloc((size_t)count + 1, sizeof *items);
        for (int64_t i = 0; i < count && result == 0; i++)
            result = pipilo_value_create_int(&items[i], i, err);
        if (result == 0)
            result = pipilo_value_create_list(&batch->out[row], items, (size_t)count, err);
        for (int64_t i = 0; i < count; i++)
            pipilo_value_unref(&items[i]);
        free(items);
    }
    return result;
}

// --- reduce ---------------------------------------------------------------------------------

CALL(call_total)
{
    int result = 0;
    UNUSED;
    EACH_ROW
    {
        int64_t sum = 0;
        pipilo_value *item = NULL;
        while ((result = pipilo_value_next(IN(0), &item, err)) == 0 && item != NULL) {
            sum += pipilo_value_int(item);
            pipilo_value_unref(&item);
        }
        if (result == 0)
            result = pipilo_value_create_int(&batch->out[row], sum, err);
    }
    return result;
}

CALL(call_first)
{
    int result = 0;
    UNUSED;
    EACH_ROW result = pipilo_value_next(IN(0), &batch->out[row], err);
    return result;
}

// Reads the second column first, then the first.
CALL(call_totals)
{
    int result = 0;
    UNUSED;
    EACH_ROW
    {
        int64_t sums[2] = { 0, 0 };
        for (int column = 1; column >= 0; column--) {
            pipilo_value *item = NULL;
            while ((result = pipilo_value_next(IN((size_t)column), &item, err)) == 0 &&
                   item != NULL) {
                sums[column] += pipilo_value_int(item);
                pipilo_value_unref(&item);
            }
        }
        if (result == 0)
            result = pair(&batch->out[row], sums[0], sums[1], err);
    }
    return result;
}

// --- errors, order, life --------------------------------------------------------------------

CALL(call_fail_at)
{
    int result = 0;
    (void)run;
    EACH_ROW
    {
        struct pipilo_error reason;
        if (pipilo_value_int(IN(0)) == ((struct state *)state)->k) {
            fail(&reason, "it was that number");
            result = pipilo_value_create_error(&batch->out[row], &reason, err);
        } else {
            batch->out[row] = pipilo_value_ref(IN(0));
        }
    }
    return result;
}

CALL(call_is_error)
{
    int result = 0;
    UNUSED;
    EACH_ROW result =
        pipilo_value_create_bool(&batch->out[row], pipilo_value_kind(IN(0)) == PIPILO_ERROR, err);
    return result;
}

// Takes longer for some rows than for others, so that rows finish out of order.
CALL(call_slow)
{
    int result = 0;
    UNUSED;
    EACH_ROW
    {
        usleep((useconds_t)((pipilo_value_int(IN(0)) * 7919) % 13) * 20);
        batch->out[row] = pipilo_value_ref(IN(0));
    }
    return result;
}

static size_t five_rows(const void *state)
{
    (void)state;
    return 5;
}

static int start(void *state, void *run, struct pipilo_error *err)
{
    (void)state;
    (void)run;
    (void)err;
    __atomic_add_fetch(&test_started, 1, __ATOMIC_RELAXED);
    return 0;
}

static int flush(void *state, void *run, struct pipilo_error *err)
{
    (void)state;
    (void)run;
    (void)err;
    __atomic_add_fetch(&test_flushed, 1, __ATOMIC_RELAXED);
    return 0;
}

static void stop(void *state, void *run)
{
    (void)state;
    (void)run;
    __atomic_sub_fetch(&test_started, 1, __ATOMIC_RELAXED);
}

// k bytes for each row.
static size_t need(void *state, pipilo_value *const *row, size_t columns)
{
    (void)row;
    (void)columns;
    return (size_t)((struct state *)state)->k;
}

#define OP(op_name, op_flags, op_call, ...)                                                       \
    {                                                                                             \
        .struct_size = sizeof(struct pipilo_operator), .name = "t." op_name, .summary = "a test", \
        .inputs = "any", .output = "any", .params = one_number, .flags = (op_flags),              \
        .state_size = sizeof(struct state), .open = open_k, .close = close_k, .call = (op_call),  \
        __VA_ARGS__                                                                               \
    }

static const struct pipilo_operator operators[] = {
    OP("add", PIPILO_OP_PARALLEL, call_add, .run_size = 0),
    OP("mul", 0, call_mul, .run_size = 0),
    OP("sub", 0, call_sub, .run_size = 0),
    OP("div", 0, call_div, .run_size = 0),
    OP("same", 0, call_same, .run_size = 0),
    OP("none", 0, call_none, .run_size = 0),
    OP("gt", 0, call_gt, .run_size = 0),
    OP("sum", 0, call_sum, .run_size = 0),
    OP("sums", 0, call_sums, .run_size = 0),
    OP("lists", 0, call_lists, .run_size = 0),
    OP("pair", 0, call_pair, .run_size = 0),
    OP("range", 0, call_range, .run_size = 0),
    OP("pairs", 0, call_pairs, .run_size = 0),
    OP("broken", 0, call_broken, .run_size = 0),
    OP("upto", 0, call_upto, .run_size = 0),
    OP("total", 0, call_total, .run_size = 0),
    OP("first", 0, call_first, .run_size = 0),
    OP("totals", 0, call_totals, .run_size = 0),
    OP("fail_at", PIPILO_OP_PARALLEL, call_fail_at, .rows = five_rows),
    OP("fatal", PIPILO_OP_FAILS_RUN, call_div, .run_size = 0),
    OP("is_error", PIPILO_OP_TAKES_ERRORS, call_is_error, .run_size = 0),
    OP("slow", PIPILO_OP_PARALLEL, call_slow, .run_size = 0),
    OP("caller", PIPILO_OP_CALLER_ONLY, call_same, .run_size = 0),
    OP("needs", PIPILO_OP_PARALLEL, call_slow, .need = need),
    OP("needs5", PIPILO_OP_PARALLEL, call_slow, .need = need, .rows = five_rows),
    OP("life", 0, call_same, .run_size = 8, .start = start, .flush = flush, .stop = stop),
};

int plo_operators_fill(struct pipilo_error *err)
{
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        int result = plo_registry_add(&operators[i], err);
        if (result < 0)
            return result;
    }
    return 0;
}
