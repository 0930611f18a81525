// scratch.h: the buffers of a worker that outlive a picture (see image.h).
// Threads: one at a time.
#ifndef PLO_IMAGE_SCRATCH_H
#define PLO_IMAGE_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/image.h"

enum plo_scratch_slot {
    PLO_SCRATCH_ENCODED, // a file's bytes
    PLO_SCRATCH_STATE,   // the codec's
    PLO_SCRATCH_CODEC,   // what its library allocates (jpeg_memory.h)
    PLO_SCRATCH_ROWS,    // the codec's rows, or the whole picture where it gives no rows
    PLO_SCRATCH_RAW,     // the codec's rows before they are RGB
    PLO_SCRATCH_RING,    // rows resized in one direction
    PLO_SCRATCH_LINE,    // a row resized in both
    PLO_SCRATCH_AXIS_X,  // weights
    PLO_SCRATCH_AXIS_Y,
    PLO_SCRATCH_FILTER, // weights of one sample, before they are rounded
    PLO_SCRATCH_WINDOW, // what comes out, in 8 bits
    PLO_SCRATCH_SLOTS
};

struct plo_image_scratch {
    struct {
        void *data;
        size_t size;
        bool kept; // by plo_scratch_keep, and nobody asked for the slot since
    } slots[PLO_SCRATCH_SLOTS];
    size_t codec_bytes; // what PLO_SCRATCH_CODEC should have for the next picture

    // Where pixels go that come out, or NULL: into a buffer of their own. It outlives them.
    uint8_t *place;
    size_t place_size;
};

// At least `size` bytes on a 64-byte boundary, what they held being lost; NULL when out of memory.
void *plo_scratch_get(struct plo_image_scratch *scratch, enum plo_scratch_slot slot, size_t size);

// Says that the slot's content may serve the next picture; plo_scratch_kept gives it, or NULL where
// there is none or others had the slot meanwhile.
void plo_scratch_keep(struct plo_image_scratch *scratch, enum plo_scratch_slot slot);
const void *plo_scratch_kept(const struct plo_image_scratch *scratch, enum plo_scratch_slot slot);

// Gives back what a large picture left: slots above 4 MiB.
void plo_scratch_trim(struct plo_image_scratch *scratch);

#endif
