// thumbnail.h: a small JPEG of a picture, for stores that keep one a row.
// Threads: one at a time.
#ifndef PLO_OPS_THUMBNAIL_H
#define PLO_OPS_THUMBNAIL_H

#include "image/image.h"

enum {
    PLO_THUMBNAIL_SIDE = 160,        // pixels of the longer edge, at most
    PLO_THUMBNAIL_BYTES = 128 << 10, // of a thumbnail, at most
};

// How large and how read: smaller pictures keep their size; orientation as `options` says.
struct plo_preprocess plo_thumbnail_target(void);

// Encodes a thumbnail into `out`, which has room for PLO_THUMBNAIL_BYTES; *size gets its length.
// Errors: what reading the picture gives; PIPILO_ELIMIT where the room does not do.
int plo_thumbnail_create(uint8_t *out, size_t *size, struct plo_image *image,
                         const struct plo_decode_options *options,
                         struct plo_image_scratch *scratch, struct pipilo_error *err);

// Encodes RGB pixels as a JPEG into `out`, which has room for *size bytes; *size then gets its
// length. Errors: PIPILO_ELIMIT where the room does not do.
int plo_jpeg_encode(uint8_t *out, size_t *size, const struct plo_pixels *pixels, int quality,
                    struct pipilo_error *err);

#endif
