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

#ifdef __cplusplus
}
#endif
#endif
