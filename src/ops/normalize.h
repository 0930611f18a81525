// normalize.h: what towhee.np_normalize and its other name share. Threads: as sys/op.h says.
#ifndef PLO_OPS_NORMALIZE_H
#define PLO_OPS_NORMALIZE_H

#include <pipilo/sys/op.h>

struct plo_normalize {
    int64_t axis;
};

extern const struct pipilo_param plo_normalize_params[];

int plo_normalize_open(void *state, const pipilo_args *args, struct pipilo_error *err);
int plo_normalize_call(void *state, void *run, struct pipilo_batch *batch,
                       struct pipilo_error *err);

#define PLO_NORMALIZE_OPERATOR(called)                                                 \
    {                                                                                  \
        .struct_size = sizeof(struct pipilo_operator), .name = called,                 \
        .summary = "scale vectors to length 1", .inputs = "float32 or float64 tensor", \
        .output = "tensor of the same type and shape", .params = plo_normalize_params, \
        .flags = PIPILO_OP_PARALLEL, .state_size = sizeof(struct plo_normalize),       \
        .open = plo_normalize_open, .call = plo_normalize_call,                        \
    }

#endif
