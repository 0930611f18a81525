// plan.c: closing a pipe: from names to indices (see plan.h).
//
// Each pipe on the way gets a scope, the columns visible behind it by name. A scope is made once a
// pipe, so that branches with a common beginning share its nodes.
#include "flow/plan.h"

#include <stdio.h>
#include <string.h>

#include <pipilo/sys/foreign.h>

#include "base/str.h"
#include "core/budget.h"
#include "core/fail.h"
#include "core/governor.h"
#include "core/live.h"
#include "flow/pool.h"
#include "flow/registry.h"

// A pipeline nested twice in one that is nested twice ... doubles with each level.
enum { MAX_STEPS = 20000 };

struct binding {
    const char *name; // of a pipe's names: lives as long as the pipe
    size_t column;
};

struct scope {
    const pipilo_pipe *pipe;
    struct scope *next; // of this planner
    size_t count;
    struct binding bindings[];
};

// What is known while a pipe, or a nested one, is planned.
struct planner {
    pipilo_pipeline *plan;
    struct scope *scopes;
    const size_t *inputs; // columns that the input's names stand for
    const pipilo_pipe *root;
    size_t *index; // the next node's number, shared with nested planners
    size_t *steps; // planned so far, likewise
};

static int plan_pipe(struct planner *planner, const pipilo_pipe *pipe, struct scope **out,
                     struct pipilo_error *err);

static size_t scope_find(const struct scope *scope, const char *name)
{
    for (size_t i = 0; i < scope->count; i++)
        if (strcmp(scope->bindings[i].name, name) == 0)
            return scope->bindings[i].column;
    return SIZE_MAX;
}

static void scope_set(struct scope *scope, const char *name, size_t column)
{
    for (size_t i = 0; i < scope->count; i++) {
        if (strcmp(scope->bindings[i].name, name) == 0) {
            scope->bindings[i].column = column;
            return;
        }
    }
    scope->bindings[scope->count++] = (struct binding){ name, column };
}

// A scope of this pipe with room for `room` names.
static int scope_create(struct planner *planner, const pipilo_pipe *pipe, size_t room,
                        struct scope **out, struct pipilo_error *err)
{
    if (++*planner->steps > MAX_STEPS)
        return plo_fail(err, PIPILO_ELIMIT, "a pipeline has at most %d steps, nested ones included",
                        MAX_STEPS);
    struct scope *scope = plo_alloc0(1, sizeof *scope + room * sizeof(struct binding));
    if (scope == NULL)
        return plo_fail_nomem(err, sizeof *scope);
    scope->pipe = pipe;
    scope->next = planner->scopes;
    planner->scopes = scope;
    *out = scope;
    return 0;
}

static void scopes_free(struct planner *planner)
{
    while (planner->scopes != NULL) {
        struct scope *scope = planner->scopes;
        planner->scopes = scope->next;
        plo_free(scope);
    }
}

static int unknown_column(const struct scope *scope, const char *name, struct pipilo_error *err)
{
    const char *nearest = NULL;
    const char **names = plo_alloc0(scope->count + 1, sizeof *names);
    for (size_t i = 0; names != NULL && i < scope->count; i++)
        names[i] = scope->bindings[i].name;
    if (names != NULL)
        nearest = plo_str_nearest(name, names);
    plo_free(names);
    // The wording up to the hint is Towhee's: programs match on it.
    return plo_fail(
        err, PIPILO_EPIPELINE,
        "The DAG Nodes inputs {'%s'} is not valid, which is not declared: {'%s'}.%s%s%s", name,
        name, nearest != NULL ? " Did you mean '" : "", nearest != NULL ? nearest : "",
        nearest != NULL ? "'?" : "");
}

// The columns that `names` stand for, in a new array.
static int resolve(const struct scope *scope, const struct plo_names *names, size_t **out,
                   struct pipilo_error *err)
{
    size_t *columns = plo_alloc0(names->count, sizeof *columns);
    if (columns == NULL)
        return plo_fail_nomem(err, 0);
    for (size_t i = 0; i < names->count; i++) {
        columns[i] = scope_find(scope, names->items[i]);
        if (columns[i] == SIZE_MAX) {
            plo_free(columns);
            return unknown_column(scope, names->items[i], err);
        }
    }
    *out = columns;
    return 0;
}

static int add_column(pipilo_pipeline *plan, const char *name, bool scalar, size_t *out,
                      struct pipilo_error *err)
{
    struct plo_plan_column *grown =
        plo_realloc(plan->columns, plan->column_count + 1, sizeof *plan->columns);
    if (grown == NULL)
        return plo_fail_nomem(err, 0);
    plan->columns = grown;
    grown[plan->column_count] =
        (struct plo_plan_column){ .name = plo_strdup(name), .scalar = scalar };
    if (grown[plan->column_count].name == NULL)
        return plo_fail_nomem(err, 0);
    *out = plan->column_count++;
    return 0;
}

// How many bytes of a node's name are kept.
static int shown_length(const char *name, size_t most)
{
    size_t length = strlen(name);
    return (int)(length <= most ? length : plo_str_whole(name, most));
}

// A new node of an iteration at the plan's end.
static int add_node(struct planner *planner, const pipilo_pipe *pipe, pipilo_callable *callable,
                    struct plo_plan_node **out, struct pipilo_error *err)
{
    pipilo_pipeline *plan = planner->plan;
    struct plo_plan_node *grown =
        plo_realloc(plan->nodes, plan->node_count + 1, sizeof *plan->nodes);
    if (grown == NULL)
        return plo_fail_nomem(err, 0);
    plan->nodes = grown;
    struct plo_plan_node *node = &grown[plan->node_count++];
    *node = (struct plo_plan_node){
        .iteration = pipe->iteration, .size = pipe->size, .step = pipe->step, .callable = callable
    };
    const char *name = callable != NULL ? callable->op->name : "nop";
    if (pipe->name != NULL)
        snprintf(node->name, sizeof node->name, "%.*s", shown_length(pipe->name, 63), pipe->name);
    else
        snprintf(node->name, sizeof node->name, "%.*s-%zu", shown_length(name, 50), name,
                 *planner->index);
    if (strcmp(node->name, "_input") != 0) // Towhee counts neither input nor output
        ++*planner->index;
    if (callable != NULL)
        pipilo_callable_ref(callable);
    *out = node;
    return 0;
}

// Columns for a node's outputs: SCALAR where every input is, unless a stream is overwritten.
static int add_outputs(struct planner *planner, struct plo_plan_node *node,
                       const struct plo_names *names, const struct scope *before,
                       struct pipilo_error *err)
{
    pipilo_pipeline *plan = planner->plan;
    bool scalar = node->iteration == PIPILO_MAP || node->iteration == PIPILO_FILTER;
    for (size_t i = 0; i < node->input_count && scalar; i++)
        scalar = plan->columns[node->inputs[i]].scalar;
    if (node->iteration == PIPILO_WINDOW_ALL || node->iteration == PIPILO_REDUCE)
        scalar = true;
    node->outputs = plo_alloc0(names->count, sizeof *node->outputs);
    if (node->outputs == NULL)
        return plo_fail_nomem(err, 0);
    for (size_t i = 0; i < names->count; i++) {
        size_t old = scope_find(before, names->items[i]);
        bool keep = old == SIZE_MAX || plan->columns[old].scalar ||
                    (node->iteration != PIPILO_MAP && node->iteration != PIPILO_FILTER);
        PLO_TRY(add_column(plan, names->items[i], scalar && keep, &node->outputs[i], err));
        node->output_count++;
    }
    return 0;
}

static void bind_outputs(struct scope *scope, const struct plo_names *names, const size_t *columns)
{
    for (size_t i = 0; i < names->count; i++)
        scope_set(scope, names->items[i], columns[i]);
}

// Plans a nested pipeline over the columns `inputs`; gives the columns of its outputs (owned).
static int inline_pipeline(struct planner *outer, const pipilo_pipeline *nested,
                           const size_t *inputs, size_t input_count, size_t **out,
                           struct pipilo_error *err)
{
    if (nested->input_names.count != input_count)
        return plo_fail(err, PIPILO_EPIPELINE, "the nested pipeline takes %zu columns, not %zu",
                        nested->input_names.count, input_count);
    struct planner inner = {
        .plan = outer->plan, .inputs = inputs, .index = outer->index, .steps = outer->steps
    };
    struct scope *scope = NULL;
    int result = plan_pipe(&inner, nested->pipe, &scope, err);
    if (result == 0)
        result = resolve(scope, &nested->output_names, out, err);
    scopes_free(&inner);
    return result;
}

// A node without callable: gives its input on, several as one list.
static int add_identity(struct planner *planner, const pipilo_pipe *pipe,
                        enum pipilo_iteration iteration, size_t *inputs, size_t input_count,
                        struct plo_plan_node **out, struct pipilo_error *err)
{
    int result = add_node(planner, pipe, NULL, out, err);
    if (result < 0) {
        plo_free(inputs);
        return result;
    }
    (*out)->iteration = iteration;
    (*out)->inputs = inputs;
    (*out)->input_count = input_count;
    return 0;
}

// Hands the columns of a nested pipeline's outputs over to the step's output names.
static int bind_nested(struct planner *planner, const pipilo_pipe *pipe, struct scope *scope,
                       size_t *columns, struct pipilo_error *err)
{
    size_t have = pipe->pipeline->output_names.count;
    size_t want = pipe->outputs.count;
    bool many = pipe->iteration == PIPILO_FLAT_MAP;
    if (!many && have >= want && (have == 1 || want != 1)) {
        bind_outputs(scope, &pipe->outputs, columns);
        plo_free(columns);
        return 0;
    }
    if (!many && have < want) {
        plo_free(columns);
        return plo_fail(err, PIPILO_EPIPELINE, "the nested pipeline gives %zu columns, not %zu",
                        have, want);
    }
    struct plo_plan_node *node = NULL;
    PLO_TRY(add_identity(planner, pipe, many ? PIPILO_FLAT_MAP : PIPILO_MAP, columns, have, &node,
                         err));
    PLO_TRY(add_outputs(planner, node, &pipe->outputs, scope, err));
    bind_outputs(scope, &pipe->outputs, node->outputs);
    return 0;
}

// A filter whose test is a pipeline: the pipeline's first output says which rows stay.
static int plan_nested_filter(struct planner *planner, const pipilo_pipe *pipe, struct scope *scope,
                              struct pipilo_error *err)
{
    size_t *by = NULL, *flags = NULL;
    struct plo_plan_node *node = NULL;
    if (pipe->pipeline->output_names.count == 0)
        return plo_fail(err, PIPILO_EPIPELINE, "a pipeline that filters needs an output column");
    PLO_TRY(resolve(scope, &pipe->by, &by, err));
    int result = inline_pipeline(planner, pipe->pipeline, by, pipe->by.count, &flags, err);
    plo_free(by);
    PLO_TRY(result);
    result = add_node(planner, pipe, NULL, &node, err);
    if (result < 0) {
        plo_free(flags);
        return result;
    }
    node->by = flags;
    node->by_count = 1;
    PLO_TRY(resolve(scope, &pipe->inputs, &node->inputs, err));
    node->input_count = pipe->inputs.count;
    PLO_TRY(add_outputs(planner, node, &pipe->outputs, scope, err));
    bind_outputs(scope, &pipe->outputs, node->outputs);
    return 0;
}

// A step whose function is a pipeline. Windows are cut first and their lists given to it.
static int plan_nested(struct planner *planner, const pipilo_pipe *pipe, struct scope *scope,
                       struct pipilo_error *err)
{
    if (pipe->iteration == PIPILO_FILTER)
        return plan_nested_filter(planner, pipe, scope, err);
    size_t *inputs = NULL, *columns = NULL;
    int result = 0;
    PLO_TRY(resolve(scope, &pipe->inputs, &inputs, err));
    if (pipe->iteration != PIPILO_MAP && pipe->iteration != PIPILO_FLAT_MAP) {
        struct plo_plan_node *node = NULL;
        PLO_TRY(
            add_identity(planner, pipe, pipe->iteration, inputs, pipe->inputs.count, &node, err));
        PLO_TRY(add_outputs(planner, node, &pipe->inputs, scope, err));
        PLO_TRY(resolve(scope, &pipe->by, &node->by, err));
        node->by_count = pipe->by.count;
        inputs = plo_memdup(node->outputs, node->output_count * sizeof *inputs);
        if (inputs == NULL)
            return plo_fail_nomem(err, 0);
    }
    result = inline_pipeline(planner, pipe->pipeline, inputs, pipe->inputs.count, &columns, err);
    plo_free(inputs);
    PLO_TRY(result);
    return bind_nested(planner, pipe, scope, columns, err);
}

static int plan_step(struct planner *planner, const pipilo_pipe *pipe, struct scope *scope,
                     struct pipilo_error *err)
{
    struct plo_plan_node *node = NULL;
    PLO_TRY(add_node(planner, pipe, pipe->callable, &node, err));
    PLO_TRY(resolve(scope, &pipe->inputs, &node->inputs, err));
    node->input_count = pipe->inputs.count;
    PLO_TRY(resolve(scope, &pipe->by, &node->by, err));
    node->by_count = pipe->by.count;
    PLO_TRY(add_outputs(planner, node, &pipe->outputs, scope, err));
    bind_outputs(scope, &pipe->outputs, node->outputs);
    int result = plo_callable_open(pipe->callable, err);
    if (result < 0)
        plo_fail_where(err, node->name);
    return result;
}

// The scope behind an input: its names stand for the planner's input columns.
static int plan_input(struct planner *planner, const pipilo_pipe *pipe, struct scope **out,
                      struct pipilo_error *err)
{
    if (planner->root != NULL && planner->root != pipe)
        return plo_fail(err, PIPILO_EPIPELINE,
                        "The DAG Nodes inputs {'%s'} is not valid, which is "
                        "not declared: the pipes of concat began at "
                        "different inputs.",
                        pipe->outputs.count > 0 ? pipe->outputs.items[0] : "");
    planner->root = pipe;
    PLO_TRY(scope_create(planner, pipe, pipe->outputs.count, out, err));
    bind_outputs(*out, &pipe->outputs, planner->inputs);
    return 0;
}

static int plan_concat(struct planner *planner, const pipilo_pipe *pipe, struct scope **out,
                       struct pipilo_error *err)
{
    size_t room = 0;
    struct scope *branch = NULL;
    for (size_t i = 0; i < pipe->parent_count; i++) {
        PLO_TRY(plan_pipe(planner, pipe->parents[i], &branch, err));
        room += branch->count;
    }
    PLO_TRY(scope_create(planner, pipe, room, out, err));
    for (size_t i = 0; i < pipe->parent_count; i++) {
        PLO_TRY(plan_pipe(planner, pipe->parents[i], &branch, err));
        for (size_t b = 0; b < branch->count; b++)
            scope_set(*out, branch->bindings[b].name, branch->bindings[b].column);
    }
    ++*planner->index; // Towhee counts concat among the nodes
    return 0;
}

static int plan_pipe(struct planner *planner, const pipilo_pipe *pipe, struct scope **out,
                     struct pipilo_error *err)
{
    for (struct scope *scope = planner->scopes; scope != NULL; scope = scope->next) {
        if (scope->pipe == pipe) {
            *out = scope;
            return 0;
        }
    }
    if (pipe->kind == PLO_PIPE_INPUT)
        return plan_input(planner, pipe, out, err);
    if (pipe->kind == PLO_PIPE_CONCAT)
        return plan_concat(planner, pipe, out, err);
    struct scope *before = NULL;
    PLO_TRY(plan_pipe(planner, pipe->parents[0], &before, err));
    PLO_TRY(scope_create(planner, pipe, before->count + pipe->outputs.count, out, err));
    (*out)->count = before->count;
    memcpy((*out)->bindings, before->bindings, before->count * sizeof before->bindings[0]);
    return pipe->pipeline != NULL ? plan_nested(planner, pipe, *out, err)
                                  : plan_step(planner, pipe, *out, err);
}

static const pipilo_pipe *input_of(const pipilo_pipe *pipe)
{
    while (pipe->parent_count > 0)
        pipe = pipe->parents[0];
    return pipe;
}

// Whether a node looks into what it reads, rather than handing it to a foreign operator.
static bool reads_native(const pipilo_pipeline *plan, const struct plo_plan_node *node)
{
    if (node->callable != NULL)
        return (node->callable->op->flags & PIPILO_OP_FOREIGN) == 0;
    // Without operator the values go on as they are, except for items that are taken out of them.
    bool native = node->iteration == PIPILO_FLAT_MAP;
    for (size_t i = 0; i < node->output_count; i++)
        native = native || plan->columns[node->outputs[i]].native;
    return native;
}

// Whether a value of the node's inputs goes to a native operator's call and nowhere else.
static bool ends_in_native(const struct plo_plan_node *node)
{
    bool row = node->iteration == PIPILO_MAP || node->iteration == PIPILO_FLAT_MAP;
    return row && node->callable != NULL && (node->callable->op->flags & PIPILO_OP_FOREIGN) == 0;
}

// Marks the columns whose values are seen by others than one native operator.
static void mark_shown(pipilo_pipeline *plan)
{
    for (size_t i = 0; i < plan->output_names.count; i++)
        plan->columns[plan->outputs[i]].shown = true;
    for (size_t n = 0; n < plan->node_count; n++) {
        const struct plo_plan_node *node = &plan->nodes[n];
        for (size_t i = 0; i < node->input_count; i++) {
            struct plo_plan_column *column = &plan->columns[node->inputs[i]];
            column->shown = column->shown || !ends_in_native(node) || column->readers > 0;
            column->readers++;
        }
        for (size_t i = 0; i < node->by_count; i++)
            plan->columns[node->by[i]].shown = true;
    }
}

// Marks the columns that are read natively, from the end of the graph to its beginning, because a
// node that passes its values on asks on behalf of those behind it.
static int mark_native(pipilo_pipeline *plan, struct pipilo_error *err)
{
    mark_shown(plan);
    for (size_t n = plan->node_count; n > 0; n--) {
        struct plo_plan_node *node = &plan->nodes[n - 1];
        bool native = reads_native(plan, node);
        bool filter = node->iteration == PIPILO_FILTER;
        for (size_t i = 0; i < node->input_count; i++) {
            bool passed = filter && plan->columns[node->outputs[i]].native;
            bool read = filter ? passed : native;
            plan->columns[node->inputs[i]].native = plan->columns[node->inputs[i]].native || read;
        }
        // The time of a time window, and a test without operator, are read here.
        for (size_t i = 0; i < node->by_count; i++)
            if (native || !filter || node->callable == NULL)
                plan->columns[node->by[i]].native = true;
        node->native = plo_alloc0(node->output_count, sizeof *node->native);
        node->hidden = plo_alloc0(node->output_count, sizeof *node->hidden);
        if (node->native == NULL || node->hidden == NULL)
            return plo_fail_nomem(err, 0);
        for (size_t i = 0; i < node->output_count; i++) {
            node->native[i] = plan->columns[node->outputs[i]].native;
            node->hidden[i] = !plan->columns[node->outputs[i]].shown;
        }
    }
    return 0;
}

static int plan_all(pipilo_pipeline *plan, pipilo_pipe *pipe, const char *const *columns,
                    size_t count, struct pipilo_error *err)
{
    const pipilo_pipe *input = input_of(pipe);
    PLO_TRY(plo_names_copy(&plan->output_names, columns, count, false, err));
    PLO_TRY(plo_names_copy(&plan->input_names, (const char *const *)input->outputs.items,
                           input->outputs.count, true, err));
    size_t *inputs = plo_alloc0(input->outputs.count, sizeof *inputs);
    if (inputs == NULL)
        return plo_fail_nomem(err, 0);
    size_t index = 0, steps = 0;
    struct planner planner = { .plan = plan, .inputs = inputs, .index = &index, .steps = &steps };
    struct scope *scope = NULL;
    int result = 0;
    for (size_t i = 0; result == 0 && i < input->outputs.count; i++)
        result = add_column(plan, input->outputs.items[i], true, &inputs[i], err);
    if (result == 0)
        result = plan_pipe(&planner, pipe, &scope, err);
    if (result == 0)
        result = resolve(scope, &plan->output_names, &plan->outputs, err);
    if (result == 0)
        result = mark_native(plan, err);
    scopes_free(&planner);
    plo_free(inputs);
    return result;
}

int pipilo_pipe_output(pipilo_pipeline **out, pipilo_pipe *pipe, const char *const *columns,
                       size_t count, struct pipilo_error *err)
{
    pipilo_pipeline *plan = plo_alloc0(1, sizeof *plan);
    if (plan == NULL)
        return plo_fail_nomem(err, sizeof *plan);
    plo_live_add(PLO_LIVE_PIPELINE, 1);
    plan->refs = 1;
    plan->pipe = pipilo_pipe_ref(pipe);
    int result = plan_all(plan, pipe, columns, count, err);
    if (result < 0)
        pipilo_pipeline_unref(&plan);
    *out = plan;
    return result;
}

pipilo_pipeline *pipilo_pipeline_ref(pipilo_pipeline *pipeline)
{
    __atomic_add_fetch(&pipeline->refs, 1, __ATOMIC_RELAXED);
    return pipeline;
}

void pipilo_pipeline_unref(pipilo_pipeline **slot)
{
    pipilo_pipeline *plan = *slot;
    *slot = NULL;
    if (plan == NULL || __atomic_sub_fetch(&plan->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < plan->node_count; i++) {
        struct plo_plan_node *node = &plan->nodes[i];
        pipilo_callable_unref(&node->callable);
        plo_free(node->inputs);
        plo_free(node->outputs);
        plo_free(node->by);
        plo_free(node->native);
        plo_free(node->hidden);
    }
    for (size_t i = 0; i < plan->column_count; i++)
        plo_free(plan->columns[i].name);
    plo_free(plan->nodes);
    plo_free(plan->columns);
    plo_free(plan->outputs);
    plo_names_reset(&plan->input_names);
    plo_names_reset(&plan->output_names);
    pipilo_pipe_unref(&plan->pipe);
    plo_live_add(PLO_LIVE_PIPELINE, -1);
    plo_free(plan);
}

size_t pipilo_pipeline_input_count(const pipilo_pipeline *pipeline)
{
    return pipeline->input_names.count;
}

const char *pipilo_pipeline_input_name(const pipilo_pipeline *pipeline, size_t index)
{
    return index < pipeline->input_names.count ? pipeline->input_names.items[index] : NULL;
}

bool pipilo_pipeline_input_is_native(const pipilo_pipeline *pipeline, size_t index)
{
    return index < pipeline->input_names.count && pipeline->columns[index].native;
}

size_t pipilo_pipeline_output_count(const pipilo_pipeline *pipeline)
{
    return pipeline->output_names.count;
}

const char *pipilo_pipeline_output_name(const pipilo_pipeline *pipeline, size_t index)
{
    return index < pipeline->output_names.count ? pipeline->output_names.items[index] : NULL;
}

bool pipilo_pipeline_output_is_scalar(const pipilo_pipeline *pipeline, size_t index)
{
    return index < pipeline->output_names.count &&
           pipeline->columns[pipeline->outputs[index]].scalar;
}

size_t pipilo_pipeline_node_count(const pipilo_pipeline *pipeline)
{
    return pipeline->node_count;
}

const char *pipilo_pipeline_node_name(const pipilo_pipeline *pipeline, size_t index)
{
    return index < pipeline->node_count ? pipeline->nodes[index].name : NULL;
}
