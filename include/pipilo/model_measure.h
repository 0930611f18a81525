// model_measure.h: what a faster arithmetic costs in fidelity and gives in speed, and how a model
// is best laid out over the cores: measured here, and remembered.
//
//     struct pipilo_calibration *result = NULL;
//     const char *pictures[] = { "photos/" };
//     if (pipilo_model_calibrate(&result, "efficientnet-lite0", pictures, 1, NULL, &err) == 0)
//         printf("worst cosine %.4f, %.2f times as fast\n", result->worst_cosine, result->speed);
//     pipilo_free(result);
//
// Threads: any. What else the machine does meanwhile is measured with it.
#ifndef PIPILO_MODEL_MEASURE_H
#define PIPILO_MODEL_MEASURE_H

#include "value.h"

#ifdef __cplusplus
extern "C" {
#endif

struct pipilo_calibrate_options {
    uint32_t struct_size;
    const char *precision; // what is measured: "bf16", the default, or "f32"
    const char *reference; // the model whose f32 vectors count; NULL: the same one
    bool record;           // write what comes out into the model's card
    // Called after each picture; other than 0 stops the work (PIPILO_ECANCELED). May be NULL.
    int (*progress)(void *cookie, int64_t pictures);
    void *cookie;
};
#define PIPILO_CALIBRATE_OPTIONS_INIT                                           \
    {                                                                           \
        .struct_size = sizeof(struct pipilo_calibrate_options), .record = true, \
    }

struct pipilo_calibration {
    const char *model, *precision, *reference; // as they were named
    double worst_cosine, mean_cosine;          // of vectors against the reference's, from -1 to 1
    const char *worst;                         // the picture with the worst
    double reference_rate, rate;               // inferences a second, medians of alternate rounds
    double speed;                              // median of the rounds' rate / reference_rate
    int64_t pictures, failed;                  // compared; not readable, left out
    const char *card;                          // the card that was written, or NULL
    bool accepted;                             // whether precision "auto" takes it from now on
};

// Embeds the pictures (files, folders, archives) in both ways, compares vector by vector, and times
// inference alone. With `record` the card's `precision` then says it. One block that the caller
// frees with pipilo_free. Errors: those of opening a model; PIPILO_EINVALID where the CPU lacks the
// precision, the vectors are of two sizes, or no picture could be read; PIPILO_EIO where the card
// cannot be written; PIPILO_ECANCELED; PIPILO_ENOMEM.
PIPILO_API int pipilo_model_calibrate(struct pipilo_calibration **out, const char *model,
                                      const char *const *pictures, size_t count,
                                      const struct pipilo_calibrate_options *options,
                                      struct pipilo_error *err);

// How a model is laid out over the cores, and what that gave.
struct pipilo_tuned_layout {
    int streams;  // inferences at the same time
    int threads;  // cores for all of them
    size_t batch; // pictures of one inference
    double rate;  // pictures a second, inference alone: the median of its rounds
    double speed; // the median of rate / the usual layout's rate, in turns
    bool same;    // its vectors are the usual layout's to the last bit
};

struct pipilo_tuning {
    const char *model, *precision;
    size_t count, chosen;                      // [0] is the usual layout
    const struct pipilo_tuned_layout *layouts; // in the order they were tried
    bool recorded;
};

struct pipilo_tune_options {
    uint32_t struct_size;
    const char *precision; // "f32", the default, "bf16" or "auto"
    bool record;           // use the chosen one from now on, in all programs of this user
    // Called after each layout; other than 0 stops the work (PIPILO_ECANCELED). May be NULL.
    int (*progress)(void *cookie, size_t tried, size_t all);
    void *cookie;
};
#define PIPILO_TUNE_OPTIONS_INIT                                           \
    {                                                                      \
        .struct_size = sizeof(struct pipilo_tune_options), .record = true, \
    }

// Tries layouts of `model` on this machine, each in turns with the usual one, and records the
// fastest in the cache folder, beside the compiled models: the card and fingerprints do not change.
// A layout is chosen only where it is 2 % faster and its vectors are the same to the last bit.
// Opening the model with threads and batch left open takes it. One block that the caller frees with
// pipilo_free. Errors: those of opening a model; PIPILO_ENOTFOUND where there is no cache folder;
// PIPILO_EIO; PIPILO_ECANCELED; PIPILO_ENOMEM.
PIPILO_API int pipilo_model_tune(struct pipilo_tuning **out, const char *model,
                                 const struct pipilo_tune_options *options,
                                 struct pipilo_error *err);

// Forgets what was tuned for `model` at `precision` (NULL: "f32"). Errors: as above.
PIPILO_API int pipilo_model_untune(const char *model, const char *precision,
                                   struct pipilo_error *err);

#ifdef __cplusplus
}
#endif
#endif
