// pictures.h: small pictures made in memory from a number, good and bad ones: JPEG (baseline and
// progressive, grey, YCbCr with and without halved colour) and PNG (grey, grey and alpha, RGB,
// RGBA, of 8 and 16 bits). The same number is the same picture, whatever the machine.
//
// Threads: any; nothing here has a state.
#ifndef CLI_SOAK_PICTURES_H
#define CLI_SOAK_PICTURES_H

#include <stddef.h>
#include <stdint.h>

enum soak_picture_kind {
    SOAK_GOOD,  // it can be read
    SOAK_BAD,   // it cannot: cut, empty, or no picture
    SOAK_MAYBE, // bytes of it were changed: what a decoder makes of it is its own business
};

enum { SOAK_PICTURE_BYTES = 1 << 20 }; // the largest one takes less

// Writes picture `number` to `out`, which has room for SOAK_PICTURE_BYTES; gives how many bytes it
// has.
size_t soak_picture(uint64_t number, unsigned char *out, enum soak_picture_kind *kind);

#endif
