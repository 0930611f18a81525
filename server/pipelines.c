// pipelines.c: pipelines by name and by text, and their runs (see pipelines.h).
#include "pipelines.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pipilo/sys/op.h>

#include "clock.h"
#include "routes.h"

enum { MOST_NAMED = 8, MOST_ACTIVE = 8, MOST_JOBS = 256, TEXT_BYTES = 64 << 10 };

struct named {
    char *name;
    const char *text;
    pipilo_pipeline *pipeline; // guarded by the lock
};

struct pipelines {
    struct runner *runner;
    struct embedder *embedder;
    struct held *held;
    struct named named[MOST_NAMED];
    size_t named_count;
    pthread_mutex_t lock;
    _Atomic int64_t jobs; // submitted and not done
    _Atomic int active;   // runs

    // The runner's thread only.
    struct pipeline_job *first, **end;
};

static int fail(struct pipilo_error *err, int code, const char *format, ...) SERVER_PRINTF(3, 4);

static int fail(struct pipilo_error *err, int code, const char *format, ...)
{
    va_list args;
    *err = (struct pipilo_error){ .code = code };
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return code;
}

// --- texts ---------------------------------------------------------------------------------------

static const char *model_of(pipilo_value *const *positional, size_t positional_count,
                            const char *const *keywords, pipilo_value *const *values,
                            size_t keyword_count)
{
    if (positional_count == 1 && keyword_count == 0)
        return pipilo_value_string(positional[0]);
    if (positional_count == 0 && keyword_count == 1 && strcmp(keywords[0], "model_name") == 0)
        return pipilo_value_string(values[0]);
    return NULL;
}

// Whether a call of it names a model, which may be a path.
static bool names_a_model(const struct pipilo_operator *op)
{
    for (const struct pipilo_param *param = op->params; param != NULL && param->name != NULL;
         param++)
        if (strncmp(param->name, "model", 5) == 0)
            return true;
    return false;
}

// What a request's text may call.
static int allowed_callable(void *cookie, pipilo_callable **out, const char *name,
                            pipilo_value *const *positional, size_t positional_count,
                            const char *const *keywords, pipilo_value *const *values,
                            size_t keyword_count, struct pipilo_error *err)
{
    const struct pipelines *pipelines = cookie;
    const struct pipilo_operator *op = pipilo_operator_find(name);
    if (op != NULL && (op->flags & PIPILO_OP_WRITES))
        return fail(err, PIPILO_EINVALID, "ops.%s touches files, which a request may not", name);
    if (op == NULL || !names_a_model(op))
        return pipilo_callable_create(out, name, positional, positional_count, keywords, values,
                                      keyword_count, err);
    const char *model = model_of(positional, positional_count, keywords, values, keyword_count);
    if (model == NULL)
        return fail(err, PIPILO_EINVALID,
                    "in a request ops.%s takes the name of a model that is served, and no more",
                    name);
    struct room *room = embedder_find(pipelines->embedder, model);
    if (room == NULL)
        return fail(err, PIPILO_ENOTFOUND, "no model '%.100s' is served; GET /v1/models lists them",
                    model);
    *out = room_callable(room, name);
    return *out != NULL ? 0 : fail(err, PIPILO_EINVALID, "a request may not call ops.%s", name);
}

int pipelines_parse(const struct pipelines *pipelines, const char *text, pipilo_pipeline **out,
                    struct pipilo_error *err)
{
    struct pipilo_parse_options options = PIPILO_PARSE_OPTIONS_INIT;
    options.callable = allowed_callable;
    options.cookie = (void *)(uintptr_t)pipelines;
    if (strlen(text) > TEXT_BYTES)
        return fail(err, PIPILO_EINVALID, "the pipeline is longer than 64 KB");
    return pipilo_pipeline_parse_with(out, text, &options, err);
}

// What is loaded at the start is the operator's own: any call, and a model by any name. One that is
// served is the very one.
static int own_callable(void *cookie, pipilo_callable **out, const char *name,
                        pipilo_value *const *positional, size_t positional_count,
                        const char *const *keywords, pipilo_value *const *values,
                        size_t keyword_count, struct pipilo_error *err)
{
    const struct pipelines *pipelines = cookie;
    const char *model = model_of(positional, positional_count, keywords, values, keyword_count);
    struct room *room = model != NULL ? embedder_find(pipelines->embedder, model) : NULL;
    *out = room != NULL ? room_callable(room, name) : NULL;
    if (*out != NULL)
        return 0;
    return pipilo_callable_create(out, name, positional, positional_count, keywords, values,
                                  keyword_count, err);
}

static int parse_own(struct pipelines *pipelines, const char *text, pipilo_pipeline **out,
                     struct pipilo_error *err)
{
    struct pipilo_parse_options options = PIPILO_PARSE_OPTIONS_INIT;
    options.callable = own_callable;
    options.cookie = pipelines;
    return pipilo_pipeline_parse_with(out, text, &options, err);
}

int pipelines_add(struct pipelines *pipelines, const char *assignment, struct pipilo_error *err)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    size_t length = strspn(assignment, letters);
    if (length > 0 && assignment[length] == '=' && route_is_taken(assignment, length))
        return fail(err, PIPILO_EINVALID, "--pipeline: /%.*s is a route of the server's own",
                    (int)length, assignment);
    if (length == 0 || assignment[length] != '=' || length > 64 ||
        pipelines->named_count == MOST_NAMED || pipelines_have(pipelines, assignment, length))
        return fail(err, PIPILO_EINVALID,
                    "--pipeline takes NAME=PIPELINE, a name of letters, digits, _ and - that is "
                    "not there yet, not '%.100s'",
                    assignment);
    struct named *named = &pipelines->named[pipelines->named_count];
    named->text = assignment + length + 1;
    int result = parse_own(pipelines, named->text, &named->pipeline, err);
    if (result < 0)
        return result;
    named->name = strndup(assignment, length);
    if (named->name == NULL) {
        pipilo_pipeline_unref(&named->pipeline);
        return fail(err, PIPILO_ENOMEM, "no memory for the pipeline '%.100s'", assignment);
    }
    pipelines->named_count++;
    return 0;
}

int pipelines_reload(struct pipelines *pipelines, struct pipilo_error *err)
{
    struct pipilo_error why = { 0 };
    int result = 0;
    for (size_t i = 0; i < pipelines->named_count; i++) {
        struct named *named = &pipelines->named[i];
        pipilo_pipeline *made = NULL;
        if (parse_own(pipelines, named->text, &made, &why) < 0) {
            if (result == 0)
                result = fail(err, why.code, "%s: %.300s", named->name, why.message);
            continue;
        }
        pthread_mutex_lock(&pipelines->lock);
        pipilo_pipeline *before = named->pipeline;
        named->pipeline = made;
        pthread_mutex_unlock(&pipelines->lock);
        pipilo_pipeline_unref(&before);
    }
    return result;
}

// Its place, or the number of all.
static size_t place_of(const struct pipelines *pipelines, const char *name, size_t length)
{
    size_t i = 0;
    while (i < pipelines->named_count && (strncmp(pipelines->named[i].name, name, length) != 0 ||
                                          pipelines->named[i].name[length] != '\0'))
        i++;
    return i;
}

bool pipelines_have(const struct pipelines *pipelines, const char *name, size_t length)
{
    return place_of(pipelines, name, length) < pipelines->named_count;
}

pipilo_pipeline *pipelines_find(struct pipelines *pipelines, const char *name, size_t length)
{
    size_t place = place_of(pipelines, name, length);
    if (place == pipelines->named_count)
        return NULL;
    pthread_mutex_lock(&pipelines->lock);
    pipilo_pipeline *pipeline = pipilo_pipeline_ref(pipelines->named[place].pipeline);
    pthread_mutex_unlock(&pipelines->lock);
    return pipeline;
}

// --- runs ----------------------------------------------------------------------------------------

void pipelines_free_item(struct pipeline_item *item)
{
    if (item == NULL)
        return;
    for (size_t i = 0; item->inputs != NULL && i < item->input_count; i++)
        pipilo_value_unref(&item->inputs[i]);
    free(item->inputs);
    text_reset(&item->rows);
    if (item->held > 0)
        held_give(item->owner->held, item->held);
    free(item);
}

// All its runs have ended, or are nobody's any more.
static void end_job(struct pipelines *pipelines, struct pipeline_job *job)
{
    struct pipeline_job **link = &pipelines->first;
    while (*link != job)
        link = &(*link)->next;
    *link = job->next;
    if (*link == NULL)
        pipelines->end = link;
    atomic_fetch_sub(&pipelines->jobs, 1);
    job->done(job);
}

static void end_item(struct pipelines *pipelines, struct pipeline_item *item)
{
    struct pipeline_job *job = item->job;
    item->ended = true;
    if (--job->left == 0)
        end_job(pipelines, job);
}

// An answer that grows past all bounds is not finished: a few bytes of a picture can be millions of
// numbers.
static void count_rows(struct pipeline_item *item)
{
    struct pipeline_job *job = item->job;
    size_t more = item->rows.capacity - item->held;
    struct held *held = item->owner->held;
    if (item->rows.full || job->held + more > TEXT_CEILING ||
        (int64_t)(job->held + more) > held->most) {
        item->error = (struct pipilo_error){ PIPILO_ELIMIT, "", "the answer is too large" };
    } else if (item->rows.failed) {
        item->error = (struct pipilo_error){ PIPILO_ENOMEM, "", "no memory for the answer" };
    } else if (!held_take(held, more)) {
        item->error =
            (struct pipilo_error){ PIPILO_EBUSY, "", "too many answers wait already; try again" };
    } else {
        item->held += more;
        job->held += more;
    }
}

static void take_row(struct running *running, const pipilo_row *row)
{
    struct pipeline_item *item = (struct pipeline_item *)running;
    if (item->job == NULL || item->error.code < 0)
        return;
    item->job->row(item, row);
    if (item->error.code == 0)
        count_rows(item);
    if (item->error.code < 0)
        pipilo_run_cancel(running->run);
}

static void run_ended(struct running *running, const struct pipilo_error *err)
{
    struct pipeline_item *item = (struct pipeline_item *)running;
    struct pipelines *pipelines = item->owner;
    atomic_fetch_sub(&pipelines->active, 1);
    if (item->job == NULL) {
        pipelines_free_item(item);
        return;
    }
    if (err != NULL && item->error.code == 0)
        item->error = *err;
    end_item(pipelines, item);
}

static void start_item(struct pipelines *pipelines, struct pipeline_item *item)
{
    struct pipeline_job *job = item->job;
    item->owner = pipelines;
    item->running.row = take_row;
    item->running.ended = run_ended;
    int result = runner_start(pipelines->runner, &item->running, job->pipeline, item->inputs,
                              pipilo_pipeline_input_count(job->pipeline), &item->error);
    if (result == 0)
        atomic_fetch_add(&pipelines->active, 1);
    else
        end_item(pipelines, item);
}

// The next run of the first job that has one.
static struct pipeline_item *next_item(struct pipelines *pipelines)
{
    for (struct pipeline_job *job = pipelines->first; job != NULL; job = job->next)
        if (job->begun < job->count)
            return job->items[job->begun++];
    return NULL;
}

// What is still in a run is nobody's from here on: where a stage is stuck, the request is answered
// all the same.
static void expire(struct pipelines *pipelines, struct pipeline_job *job)
{
    const struct pipilo_error late = { PIPILO_ETIMEOUT, "", "it took longer than a request may" };
    for (size_t i = 0; i < job->count; i++) {
        struct pipeline_item *item = job->items[i];
        if (item->ended)
            continue;
        if (i >= job->begun) {
            item->error = late;
            continue;
        }
        job->items[i] = NULL;
        item->job = NULL;
        pipilo_run_cancel(item->running.run);
    }
    job->begun = job->count;
    end_job(pipelines, job);
}

static void tick(void *cookie, int64_t now)
{
    struct pipelines *pipelines = cookie;
    struct pipeline_item *item;
    for (struct pipeline_job *job = pipelines->first, *next; job != NULL; job = next) {
        next = job->next;
        if (now > job->deadline || atomic_load(job->gone))
            expire(pipelines, job);
    }
    while (atomic_load(&pipelines->active) < MOST_ACTIVE && (item = next_item(pipelines)) != NULL)
        start_item(pipelines, item);
}

static void admit(struct errand *errand)
{
    struct pipeline_job *job =
        (struct pipeline_job *)((char *)errand - offsetof(struct pipeline_job, errand));
    struct pipelines *pipelines = job->owner;
    *pipelines->end = job;
    pipelines->end = &job->next;
}

bool pipelines_submit(struct pipelines *pipelines, struct pipeline_job *job)
{
    if (atomic_fetch_add(&pipelines->jobs, 1) >= MOST_JOBS) {
        atomic_fetch_sub(&pipelines->jobs, 1);
        return false;
    }
    job->owner = pipelines;
    job->next = NULL;
    job->begun = 0;
    job->left = job->count;
    job->held = 0;
    job->errand.call = admit;
    runner_call(pipelines->runner, &job->errand);
    return true;
}

struct pipelines *pipelines_create(struct runner *runner, struct embedder *embedder,
                                   struct held *held)
{
    struct pipelines *pipelines = calloc(1, sizeof *pipelines);
    if (pipelines == NULL)
        return NULL;
    pipelines->runner = runner;
    pipelines->embedder = embedder;
    pipelines->held = held;
    pipelines->end = &pipelines->first;
    pthread_mutex_init(&pipelines->lock, NULL);
    runner_add_tick(runner, (struct runner_tick){ tick, pipelines });
    return pipelines;
}

bool pipelines_stop(struct pipelines *pipelines, int64_t patience)
{
    int64_t until = clock_now() + patience;
    const struct timespec moment = { 0, 2 * MILLISECOND };
    while (atomic_load(&pipelines->active) > 0) {
        if (clock_now() > until)
            return false;
        nanosleep(&moment, NULL);
    }
    return true;
}

void pipelines_destroy(struct pipelines *pipelines)
{
    if (pipelines == NULL)
        return;
    for (size_t i = 0; i < pipelines->named_count; i++) {
        free(pipelines->named[i].name);
        pipilo_pipeline_unref(&pipelines->named[i].pipeline);
    }
    pthread_mutex_destroy(&pipelines->lock);
    free(pipelines);
}
