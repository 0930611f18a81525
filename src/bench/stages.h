// stages.h: what happens to a picture before a model sees it, each stage alone: by pipilo's image
// code, without a pipeline. Pictures are taken in turn; their files are in the page cache.
// Threads: as timed.h.
#ifndef PLO_BENCH_STAGES_H
#define PLO_BENCH_STAGES_H

#include "bench/timed.h"
#include "image/image.h"

enum plo_stage {
    PLO_STAGE_READ,   // the file into memory
    PLO_STAGE_DECODE, // the file to all its pixels, upright, RGB
    PLO_STAGE_RESIZE, // pixels to the model's input; only this is counted, not their decoding
    PLO_STAGE_TENSOR, // the file to the model's input, as a pipeline does it
};

struct plo_stage_set {
    const char *const *paths;
    size_t count; // at least 1
    struct plo_preprocess target;
    struct plo_decode_options decode;
};

// `job` says how many threads and how long; its `call` and `cookie` are set here. Errors: as
// plo_timed_run, and what reading a picture gives, which names the picture.
int plo_stages_run(struct plo_timed_taken *out, enum plo_stage stage,
                   const struct plo_stage_set *set, struct plo_timed_job job,
                   struct pipilo_error *err);

// Reads every picture once: good[i] says whether it can be. Errors: as plo_timed_run.
int plo_stages_check(bool *good, const struct plo_stage_set *set, struct plo_timed_job job,
                     struct pipilo_error *err);

#endif
