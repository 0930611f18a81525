// decoding.h: how pictures are decoded in this process: how long one may take.
//
//     struct pipilo_decoding decoding = PIPILO_DECODING_INIT;
//     decoding.time_limit = 10; // seconds
//     if (pipilo_decoding_set(&decoding, &err) < 0)
//         ...
//
// What is not set is taken from the environment (PIPILO_TIME_LIMIT), else it is off.
// docs/images.md has more of it.
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
    // 0: as the environment says.
    double time_limit;
};

#define PIPILO_DECODING_INIT                           \
    {                                                  \
        .struct_size = sizeof(struct pipilo_decoding), \
    }

// Sets all of it, for pictures whose decoding begins afterwards. Errors: PIPILO_EINVALID for a time
// limit that is no number, over a year, or a text in the environment that is none and would be
// used.
PIPILO_API int pipilo_decoding_set(const struct pipilo_decoding *decoding,
                                   struct pipilo_error *err);

// What holds: `time_limit` is below 0 where there is none.
PIPILO_API void pipilo_decoding_get(struct pipilo_decoding *decoding);

#ifdef __cplusplus
}
#endif
#endif
