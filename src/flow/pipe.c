// pipe.c: building a pipe step by step (see pipe.h).
#include "flow/pipe.h"

#include <ctype.h>
#include <string.h>

#include "core/fail.h"
#include "flow/plan.h"

// Longer chains are refused, nested pipelines included: a plan is made by recursion along them.
enum { MAX_DEPTH = 2000 };

const char *plo_iteration_name(enum pipilo_iteration iteration)
{
    static const char *const names[] = { "map",         "flat_map",   "filter", "window",
                                         "time_window", "window_all", "reduce" };
    return names[iteration];
}

static bool valid_column(const char *name)
{
    if (!isalpha((unsigned char)*name) && *name != '_')
        return false;
    for (; *name != '\0'; name++)
        if (!isalnum((unsigned char)*name) && *name != '_')
            return false;
    return true;
}

size_t plo_names_find(const struct plo_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i], name) == 0)
            return i;
    return SIZE_MAX;
}

int plo_names_copy(struct plo_names *names, const char *const *columns, size_t count, bool unique,
                   struct pipilo_error *err)
{
    names->items = plo_alloc0(count, sizeof *names->items);
    if (names->items == NULL)
        return plo_fail_nomem(err, count * sizeof *names->items);
    for (size_t i = 0; i < count; i++) {
        // The wording is Towhee's: programs match on it.
        if (!valid_column(columns[i]))
            return plo_fail(err, PIPILO_EPIPELINE,
                            "Schema can only consist of letters, numbers, and underscores, "
                            "the error schema: [%s]",
                            columns[i]);
        if (unique && plo_names_find(names, columns[i]) != SIZE_MAX)
            return plo_fail(err, PIPILO_EPIPELINE, "the column '%s' stands twice", columns[i]);
        names->items[i] = plo_strdup(columns[i]);
        if (names->items[i] == NULL)
            return plo_fail_nomem(err, 0);
        names->count++;
    }
    return 0;
}

void plo_names_reset(struct plo_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        plo_free(names->items[i]);
    plo_free(names->items);
    *names = (struct plo_names){ 0 };
}

static pipilo_pipe *create(enum plo_pipe_kind kind, pipilo_pipe *const *parents, size_t count)
{
    pipilo_pipe *pipe = plo_alloc0(1, sizeof *pipe);
    if (pipe == NULL)
        return NULL;
    pipe->refs = 1;
    pipe->kind = kind;
    pipe->parents = plo_alloc0(count, sizeof *pipe->parents);
    if (pipe->parents == NULL) {
        plo_free(pipe);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        pipe->parents[i] = pipilo_pipe_ref(parents[i]);
        pipe->depth = parents[i]->depth + 1 > pipe->depth ? parents[i]->depth + 1 : pipe->depth;
    }
    pipe->parent_count = count;
    return pipe;
}

int pipilo_pipe_input(pipilo_pipe **out, const char *const *columns, size_t count,
                      struct pipilo_error *err)
{
    pipilo_pipe *pipe = create(PLO_PIPE_INPUT, NULL, 0);
    if (pipe == NULL)
        return plo_fail_nomem(err, sizeof *pipe);
    int result = plo_names_copy(&pipe->outputs, columns, count, true, err);
    if (result < 0)
        pipilo_pipe_unref(&pipe);
    *out = pipe;
    return result;
}

static int check_step(const struct pipilo_step *step, struct pipilo_error *err)
{
    bool window = step->iteration == PIPILO_WINDOW || step->iteration == PIPILO_TIME_WINDOW;
    if (step->struct_size < sizeof *step || (size_t)step->iteration > PIPILO_REDUCE)
        return plo_fail(err, PIPILO_EINVALID, "the step is not initialised");
    if ((step->callable == NULL) == (step->pipeline == NULL))
        return plo_fail(err, PIPILO_EPIPELINE,
                        "Unknown operator, please make sure it is lambda, "
                        "callable or operator with ops.");
    if (step->iteration == PIPILO_REDUCE && step->pipeline != NULL)
        return plo_fail(err, PIPILO_EPIPELINE, "Reduce node doesn't support pipeline fn");
    if (step->iteration == PIPILO_FILTER && step->input_count != step->output_count)
        return plo_fail(err, PIPILO_EPIPELINE,
                        "The node is is not valid, the length of inputs if not equal to outputs.");
    if (step->iteration == PIPILO_FLAT_MAP && step->output_count == 0)
        return plo_fail(err, PIPILO_EPIPELINE, "flat_map needs an output column");
    if (window && (step->size <= 0 || step->step <= 0))
        return plo_fail(err, PIPILO_EPIPELINE, "The iteration param is not valid, the [%lld]<=0.",
                        (long long)(step->size <= 0 ? step->size : step->step));
    if (step->iteration == PIPILO_TIME_WINDOW && step->by_count != 1)
        return plo_fail(err, PIPILO_EPIPELINE, "time_window needs one column with the time in ms");
    return 0;
}

static int check_depth(const pipilo_pipe *pipe, struct pipilo_error *err)
{
    if (pipe->depth <= MAX_DEPTH)
        return 0;
    return plo_fail(err, PIPILO_ELIMIT, "a pipeline has at most %d steps", MAX_DEPTH);
}

int pipilo_pipe_step(pipilo_pipe **out, pipilo_pipe *pipe, const struct pipilo_step *step,
                     struct pipilo_error *err)
{
    PLO_TRY(check_step(step, err));
    pipilo_pipe *next = create(PLO_PIPE_STEP, &pipe, 1);
    if (next == NULL)
        return plo_fail_nomem(err, sizeof *next);
    next->iteration = step->iteration;
    next->size = step->size;
    next->step = step->step;
    int result = plo_names_copy(&next->inputs, step->inputs, step->input_count, false, err);
    if (result == 0)
        result = plo_names_copy(&next->outputs, step->outputs, step->output_count, true, err);
    if (result == 0)
        result = plo_names_copy(&next->by, step->by, step->by_count, false, err);
    if (result == 0 && step->name != NULL && (next->name = plo_strdup(step->name)) == NULL)
        result = plo_fail_nomem(err, 0);
    if (step->callable != NULL)
        next->callable = pipilo_callable_ref(step->callable);
    if (step->pipeline != NULL) {
        next->pipeline = pipilo_pipeline_ref(step->pipeline);
        size_t below = next->pipeline->pipe->depth + 1;
        next->depth = below > next->depth ? below : next->depth;
    }
    if (result == 0)
        result = check_depth(next, err);
    if (result < 0)
        pipilo_pipe_unref(&next);
    *out = next;
    return result;
}

int pipilo_pipe_concat(pipilo_pipe **out, pipilo_pipe *const *pipes, size_t count,
                       struct pipilo_error *err)
{
    if (count < 2)
        return plo_fail(err, PIPILO_EPIPELINE, "The parameter of concat cannot be None.");
    *out = create(PLO_PIPE_CONCAT, pipes, count);
    if (*out == NULL)
        return plo_fail_nomem(err, sizeof **out);
    int result = check_depth(*out, err);
    if (result < 0)
        pipilo_pipe_unref(out);
    return result;
}

pipilo_pipe *pipilo_pipe_ref(pipilo_pipe *pipe)
{
    __atomic_add_fetch(&pipe->refs, 1, __ATOMIC_RELAXED);
    return pipe;
}

void pipilo_pipe_unref(pipilo_pipe **slot)
{
    pipilo_pipe *pipe = *slot;
    *slot = NULL;
    if (pipe == NULL || __atomic_sub_fetch(&pipe->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < pipe->parent_count; i++)
        pipilo_pipe_unref(&pipe->parents[i]);
    plo_free(pipe->parents);
    plo_names_reset(&pipe->inputs);
    plo_names_reset(&pipe->outputs);
    plo_names_reset(&pipe->by);
    pipilo_callable_unref(&pipe->callable);
    pipilo_pipeline_unref(&pipe->pipeline);
    plo_free(pipe->name);
    plo_free(pipe);
}
