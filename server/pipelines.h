// pipelines.h: pipelines that requests run: those loaded at the start, by name, and those that a
// request brings as text.
//
// A text from a request may call operators that touch no file, and image_embedding.timm and
// image_preprocess with the name of a model that is served and nothing else: its settings are the
// server's.
//
// Threads: pipelines_submit from any; a job's `done` is called on the runner's thread.
#ifndef SERVER_PIPELINES_H
#define SERVER_PIPELINES_H

#include <stdbool.h>

#include "embedder.h"
#include "held.h"
#include "runner.h"
#include "text.h"

struct pipelines;

// One run of a job, made with calloc().
struct pipeline_item {
    struct running running;
    struct pipelines *owner;
    struct pipeline_job *job; // NULL: nobody waits for it any more
    pipilo_value **inputs;    // as many as the pipeline takes
    size_t input_count;
    struct text rows;          // what the job's `row` added
    size_t held;               // bytes of them that are counted
    struct pipilo_error error; // code 0: it ended well
    bool ended;
};

struct pipeline_job {
    pipilo_pipeline *pipeline;
    struct pipeline_item **items; // once it is done, NULL for one that took too long
    size_t count;
    int64_t deadline;        // of clock_now
    const atomic_bool *gone; // set where nobody waits any more
    void (*row)(struct pipeline_item *item, const pipilo_row *row);
    void (*done)(struct pipeline_job *job);
    void *cookie;

    // The pipelines' own.
    struct pipelines *owner;
    struct errand errand;
    struct pipeline_job *next;
    size_t begun, left;
    size_t held; // bytes of all its rows
};

// NULL: no memory. What it is given is not destroyed with it; `held` bounds the rows of all jobs.
struct pipelines *pipelines_create(struct runner *runner, struct embedder *embedder,
                                   struct held *held);
void pipelines_destroy(struct pipelines *pipelines); // no job may be under way; NULL is allowed

// "NAME=TEXT", before requests come. Errors: PIPILO_EINVALID, and those of the text.
int pipelines_add(struct pipelines *pipelines, const char *assignment, struct pipilo_error *err);

// Makes all of them anew, with the models as they are served now. One that fails stays as it was:
// the first failure is the result. Errors: as pipelines_add.
int pipelines_reload(struct pipelines *pipelines, struct pipilo_error *err);

// The pipeline of that name (`length` bytes; a reference of the caller's), or NULL.
pipilo_pipeline *pipelines_find(struct pipelines *pipelines, const char *name, size_t length);
bool pipelines_have(const struct pipelines *pipelines, const char *name, size_t length);

// A request's text as a pipeline of the caller's. Errors: PIPILO_EPIPELINE, PIPILO_EINVALID for
// what is not allowed.
int pipelines_parse(const struct pipelines *pipelines, const char *text, pipilo_pipeline **out,
                    struct pipilo_error *err);

void pipelines_free_item(struct pipeline_item *item); // NULL is allowed

// When no more jobs come: waits for the runs under way. False where they took longer.
bool pipelines_stop(struct pipelines *pipelines, int64_t patience);

// Gives the job over; false where too many wait already.
bool pipelines_submit(struct pipelines *pipelines, struct pipeline_job *job);

#endif
