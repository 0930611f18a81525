// jpeg_memory.h: libjpeg's memory, from a buffer that a worker keeps from picture to picture. The
// library asks for some forty blocks a picture and frees none before the end: they are cut from the
// buffer one after the other, and what does not fit is allocated beside it; the next picture finds
// the buffer as large as this one would have liked it, up to what a worker may keep.
//
// Threads: one at a time.
#ifndef PLO_IMAGE_CODECS_JPEG_MEMORY_H
#define PLO_IMAGE_CODECS_JPEG_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "image/scratch.h"

struct plo_jpeg_chunk;

struct plo_jpeg_memory {
    struct plo_image_scratch *scratch;
    uint8_t *buffer; // the scratch's
    size_t size, used;
    size_t wanted;                 // bytes of all blocks, those beside the buffer too
    struct plo_jpeg_chunk *beside; // in a list
    void *arrays;                  // asked for, not allocated yet
};

// Gives `jpeg`, a j_common_ptr whose client_data begins with *memory, its blocks from now on; what
// the library allocated while it made *jpeg (two small blocks) stays its own. PIPILO_ENOMEM.
int plo_jpeg_memory_init(struct plo_jpeg_memory *memory, void *jpeg,
                         struct plo_image_scratch *scratch, struct pipilo_error *err);

// After jpeg_destroy; a zeroed struct is allowed.
void plo_jpeg_memory_reset(struct plo_jpeg_memory *memory);

#endif
