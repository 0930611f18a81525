// room.h: the inside of a model that is served: what it is, and what waits for it (embedder.h).
#ifndef SERVER_ROOM_H
#define SERVER_ROOM_H

#include <pthread.h>
#include <stdatomic.h>

#include "embedder.h"

enum { MOST_BATCH = 64 };

struct group;

struct room {
    struct embedder *embedder;
    const struct embedder_options *options;
    char *spec;
    struct pipilo_model_info *_Atomic info;
    int64_t created;
    pthread_mutex_t lock;          // guards the next
    pipilo_callable *callables[2]; // the model as pipelines call it, and what it sees of a picture
    struct retired *retired;       // of the thread that reloads
    _Atomic int64_t waiting;       // pictures submitted and not yet in a run
    _Atomic int64_t last_good;

    // The runner's thread only, once there are jobs.
    pipilo_pipeline *pipeline;
    const struct pipilo_model_info *serving; // what the pipeline's vectors are of
    size_t batch;
    struct embed_job *jobs; // all, in the order in which their next turns come
    struct embed_job *last;
    struct group *groups;
    _Atomic int active; // runs
    struct embed_job canary;
    pipilo_value *canary_picture, *canary_result;
    atomic_bool canary_out;
    int64_t canary_sent;
};

// What a model was before it was read anew: requests may still look at it.
struct retired {
    struct retired *next;
    struct pipilo_model_info *info;
};

// Loads the model. Errors: those of image_embedding.timm.
int room_open(struct room **out, struct embedder *embedder, const struct embedder_options *options,
              const char *spec, struct pipilo_error *err);
void room_close(struct room **room);

#endif
