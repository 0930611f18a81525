// protocol.h: what a helper is asked and what it answers, over a pair of connected sockets that
// keep messages apart. Both ends are built from this file; a helper of another build is refused.
//
// Pixels and encoded bytes lie in a region of memory that both ends have mapped: the pixels from
// its start, the encoded bytes behind them. The asking end believes nothing that the other says:
// an answer is copied first and then checked.
#ifndef PLO_IMAGE_ISOLATE_PROTOCOL_H
#define PLO_IMAGE_ISOLATE_PROTOCOL_H

#include <pipilo/version.h>

#include "core/preprocess.h"
#include "image/image.h"

enum { PLO_HELPER_SOCKET = 3 }; // the helper's end

// What a helper can be started for, its first argument.
#define PLO_HELPER_ROWS "rows" // the codecs that pipilo is linked with
#define PLO_HELPER_VIPS "vips" // libvips

#define PLO_HELPER_VERSION \
    (PIPILO_VERSION_MAJOR << 20 | PIPILO_VERSION_MINOR << 10 | PIPILO_VERSION_PATCH)

// The first message, from the helper.
struct plo_helper_hello {
    uint32_t version, request_size, answer_size;
    uint64_t address_space;  // bytes it has mapped
    struct pipilo_error err; // code 0: it is ready
};

enum plo_helper_verb {
    PLO_HELPER_PROBE,
    PLO_HELPER_WINDOW,
    PLO_HELPER_CROP,
    PLO_HELPER_PIXELS,
    PLO_HELPER_FORGET, // unmap the region, and say so
};

// A request may carry one descriptor: the region, where it is a new one, or the file to probe.
struct plo_helper_request {
    uint32_t verb;
    bool new_region, of_file;
    uint64_t region_size;
    uint64_t room;       // bytes for pixels, from the region's start
    uint64_t encoded_at; // in the region
    uint64_t encoded_size;
    int64_t limit; // nanoseconds
    struct plo_decode_options options;
    struct plo_preprocess preprocess;  // WINDOW
    uint32_t left, top, width, height; // CROP
    uint32_t color;                    // CROP, PIXELS
};

struct plo_helper_answer {
    uint32_t width, height;     // of the pixels
    struct plo_image_info info; // PROBE
    struct pipilo_error err;    // code 0: it went well
};

#endif
