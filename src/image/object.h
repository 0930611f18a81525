// object.h: the inside of a picture, for the files that implement image.h.
#ifndef PLO_IMAGE_OBJECT_H
#define PLO_IMAGE_OBJECT_H

#include <pthread.h>
#include <stdatomic.h>

#include "image/image.h"

// Exactly one of path, bytes and pixels.owner is set, for good.
struct plo_image {
    atomic_int refs;
    char *path;
    struct plo_buf *bytes;
    struct plo_pixels pixels;

    // From plo_image_open_later: how it is decoded, whoever decodes it, and who failures are of.
    bool bound;
    struct plo_decode_options options;
    char where[64];

    pthread_mutex_t lock; // guards what follows
    bool probed;          // info is known
    struct plo_image_info info;
};

// Remembers what a header said, unless it is known.
void plo_image_keep_info(struct plo_image *image, const struct plo_image_info *info);

// What is remembered; false where nothing is.
bool plo_image_kept_info(struct plo_image *image, struct plo_image_info *info);

// The orientation to be applied, and the size that comes of it: as stored where it is ignored.
uint8_t plo_image_upright(const struct plo_image_info *info,
                          const struct plo_decode_options *options, uint32_t *width,
                          uint32_t *height);

// The plan for an upright picture of that size, within the limits.
int plo_image_plan(const struct plo_preprocess *p, uint32_t width, uint32_t height,
                   const struct plo_decode_options *options, struct plo_preprocess_plan *plan,
                   struct pipilo_error *err);

void plo_image_pixels_info(const struct plo_pixels *pixels, struct plo_image_info *info);

#endif
