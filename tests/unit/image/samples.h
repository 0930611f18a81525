// samples.h: small encoded pictures for the tests of image, made on the spot by the libraries'
// encoders or by hand.
#ifndef PLO_TESTS_IMAGE_SAMPLES_H
#define PLO_TESTS_IMAGE_SAMPLES_H

#include <stdbool.h>
#include <stdint.h>

#include "image/image.h"

// A pixel of the test pattern, the same in tests/compare.
static inline uint8_t pattern(uint32_t x, uint32_t y, uint32_t c)
{
    return (uint8_t)(x * 7 + y * 13 + c * 31 + x * y % 17 * 5 + (x * x + y * 3) % 11 * 9);
}

// RGB pixels of the pattern, freed with free().
uint8_t *sample_pixels(uint32_t width, uint32_t height);

// FNV-1a of 64 bits.
uint64_t sample_hash(const uint8_t *data, size_t size);

enum sample_jpeg { SAMPLE_PLAIN, SAMPLE_PROGRESSIVE, SAMPLE_GREY, SAMPLE_CMYK };

// Each gives a new buffer with the pattern in it. `orientation` 0: no EXIF data.
struct plo_buf *sample_jpeg(uint32_t width, uint32_t height, enum sample_jpeg kind,
                            uint8_t orientation);
struct plo_buf *sample_png(uint32_t width, uint32_t height, bool interlaced);
struct plo_buf *sample_webp(uint32_t width, uint32_t height, bool lossless);
struct plo_buf *sample_bmp(uint32_t width, uint32_t height);
struct plo_buf *sample_gif(uint32_t width, uint32_t height); // grey, red channel of the pattern
struct plo_buf *sample_tiff(uint32_t width, uint32_t height);

// A JPEG of the pattern before which stand a marker without a length (TEM) and comments, so that
// who reads a length behind that marker comes to a header of 8 x 8 pixels in a comment.
struct plo_buf *sample_jpeg_tem(uint32_t width, uint32_t height);

// A TIFF of zeros with tags for width and height that come twice: once as they are, once as 8.
struct plo_buf *sample_tiff_twice(uint32_t width, uint32_t height, bool real_first);

// A PNG with a chunk of that type (zTXt, iCCP or iTXt) that unpacks to `unpacked` zeros.
struct plo_buf *sample_png_packed(const char *type, size_t unpacked);

// A PNG header that claims a size, without the pixels.
struct plo_buf *sample_png_header(uint32_t width, uint32_t height);

#endif
