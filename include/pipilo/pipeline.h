// pipeline.h: building and running pipelines.
//
//     pipilo_pipeline *p = NULL;
//     pipilo_run *run = NULL;
//     pipilo_row *row = NULL;
//     pipilo_pipeline_parse(&p, "pipe.input('x').map('x', 'vec', "
//                               "ops.image_embedding.timm('efficientnet-lite0')).output('vec')",
//                               &err);
//     pipilo_pipeline_start(&run, p, &path, 1, &err);
//     while (pipilo_run_next(run, &row, &err) == 0 && row != NULL) {
//         pipilo_value *vec = pipilo_row_value(row, 0);
//         pipilo_row_unref(&row);
//     }
//     pipilo_run_unref(&run);
//     pipilo_pipeline_unref(&p);
//
// A pipe is a chain of steps that is still being built; it never changes: each step makes a new
// pipe that shares the old one. A pipeline is a pipe closed by its output columns, checked, with
// its operators opened; it may be run any number of times, also at once. A run is one execution.
//
// Columns are independent streams, zipped by position. A SCALAR column holds one value that every
// row sees; a QUEUE column is a stream of rows. docs/pipelines.md gives the rules with examples.
//
// Threads: pipes and pipelines may be shared between threads. A run belongs to one thread at a
// time; the rows of it are worked on by that thread and by a pool of one thread a core.
#ifndef PIPILO_PIPELINE_H
#define PIPILO_PIPELINE_H

#include "value.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pipilo_callable pipilo_callable;
typedef struct pipilo_pipe pipilo_pipe;
typedef struct pipilo_pipeline pipilo_pipeline;
typedef struct pipilo_run pipilo_run;
typedef struct pipilo_row pipilo_row;

struct pipilo_operator; // <pipilo/sys/op.h>

// --- callables: an operator with its arguments ----------------------------------------------

// What a step calls: the operator `name` with `positional` and keyword arguments, all borrowed. The
// arguments are bound and the operator opened when the pipeline is closed by its output. Errors:
// PIPILO_ENOTFOUND (no such operator; the nearest is named), PIPILO_ENOMEM.
PIPILO_API int pipilo_callable_create(pipilo_callable **out, const char *name,
                                      pipilo_value *const *positional, size_t positional_count,
                                      const char *const *keywords, pipilo_value *const *values,
                                      size_t keyword_count, struct pipilo_error *err);

// The same for an operator that is not registered. `cookie` is what pipilo_args_cookie gives inside
// `open`; `release` (may be NULL) gets it when the callable goes, also on failure here.
PIPILO_API int pipilo_callable_create_from(pipilo_callable **out, const struct pipilo_operator *op,
                                           void *cookie, void (*release)(void *cookie),
                                           struct pipilo_error *err);
PIPILO_API pipilo_callable *pipilo_callable_ref(pipilo_callable *callable);
PIPILO_API void pipilo_callable_unref(pipilo_callable **callable);

// --- pipes: building step by step -----------------------------------------------------------

enum pipilo_iteration {
    PIPILO_MAP,         // one value in, one row out
    PIPILO_FLAT_MAP,    // one value in, the items of what the callable gives out
    PIPILO_FILTER,      // rows whose `by` columns the callable finds true
    PIPILO_WINDOW,      // lists of `size` rows, each beginning `step` rows after the last
    PIPILO_TIME_WINDOW, // lists of rows by the milliseconds in the column `by`; size, step in s
    PIPILO_WINDOW_ALL,  // one list of all rows
    PIPILO_REDUCE,      // one call with an iterator a column
};

// One step. Names are copied; the callable or nested pipeline is referenced. Exactly one of
// `callable` and `pipeline` is set; a nested pipeline is inlined.
struct pipilo_step {
    uint32_t struct_size;
    enum pipilo_iteration iteration;
    const char *const *inputs;
    size_t input_count;
    const char *const *outputs;
    size_t output_count;
    const char *const *by; // FILTER: the columns tested; TIME_WINDOW: the one with the time
    size_t by_count;
    int64_t size, step; // WINDOW and TIME_WINDOW
    pipilo_callable *callable;
    pipilo_pipeline *pipeline;
    const char *name; // of the node; NULL: the operator's name and an index
};
#define PIPILO_STEP_INIT                          \
    {                                             \
        .struct_size = sizeof(struct pipilo_step) \
    }

// Begins a pipe with its input columns. Errors: PIPILO_EPIPELINE for a bad or repeated name.
PIPILO_API int pipilo_pipe_input(pipilo_pipe **out, const char *const *columns, size_t count,
                                 struct pipilo_error *err);

// A new pipe: `pipe` and one step more. Errors: PIPILO_EPIPELINE, PIPILO_ENOMEM.
PIPILO_API int pipilo_pipe_step(pipilo_pipe **out, pipilo_pipe *pipe,
                                const struct pipilo_step *step, struct pipilo_error *err);

// Joins branches that began at one input; where a name stands in several, the last pipe wins.
PIPILO_API int pipilo_pipe_concat(pipilo_pipe **out, pipilo_pipe *const *pipes, size_t count,
                                  struct pipilo_error *err);

// Closes the pipe: checks every name, binds and opens the operators (models are loaded here, once
// for the process). Errors: PIPILO_EPIPELINE with the unknown column and the nearest known one, and
// whatever the operators' `open` gives.
PIPILO_API int pipilo_pipe_output(pipilo_pipeline **out, pipilo_pipe *pipe,
                                  const char *const *columns, size_t count,
                                  struct pipilo_error *err);

PIPILO_API pipilo_pipe *pipilo_pipe_ref(pipilo_pipe *pipe);
PIPILO_API void pipilo_pipe_unref(pipilo_pipe **pipe);

// --- pipelines ------------------------------------------------------------------------------

// Reads a pipeline as it is written in Python: pipe.input(..).map(..)...output(..), with operators
// as ops.category.name(..), strings, numbers, True, False, None, tuples, lists and keyword
// arguments. Several lines `name = pipe...` may come before the last expression, so that branches
// can share a beginning. Nothing is evaluated. Errors: PIPILO_EPIPELINE with line and column.
PIPILO_API int pipilo_pipeline_parse(pipilo_pipeline **out, const char *text,
                                     struct pipilo_error *err);

// How a text is read that is not the program's own. Grows at the end only.
struct pipilo_parse_options {
    uint32_t struct_size;
    // Makes what `ops.name(..)` stands for, as pipilo_callable_create does, or refuses it (a code,
    // with `err` filled): a server allows some operators and decides about their arguments. NULL:
    // pipilo_callable_create.
    int (*callable)(void *cookie, pipilo_callable **out, const char *name,
                    pipilo_value *const *positional, size_t positional_count,
                    const char *const *keywords, pipilo_value *const *values, size_t keyword_count,
                    struct pipilo_error *err);
    void *cookie;
};
#define PIPILO_PARSE_OPTIONS_INIT                          \
    {                                                      \
        .struct_size = sizeof(struct pipilo_parse_options) \
    }

// The same with options. Errors: as pipilo_pipeline_parse, and what `callable` gives.
PIPILO_API int pipilo_pipeline_parse_with(pipilo_pipeline **out, const char *text,
                                          const struct pipilo_parse_options *options,
                                          struct pipilo_error *err);

PIPILO_API pipilo_pipeline *pipilo_pipeline_ref(pipilo_pipeline *pipeline);
PIPILO_API void pipilo_pipeline_unref(pipilo_pipeline **pipeline);

// How many values a run takes, and the output columns' count, names and whether each is a SCALAR
// column (`true`). Borrowed; NULL or false for an index out of range.
PIPILO_API size_t pipilo_pipeline_input_count(const pipilo_pipeline *pipeline);
PIPILO_API const char *pipilo_pipeline_input_name(const pipilo_pipeline *pipeline, size_t index);
PIPILO_API size_t pipilo_pipeline_output_count(const pipilo_pipeline *pipeline);
PIPILO_API const char *pipilo_pipeline_output_name(const pipilo_pipeline *pipeline, size_t index);
PIPILO_API bool pipilo_pipeline_output_is_scalar(const pipilo_pipeline *pipeline, size_t index);

// Nodes without input and output, and each one's name in the order data flow.
PIPILO_API size_t pipilo_pipeline_node_count(const pipilo_pipeline *pipeline);
PIPILO_API const char *pipilo_pipeline_node_name(const pipilo_pipeline *pipeline, size_t index);

// --- runs -----------------------------------------------------------------------------------

// Begins a run with one value per input column (referenced). Errors: PIPILO_EINVALID for a wrong
// count, PIPILO_ENOMEM, and whatever the operators' `start` gives.
PIPILO_API int pipilo_pipeline_start(pipilo_run **out, pipilo_pipeline *pipeline,
                                     pipilo_value *const *inputs, size_t count,
                                     struct pipilo_error *err);

// The next row, owned by the caller, or NULL in *out at the end. The calling thread works on the
// run until there is one. Memory is bounded: the run waits where nobody takes its rows. A failed
// row is a row; an error here means that the run as a whole failed and is over.
PIPILO_API int pipilo_run_next(pipilo_run *run, pipilo_row **out, struct pipilo_error *err);

// As pipilo_run_next, for at most `milliseconds`: on time-out returns 0 with *out = NULL and
// *ended = false. `ended` says whether the run is over.
PIPILO_API int pipilo_run_next_within(pipilo_run *run, int64_t milliseconds, pipilo_row **out,
                                      bool *ended, struct pipilo_error *err);

// For a program that waits for many runs at once: has the pool work on the run, nobody driving it,
// and calls `ready` with `cookie` when there is a row to take or the run is over. Then the rows are
// taken with pipilo_run_next_within(run, 0, ..) until it gives none; from there on `ready` may be
// called again, once, unless the run had ended. `ready` runs on any thread, also on the one that
// calls this function or pipilo_run_cancel, without a lock; it must not block and must not take
// rows of the run nor let go of it, but may wake a thread that does. pipilo_run_unref waits for a
// call of it that is under way. To be called once, before rows are taken; of no use where a step
// belongs to the caller (PIPILO_OP_CALLER_ONLY, reduce).
PIPILO_API void pipilo_run_watch(pipilo_run *run, void (*ready)(void *cookie), void *cookie);

// Asks the run to end: what is in a call is finished, nothing new begins, pipilo_run_next gives
// PIPILO_ECANCELED; a run whose last nodes have ended, or are being flushed, ends well. Any thread;
// not from a signal handler.
PIPILO_API void pipilo_run_cancel(pipilo_run *run);

// Asks the run to take no more from its inputs and to finish what it has taken: an iterator, such
// as read_dir's, ends in an error value (PIPILO_ECANCELED) behind the rows it gave, and where that
// reaches an operator that writes, the run fails by that name. A table that was written with
// `resume` keeps every row it has got. Any thread; not from a signal handler.
PIPILO_API void pipilo_run_drain(pipilo_run *run);

// Ends the run where it has not ended, waits for calls that are under way, frees everything.
PIPILO_API void pipilo_run_unref(pipilo_run **run);

// A row's value in the output column `index` (borrowed; Empty where the column was shorter), and
// the first error value among them or NULL.
PIPILO_API pipilo_value *pipilo_row_value(const pipilo_row *row, size_t index);
PIPILO_API const struct pipilo_error *pipilo_row_error(const pipilo_row *row);
PIPILO_API void pipilo_row_unref(pipilo_row **row);

// --- operators ------------------------------------------------------------------------------

// The operators known, by their place in the order of names; NULL past the end. Valid until
// pipilo_close.
PIPILO_API const struct pipilo_operator *pipilo_operator_at(size_t index);

// The operator of that name, or NULL.
PIPILO_API const struct pipilo_operator *pipilo_operator_find(const char *name);

// The known name nearest to `name`, for "did you mean", or NULL where none is near. Valid until
// pipilo_close.
PIPILO_API const char *pipilo_operator_nearest(const char *name);

#ifdef __cplusplus
}
#endif
#endif
