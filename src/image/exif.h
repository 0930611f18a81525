// exif.h: the orientation out of EXIF data, and the fields of a TIFF directory: the same structure.
// Threads: any.
#ifndef PLO_IMAGE_EXIF_H
#define PLO_IMAGE_EXIF_H

#include <stdbool.h>
#include <stdint.h>

#include "image/input.h"

// What the first directory of a TIFF structure says; 0 where it says nothing.
struct plo_tiff_fields {
    uint32_t width, height, orientation, samples, depth, photometric;
    uint32_t next; // offset of the next directory; 0: none
    bool icc;
    bool cut; // the directory, or a part of it, lies behind the end of the data
};

// Reads the directory of the TIFF structure that begins at `offset` and has `size` bytes. False
// where it is not one. A directory that is cut off gives the fields read so far.
bool plo_tiff_read(struct plo_input *input, uint64_t offset, uint64_t size,
                   struct plo_tiff_fields *fields);

// EXIF's orientation 1..8 from a TIFF structure, which "Exif\0\0" may precede; 1 where there is
// none or it is not valid.
uint8_t plo_exif_orientation(struct plo_input *input, uint64_t offset, uint64_t size);

#endif
