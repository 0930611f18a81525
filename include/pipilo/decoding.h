// decoding.h: how pictures are decoded in this process: how large one may be, how long it may take,
// and whether in helper processes.
//
//     struct pipilo_decoding decoding = PIPILO_DECODING_INIT;
//     decoding.time_limit = 10; // seconds
//     decoding.isolate = 1;
//     if (pipilo_decoding_set(&decoding, &err) < 0)
//         ...
//
// What is not set is taken from the environment (PIPILO_TIME_LIMIT, PIPILO_ISOLATE,
// PIPILO_MAX_PIXELS), else it is off. docs/images.md says what the limits do, docs/reliability.md
// what helpers are and are not.
//
// Threads: any.
#ifndef PIPILO_DECODING_H
#define PIPILO_DECODING_H

#include "error.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Grows at the end only.
struct pipilo_decoding {
    uint32_t struct_size;
    // Seconds that decoding one picture may take; one that takes longer is PIPILO_ETIMEOUT. The
    // clock is looked at between rows: what a library does in one go ends first. Below 0: no limit.
    // 0: as the environment says. Helpers are ended a second later, whatever they are doing; where
    // no limit is set, theirs is 120 seconds.
    double time_limit;
    // 1: pictures are decoded in helper processes, so that a decoder that crashes or hangs costs a
    // row. -1: they are not. 0: as the environment says. Each thread that decodes has one, a child
    // of this process; it is kept until this is -1, pipilo_trim or pipilo_close, or memory is
    // short.
    int32_t isolate;
    // Width x height that a picture may have, 1 to 268,435,456; one that has more is PIPILO_ELIMIT
    // before anything of it is decoded. 0: as the environment says, else that most.
    uint64_t max_pixels;
};

#define PIPILO_DECODING_INIT                           \
    {                                                  \
        .struct_size = sizeof(struct pipilo_decoding), \
    }

// Sets all of it, for pictures whose decoding begins afterwards. Where helpers are wanted the first
// is started, and nothing is set where that fails. Errors: PIPILO_EINVALID for a time limit that is
// no number or over a year, for more pixels than the most, and for a text in the environment that
// means nothing and would be used; PIPILO_ENOTFOUND where there is no program pipilo-decoder;
// PIPILO_EIO where it cannot be started or cannot give up its rights.
PIPILO_API int pipilo_decoding_set(const struct pipilo_decoding *decoding,
                                   struct pipilo_error *err);

// What was set, as it was set.
PIPILO_API void pipilo_decoding_get(struct pipilo_decoding *decoding);

#ifdef __cplusplus
}
#endif
#endif
