// crop.h: what image_crop and its name in Towhee share. Threads: as sys/op.h says.
#ifndef PLO_OPS_CROP_H
#define PLO_OPS_CROP_H

#include "ops/picture.h"

struct plo_crop {
    struct plo_workspaces workspaces;
    struct plo_decode_options options;
    bool clamp;
};

extern const struct pipilo_param plo_crop_params[];

int plo_crop_open(void *state, const pipilo_args *args, struct pipilo_error *err);
size_t plo_crop_need(void *state, pipilo_value *const *row, size_t columns);
int plo_crop_call(void *state, void *run, struct pipilo_batch *batch, struct pipilo_error *err);
void plo_crop_close(void *state);

#define PLO_CROP_OPERATOR(called)                                                                  \
    {                                                                                              \
        .struct_size = sizeof(struct pipilo_operator), .name = called,                             \
        .summary = "cut boxes out of a picture",                                                   \
        .inputs = PLO_PICTURE_INPUTS "; boxes: list of (x1, y1, x2, y2) or tensor (n, 4)",         \
        .output = "list of images, one a box", .params = plo_crop_params,                          \
        .flags = PIPILO_OP_PARALLEL, .state_size = sizeof(struct plo_crop), .open = plo_crop_open, \
        .need = plo_crop_need, .call = plo_crop_call, .close = plo_crop_close,                     \
    }

#endif
