// decode.h: what image_decode and its variants share: they differ in the order of channels only.
// Threads: as sys/op.h says for an operator's functions.
#ifndef PLO_OPS_DECODE_H
#define PLO_OPS_DECODE_H

#include "ops/picture.h"

struct plo_decode {
    struct plo_workspaces workspaces;
    struct plo_decode_options options;
    enum plo_color color;
    bool keep;
};

#define PLO_DECODE_INPUTS PLO_PICTURE_INPUTS
#define PLO_DECODE_OUTPUT "image, decoded: uint8 (height, width, 3)"

// The descriptor's functions; parameters `mode`, `exif` and `keep`.
int plo_decode_open(void *state, const pipilo_args *args, struct pipilo_error *err);
size_t plo_decode_need(void *state, pipilo_value *const *row, size_t columns);
int plo_decode_call(void *state, void *run, struct pipilo_batch *batch, struct pipilo_error *err);
void plo_decode_close(void *state);

// The parameter table of a variant whose channels come in the order `mode` ("'RGB'").
#define PLO_DECODE_PARAMS(mode)                                                                 \
    {                                                                                           \
        { .name = "mode",                                                                       \
          .type = PIPILO_PARAM_STRING,                                                          \
          .fallback = mode,                                                                     \
          .choices = "RGB|BGR",                                                                 \
          .help = "order of the channels" },                                                    \
            PLO_PICTURE_EXIF_PARAM,                                                             \
            { .name = "keep",                                                                   \
              .type = PIPILO_PARAM_BOOL,                                                        \
              .fallback = "False",                                                              \
              .help = "decode now and keep the pixels, for several operators that read them" }, \
            { .name = NULL },                                                                   \
    }

// The descriptor of the variant `called`, with its table of parameters.
#define PLO_DECODE_OPERATOR(called, about, table)                                        \
    {                                                                                    \
        .struct_size = sizeof(struct pipilo_operator), .name = called, .summary = about, \
        .inputs = PLO_DECODE_INPUTS, .output = PLO_DECODE_OUTPUT, .params = table,       \
        .flags = PIPILO_OP_PARALLEL, .state_size = sizeof(struct plo_decode),            \
        .open = plo_decode_open, .need = plo_decode_need, .call = plo_decode_call,       \
        .close = plo_decode_close,                                                       \
    }

#endif
