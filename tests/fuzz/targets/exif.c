// exif.c: EXIF's orientation, and the directory of a TIFF structure, from anywhere in a file.
#include "image/exif.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_bytes bytes = { data, data + size };
    uint32_t offset = fuzz_take(&bytes, 1);
    uint32_t cut = fuzz_take(&bytes, 1);
    size_t left = (size_t)(bytes.end - bytes.at);
    struct plo_input input;
    struct plo_tiff_fields fields;
    plo_input_init(&input, bytes.at, left);
    uint8_t orientation = plo_exif_orientation(&input, offset, left > cut ? left - cut : 0);
    fuzz_require(orientation >= 1 && orientation <= 8, "an orientation is 1 to 8");
    (void)plo_tiff_read(&input, offset, left, &fields);
    // A size that is said wrongly is as good as any: every access is checked by the input.
    (void)plo_tiff_read(&input, offset, UINT64_MAX, &fields);
    plo_input_close(&input);
    return 0;
}
