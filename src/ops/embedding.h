// embedding.h: the model settings that the operators which embed and those which write share: the
// same arguments name the same loaded model. Threads: any.
#ifndef PLO_OPS_EMBEDDING_H
#define PLO_OPS_EMBEDDING_H

#include <pipilo/models.h>
#include <pipilo/sys/op.h>

#include "image/image.h"
#include "model/model.h"

// Rows of a parameter table, all read by plo_embedding_settings.
#define PLO_EMBEDDING_PARAMS                                                                 \
    { .name = "precision",                                                                   \
      .type = PIPILO_PARAM_STRING,                                                           \
      .fallback = "'f32'",                                                                   \
      .choices = "f32|bf16|auto",                                                            \
      .help = "of the inference; auto: the fastest that was measured to be safe" },          \
        { .name = "fast",                                                                    \
          .type = PIPILO_PARAM_BOOL,                                                         \
          .fallback = "False",                                                               \
          .help = "decode JPEG and WebP at a reduced scale, never below twice the target" }, \
        { .name = "exif",                                                                    \
          .type = PIPILO_PARAM_STRING,                                                       \
          .fallback = "'apply'",                                                             \
          .choices = "apply|ignore",                                                         \
          .help = "turn pictures upright as their EXIF data say, or not" },                  \
        { .name = "normalize",                                                               \
          .type = PIPILO_PARAM_BOOL,                                                         \
          .fallback = "False",                                                               \
          .help = "scale vectors to length 1" },                                             \
        { .name = "batch",                                                                   \
          .type = PIPILO_PARAM_INT,                                                          \
          .fallback = "0",                                                                   \
          .min = 0,                                                                          \
          .max = PLO_MODEL_MAX_BATCH,                                                        \
          .help = "pictures in one inference; 0: what the engine likes best" },              \
    {                                                                                        \
        .name = "threads", .type = PIPILO_PARAM_INT, .fallback = "0", .min = 0,              \
        .max = PLO_MODEL_MAX_STREAMS, .help = "inferences at the same time; 0: one a core"   \
    }

// What they come to: how the model is loaded and how pictures are read for it.
struct plo_embedding {
    struct plo_model_options model;
    struct plo_decode_options decode;
};

// By the arguments above and `device`; its string is borrowed from `args`.
struct plo_embedding plo_embedding_of_args(const pipilo_args *args);

// By a public struct (NULL: the defaults). Errors: PIPILO_EINVALID for an unknown precision or
// exif.
int plo_embedding_of_settings(struct plo_embedding *out,
                              const struct pipilo_model_settings *settings,
                              struct pipilo_error *err);

// What fixes the vectors the model makes in this way.
int plo_embedding_fingerprint(const struct plo_embedding *embedding, const struct plo_model *model,
                              struct plo_fingerprint *out, struct pipilo_error *err);

#endif
