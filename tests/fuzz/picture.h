// picture.h: what the targets do with one encoded picture; each names its formats.
#ifndef FUZZ_PICTURE_H
#define FUZZ_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#include "image/image.h"

// Reads the header from bytes and from a file, which must agree; decodes all pixels, a model's
// input, with and without `--fast`, and a crop, which must be the pixels it is of. `formats` holds
// a bit for each enum plo_image_format; a picture of another is not worth keeping (-1).
int fuzz_picture(unsigned formats, const uint8_t *data, size_t size);

#endif
