// webp: WebP, exactly and at a reduced scale.
#include "picture.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_picture(1U << PLO_IMAGE_WEBP, data, size);
}
