// picture.h: what the operators on pictures share: whatever a row gives as a picture becomes a
// plo_image, a call gets buffers that are kept from call to call, pixels become values.
// Threads: any, as image.h.
#ifndef PLO_OPS_PICTURE_H
#define PLO_OPS_PICTURE_H

#include <pthread.h>

#include <pipilo/sys/op.h>

#include "image/image.h"

// For descriptors: what plo_picture_open takes, and the parameter `exif`.
#define PLO_PICTURE_INPUTS "image | path: str | bytes | uint8 (height, width, 3), RGB"
#define PLO_PICTURE_EXIF_PARAM                                                                    \
    {                                                                                             \
        .name = "exif", .type = PIPILO_PARAM_STRING, .fallback = "'apply'",                       \
        .choices = "apply|ignore", .help = "turn pictures upright as their EXIF data say, or not" \
    }
#define PLO_PICTURE_FAST_PARAM                                                          \
    {                                                                                   \
        .name = "fast", .type = PIPILO_PARAM_BOOL, .fallback = "False",                 \
        .help = "decode JPEG and WebP at a reduced scale, never below twice the target" \
    }

// The picture a value holds, one reference for the caller: an image, a path, encoded bytes (not
// copied) or a tensor (not copied). Errors: PIPILO_EINVALID for anything else, PIPILO_ENOMEM; a
// file that is not there shows when it is read.
int plo_picture_open(struct plo_image **out, const pipilo_value *value, struct pipilo_error *err);

// An image value that holds `pixels`; consumes the reference to its owner, on failure too.
int plo_picture_image(pipilo_value **out, struct plo_pixels *pixels, struct pipilo_error *err);

// A tensor uint8 [height, width, 3] over `pixels`; consumes its owner as above.
int plo_picture_tensor(pipilo_value **out, struct plo_pixels *pixels, struct pipilo_error *err);

// Decode options by the arguments `exif` and, where the operator has it, `fast`.
struct plo_decode_options plo_picture_options(const pipilo_args *args, bool has_fast);

// Bytes to reserve for a row whose picture is `value` (see plo_image_need), or 0 where that cannot
// be told: the call will find out what is wrong with it.
size_t plo_picture_need(const pipilo_value *value, const struct plo_preprocess *target,
                        const struct plo_decode_options *options);

// --- buffers kept from call to call ---

// One call's: the image layer's, and floats before and after an inference.
struct plo_workspace {
    struct plo_workspace *next; // guarded by the list's lock
    struct plo_image_scratch *scratch;
    float *input;  // 64-byte aligned; input_floats of them, or NULL for 0
    float *output; // output_floats of them, or NULL for 0
};

// As many as calls ran at once. All zero but the lock is a valid start.
struct plo_workspaces {
    pthread_mutex_t lock;
    struct plo_workspace *free; // guarded by lock
    size_t input_floats, output_floats;
};

void plo_workspaces_init(struct plo_workspaces *list, size_t input_floats, size_t output_floats);
struct plo_workspace *plo_workspaces_take(struct plo_workspaces *list, struct pipilo_error *err);
void plo_workspaces_give(struct plo_workspaces *list, struct plo_workspace *workspace);
void plo_workspaces_reset(struct plo_workspaces *list);

// A call that handles one row after the other with one workspace: `row` fills *out from the row's
// values. A row it fails for gets an error value.
int plo_workspaces_call(struct plo_workspaces *list, void *state, struct pipilo_batch *batch,
                        int (*row)(void *state, struct plo_workspace *workspace,
                                   pipilo_value *const *in, pipilo_value **out,
                                   struct pipilo_error *err),
                        struct pipilo_error *err);

#endif
