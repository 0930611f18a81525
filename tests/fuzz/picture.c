// picture.c: one encoded picture through everything the image layer does (see picture.h).
#include "picture.h"

#include <string.h>

#include "base/alloc.h"
#include "fuzz.h"

// Small enough that none takes long, large enough for every way through a codec.
#define MOST_PIXELS (UINT64_C(1) << 14)

static struct plo_image *open_bytes(const uint8_t *data, size_t size)
{
    struct plo_image *image = NULL;
    struct plo_buf *bytes = plo_buf_create(size);
    fuzz_require(bytes != NULL, "there is memory");
    if (size > 0)
        memcpy(bytes->data, data, size);
    fuzz_require(plo_image_open_bytes(&image, bytes, NULL) == 0, "bytes can be opened");
    return image;
}

// The header, of which a file must give what the same bytes give.
static int probe(struct plo_image *image, const uint8_t *data, size_t size,
                 struct plo_image_info *info)
{
    struct pipilo_error err = { 0 };
    struct plo_image *file = NULL;
    struct plo_image_info again = { 0 };
    fuzz_enter();
    fuzz_put("picture", data, size);
    int result = fuzz_result(plo_image_probe(image, info, &err), &err);
    fuzz_require(plo_image_open_file(&file, "picture", &err) == 0, "a file can be opened");
    int other = fuzz_result(plo_image_probe(file, &again, &err), &err);
    fuzz_require((result == 0) == (other == 0), "a file's header is read as the bytes' is");
    if (result == 0)
        fuzz_require(again.width == info->width && again.height == info->height &&
                         again.format == info->format && again.orientation == info->orientation,
                     "a file's header says what the bytes' says");
    plo_image_unref(&file);
    return result;
}

// What a model may want, drawn from the picture's own bytes.
static struct plo_preprocess choose(uint32_t hash)
{
    struct plo_preprocess p = PLO_PREPROCESS_INIT;
    p.mode = PLO_RESIZE_EXACT + hash % 3;
    p.width = p.height = 1 + (hash >> 2) % 40;
    if (p.mode == PLO_RESIZE_EXACT)
        p.height = 1 + (hash >> 8) % 40;
    p.filter = (enum plo_filter)((hash >> 13) % 3);
    p.crop_width = p.crop_height = 1 + (hash >> 15) % 48;
    p.crop_rounding = (enum plo_crop_rounding)(hash >> 21 & 1);
    p.color = (enum plo_color)(hash >> 22 & 1);
    p.layout = (enum plo_layout)(hash >> 23 & 1);
    return p;
}

// A model's input is there where the pixels are: no part of the picture is passed over.
static void make_tensor(struct plo_image *image, struct plo_decode_options options, uint32_t hash,
                        bool whole, struct plo_image_scratch *scratch)
{
    static float out[3 * 64 * 64];
    struct pipilo_error err = { 0 };
    struct plo_preprocess p = choose(hash);
    int exact = fuzz_result(plo_image_tensor(image, &p, &options, scratch, out, &err), &err);
    fuzz_require((exact == 0) == whole, "a model's input is made of whole pictures alone");
    options.fast = true;
    int fast = fuzz_result(plo_image_tensor(image, &p, &options, scratch, out, &err), &err);
    fuzz_require((fast == 0) == whole, "and so is one that is decoded smaller");
}

static void make_crop(struct plo_image *image, const struct plo_decode_options *options,
                      uint32_t hash, const struct plo_pixels *whole,
                      struct plo_image_scratch *scratch)
{
    struct pipilo_error err = { 0 };
    struct plo_pixels part = { 0 };
    uint32_t left = hash % whole->width, top = (hash >> 9) % whole->height;
    uint32_t width = 1 + (hash >> 5) % (whole->width - left);
    uint32_t height = 1 + (hash >> 14) % (whole->height - top);
    fuzz_require(plo_image_crop(image, left, top, width, height, whole->color, options, scratch,
                                &part, &err) == 0,
                 "a whole picture has parts");
    for (uint32_t y = 0; y < height; y++)
        fuzz_require(memcmp(part.data + (size_t)3 * width * y,
                            whole->data + 3 * ((size_t)whole->width * (top + y) + left),
                            (size_t)3 * width) == 0,
                     "a crop is the pixels it is of");
    plo_buf_unref(&part.owner);
}

int fuzz_picture(unsigned formats, const uint8_t *data, size_t size)
{
    struct pipilo_error err = { 0 };
    struct plo_decode_options options = PLO_DECODE_OPTIONS_INIT;
    struct plo_image_info info = { 0 };
    struct plo_pixels pixels = { 0 };
    struct plo_image *image = open_bytes(data, size);
    uint32_t hash = fuzz_hash(data, size);
    options.max_pixels = MOST_PIXELS;
    options.ignore_orientation = hash & 1;
    int result = probe(image, data, size, &info);
    bool wanted = result < 0 || (formats >> info.format & 1) != 0;
    if (wanted) {
        struct plo_image_scratch *scratch = plo_image_scratch_create();
        fuzz_require(scratch != NULL, "there is memory");
        (void)plo_image_need(image, NULL, &options);
        enum plo_color color = hash & 2 ? PLO_COLOR_BGR : PLO_COLOR_RGB;
        result =
            fuzz_result(plo_image_pixels(image, color, &options, scratch, &pixels, &err), &err);
        make_tensor(image, options, hash, result == 0, scratch);
        if (result == 0)
            make_crop(image, &options, hash, &pixels, scratch);
        plo_image_scratch_destroy(scratch);
    }
    plo_buf_unref(&pixels.owner);
    plo_image_unref(&image);
    return wanted ? 0 : -1;
}
