// embedder.h: the models that are served, and the pictures that wait for them.
//
// A request's pictures are a job. Jobs of one model take turns, picture by picture, so that a large
// one does not hold the small ones up; what waits is taken in runs of as many pictures as the model
// likes in one inference, whosever they are, and no run waits to be filled. Few runs are under way
// at once: just enough to keep the cores busy, so that a job whose time is over costs little more.
//
// Threads: embedder_submit from any; a job's `done` is called on the runner's thread. Between the
// two the job is the embedder's.
#ifndef SERVER_EMBEDDER_H
#define SERVER_EMBEDDER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipilo/pipilo.h>

#include "runner.h"

struct embedder;
struct room; // a model that is served

struct embedder_options {
    const char *precision, *exif, *device;
    bool fast, normalize;
    int64_t threads, batch;
    int64_t most_waiting; // pictures that may wait for a model
    int64_t batch_wait;   // nanoseconds a picture may wait for others to fill its run
};

struct embed_job {
    struct room *room;
    size_t count;
    pipilo_value **pictures; // `count`; each is let go once it is done
    pipilo_value **results;  // `count` places, NULL: a vector, an error value, NULL for no memory
    const struct pipilo_model_info *model; // what the vectors are to be of; NULL: what is served
    int64_t deadline;                      // of clock_now
    const atomic_bool *gone;               // NULL, or set where nobody waits any more
    void (*done)(struct embed_job *job);

    // The embedder's own.
    struct errand errand;
    struct embed_job *next, *before; // of all jobs of the room
    size_t taken, left;              // pictures
    int64_t submitted;
    bool first; // goes before all others
};

// NULL after an error. Models are opened with embedder_add, before the first job.
struct embedder *embedder_create(struct runner *runner, const struct embedder_options *options,
                                 struct pipilo_error *err);
int embedder_add(struct embedder *embedder, const char *spec, struct pipilo_error *err);

// Behind the last embedder_add: work begins.
void embedder_begin(struct embedder *embedder);

// When no more jobs come: waits for the runs under way. False where they took longer.
bool embedder_stop(struct embedder *embedder, int64_t patience);

// No job may be under way, and the runner must be gone. NULL is allowed.
void embedder_destroy(struct embedder *embedder);

// The served model of that name (of its card, or as it was given on the command line); NULL: the
// first. Or NULL.
struct room *embedder_find(const struct embedder *embedder, const char *name);
struct room *embedder_room(const struct embedder *embedder, size_t index); // NULL past the end
struct room *embedder_of_fingerprint(const struct embedder *embedder, const char *fingerprint);

// Reads the model anew, where it has changed; on failure it stays as it was. One thread at a time.
// Errors: as embedder_add.
int room_reload(struct room *room, bool *changed, struct pipilo_error *err);
struct runner *embedder_runner(const struct embedder *embedder);

// Borrowed as long as the room: also what it was before a reload.
const struct pipilo_model_info *room_info(const struct room *room);
int64_t room_created(const struct room *room); // seconds since 1970
int64_t room_waiting(const struct room *room); // pictures

// What image_embedding.timm and image_preprocess stand for where this model is meant: the model
// that is served, whatever its files are by now. NULL for other operators; else a reference of the
// caller's. Any thread.
pipilo_callable *room_callable(struct room *room, const char *name);

// write_sqlite, adding rows of `model` to `path`, or updating it; and the items of a list, one by
// one. Errors: PIPILO_EMISMATCH where the model's files are of another by now.
int room_writer(const struct room *room, const struct pipilo_model_info *model, const char *path,
                bool update, pipilo_callable **out, struct pipilo_error *err);
int room_items(pipilo_callable **out, struct pipilo_error *err);

// Gives the job over; false where too many pictures wait already: it is still the caller's then.
bool embedder_submit(struct embedder *embedder, struct embed_job *job);

// Whether every model gave a vector within the last `within` nanoseconds, from a real picture or
// from one of the server's own, tried every few seconds; else the name of one that did not.
bool embedder_healthy(const struct embedder *embedder, int64_t within, const char **stuck);

#endif
