// sys/op.h: for writers of operators. An operator is one table of functions that describes itself;
// pipilo's own are made the same way.
//
//     static int call(void *state, void *run, struct pipilo_batch *batch, struct pipilo_error *err)
//     {
//         for (size_t row = 0; row < batch->rows; row++) {
//             int64_t x = pipilo_value_int(pipilo_batch_input(batch, row, 0));
//             if (pipilo_value_create_int(&batch->out[row], 2 * x, err) < 0)
//                 return err->code;
//         }
//         return 0;
//     }
//     static const struct pipilo_operator twice = {
//         .struct_size = sizeof twice, .name = "math.twice", .summary = "twice an integer",
//         .flags = PIPILO_OP_PARALLEL, .call = call,
//     };
//     pipilo_operator_register(&twice, &err);       // then: ops.math.twice()
//
// Threads: `open` and `close` run once per pipeline and instance, on whatever thread builds or
// drops it. `start` and `stop` bracket a run. `call` runs on one thread at a time per run, or, with
// PIPILO_OP_PARALLEL, on several at once. An operator starts no threads and never waits for others.
#ifndef PIPILO_SYS_OP_H
#define PIPILO_SYS_OP_H

#include "../value.h"

#ifdef __cplusplus
extern "C" {
#endif

enum pipilo_param_type {
    PIPILO_PARAM_BOOL,
    PIPILO_PARAM_INT,
    PIPILO_PARAM_FLOAT, // takes an int too
    PIPILO_PARAM_STRING,
    PIPILO_PARAM_SIZE,  // bytes: an int, or a string such as "512M" or "2GiB" (powers of 1024)
    PIPILO_PARAM_VALUE, // anything
};

// One parameter. A table ends with a row whose name is NULL. `fallback` is the default, written as
// in pipeline text ("256", "'bicubic'", "None"); NULL makes the parameter required.
struct pipilo_param {
    const char *name;
    enum pipilo_param_type type;
    const char *fallback;
    double min, max;     // for numbers, where min < max
    const char *choices; // for strings: "bicubic|bilinear|lanczos", or NULL
    const char *help;    // one line
};

// The arguments of one instance, bound to its parameter table and checked; valid until `close`.
typedef struct pipilo_args pipilo_args;

// The argument `name`, which must stand in the table; None gives false, 0 or NULL. Borrowed.
PIPILO_API bool pipilo_args_bool(const pipilo_args *args, const char *name);
PIPILO_API int64_t pipilo_args_int(const pipilo_args *args, const char *name);
PIPILO_API double pipilo_args_float(const pipilo_args *args, const char *name);
PIPILO_API const char *pipilo_args_string(const pipilo_args *args, const char *name);
PIPILO_API pipilo_value *pipilo_args_value(const pipilo_args *args, const char *name);

// What pipilo_callable_create_from was given, or NULL.
PIPILO_API void *pipilo_args_cookie(const pipilo_args *args);

// Some rows for a call. `in` holds rows x columns borrowed values, row after row. `out` holds one
// place a row, NULL at first, which the call fills with a value it owns and so gives away; a place
// left NULL is None. A failed row gets an error value and the others go on.
struct pipilo_batch {
    size_t rows;
    size_t columns;
    pipilo_value *const *in;
    pipilo_value **out;

    const char *node;   // the node's name
    const bool *native; // one an output column: whether a native operator will read it
    const bool *hidden; // one an output column: whether only one native operator gets its values,
                        // so that a picture may stay undecoded
};

static inline pipilo_value *pipilo_batch_input(const struct pipilo_batch *batch, size_t row,
                                               size_t column)
{
    return batch->in[row * batch->columns + column];
}

enum pipilo_operator_flag {
    PIPILO_OP_PARALLEL = 1,     // `call` may run on several threads at once, rows in any order
    PIPILO_OP_CALLER_ONLY = 2,  // `call` runs only on the thread that drives the run
    PIPILO_OP_TAKES_ERRORS = 4, // error values are given to `call` instead of passed on
    PIPILO_OP_WRITES = 8,       // reads or writes files: not for pipelines from a request
    PIPILO_OP_FAILS_RUN = 16,   // a failure that `call` returns fails the run, not its rows
    PIPILO_OP_FOREIGN = 32,     // takes and gives peers (foreign.h); native values where batch says
};

// What an operator is. Functions may be NULL where there is nothing to do, except `call`. Those
// that return int give 0 or a negative code with `err` filled.
struct pipilo_operator {
    uint32_t struct_size;
    const char *name;    // "category.name" or "name"; [a-zA-Z_][a-zA-Z_0-9]* on both sides
    const char *summary; // one line
    const char *inputs;  // what `call` takes, for people: "image | path: str | bytes"
    const char *output;  // what it gives: "float32 (dim,)"
    const struct pipilo_param *params;
    unsigned flags;
    size_t state_size; // bytes of `state`, zeroed before `open`
    size_t run_size;   // bytes of `run`, zeroed before `start`

    // Checks the arguments and acquires what is shared by all runs. After a failure `close` is
    // called too, on whatever `open` left.
    int (*open)(void *state, const pipilo_args *args, struct pipilo_error *err);
    int (*start)(void *state, void *run, struct pipilo_error *err);

    // How many rows a call should get at most, or NULL for one.
    size_t (*rows)(const void *state);

    // Bytes a row will need at most while it is in `call`; asked in
    // input order and reserved in the memory budget before `call` sees the row. NULL: too little to
    // count.
    size_t (*need)(void *state, pipilo_value *const *row, size_t columns);

    // Handles some rows. A failure returned fails every row whose place is still NULL, or with
    // PIPILO_OP_FAILS_RUN the run.
    int (*call)(void *state, void *run, struct pipilo_batch *batch, struct pipilo_error *err);

    // After the last row of a run that was not stopped early; a failure fails the run.
    int (*flush)(void *state, void *run, struct pipilo_error *err);
    void (*stop)(void *state, void *run);
    void (*close)(void *state);
};

// Makes `op` known under its name for the whole process, until the library is closed. The table
// must stay valid that long. Errors: PIPILO_EEXISTS where the name is taken, PIPILO_EINVALID for a
// bad name or table, PIPILO_ENOMEM.
PIPILO_API int pipilo_operator_register(const struct pipilo_operator *op, struct pipilo_error *err);

// What an iterator's `next` may return where it has worked for a while and found nothing yet: it is
// called again, and meanwhile a run can be stopped.
#define PIPILO_LATER 1

// An iterator value for flat_map: `next` gives *out = a value the caller owns, or NULL at the end;
// `release` frees `iterator` with the last reference. A failure of `next` becomes an error row and
// ends the iteration. On failure the iterator remains the caller's.
PIPILO_API int pipilo_value_create_iterator(pipilo_value **out, void *iterator,
                                            int (*next)(void *iterator, pipilo_value **out,
                                                        struct pipilo_error *err),
                                            void (*release)(void *iterator),
                                            struct pipilo_error *err);

#ifdef __cplusplus
}
#endif
#endif
