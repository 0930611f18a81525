// jp2: JPEG 2000, by libvips.
#include "picture.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_picture(1U << PLO_IMAGE_JP2, data, size);
}
