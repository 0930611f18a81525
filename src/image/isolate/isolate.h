// isolate.h: decoding in a helper process. A decoder that crashes, hangs or takes more memory than
// the picture's header says costs that picture, and a new helper. What comes out is, byte for byte,
// what decoding here gives.
//
// This process reads the file and, but for the formats of libvips, its header; what the file's
// bytes mean beyond that only a helper finds out. Threads: any.
#ifndef PLO_IMAGE_ISOLATE_ISOLATE_H
#define PLO_IMAGE_ISOLATE_ISOLATE_H

#include "image/image.h"
#include "image/input.h"
#include "image/isolate/protocol.h"

struct plo_helper;

// Whether the picture is to be decoded in a helper: that is wanted, and it is not decoded already.
bool plo_isolate_takes(const struct plo_image *image);

// Pixels that lie in memory shared with a helper, which is held as long.
struct plo_isolated {
    struct plo_helper *helper;
    uint32_t width, height;
    const uint8_t *data; // uint8 [height, width, 3]
};

// Decodes as the request's verb, `options`, and `preprocess`, rectangle or `color` say; its other
// members are filled in here. After a failure `out` need not be ended. Errors: as of
// plo_image_pixels and of plo_helper_take and plo_helper_ask.
int plo_isolate_decode(struct plo_isolated *out, struct plo_image *image,
                       struct plo_helper_request *request, struct pipilo_error *err);

// Pixels of one's own, with the shared memory itself where they are many.
int plo_isolated_keep(struct plo_isolated *from, enum plo_color color, struct plo_pixels *out,
                      struct pipilo_error *err);

void plo_isolated_end(struct plo_isolated *isolated);

// Reads a header that only libvips can read.
int plo_isolate_probe(struct plo_input *input, struct plo_image_info *info,
                      struct pipilo_error *err);

#endif
