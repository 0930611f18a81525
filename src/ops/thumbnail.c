// thumbnail.c: the one place where pipilo writes a picture (see thumbnail.h): libjpeg's compressor
// into memory that is there already, so that nothing has to be freed where it breaks off.
#include "ops/thumbnail.h"

#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

#include "core/fail.h"

enum { QUALITY = 80 };

struct encoder {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_destination_mgr to;
    jmp_buf failed;
};

struct plo_preprocess plo_thumbnail_target(void)
{
    struct plo_preprocess target = PLO_PREPROCESS_INIT;
    target.mode = PLO_RESIZE_LONGEST_EDGE;
    target.width = target.height = PLO_THUMBNAIL_SIDE;
    target.filter = PLO_FILTER_BILINEAR;
    return target;
}

static void leave(j_common_ptr jpeg)
{
    longjmp(((struct encoder *)jpeg)->failed, 1);
}

static void say_nothing(j_common_ptr jpeg)
{
    (void)jpeg;
}

static void start_output(j_compress_ptr jpeg)
{
    (void)jpeg;
}

static boolean buffer_is_full(j_compress_ptr jpeg)
{
    leave((j_common_ptr)jpeg);
    return FALSE;
}

static void compress(struct encoder *encoder, const struct plo_pixels *pixels, int quality)
{
    struct jpeg_compress_struct *jpeg = &encoder->jpeg;
    jpeg->image_width = pixels->width;
    jpeg->image_height = pixels->height;
    jpeg->input_components = 3;
    jpeg->in_color_space = JCS_RGB;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, quality, TRUE);
    jpeg_start_compress(jpeg, TRUE);
    while (jpeg->next_scanline < jpeg->image_height) {
        const uint8_t *row = pixels->data + (size_t)jpeg->next_scanline * pixels->width * 3;
        JSAMPROW rows[1] = { (JSAMPROW)row };
        jpeg_write_scanlines(jpeg, rows, 1);
    }
    jpeg_finish_compress(jpeg);
}

// Everything that longjmp may pass by lives in `encoder`, so jpeg_destroy_compress frees it all.
int plo_jpeg_encode(uint8_t *out, size_t *size, const struct plo_pixels *pixels, int quality,
                    struct pipilo_error *err)
{
    const size_t room = *size;
    struct encoder encoder = { .to = { .next_output_byte = out,
                                       .free_in_buffer = room,
                                       .init_destination = start_output,
                                       .empty_output_buffer = buffer_is_full,
                                       .term_destination = start_output } };
    encoder.jpeg.err = jpeg_std_error(&encoder.errors);
    encoder.errors.error_exit = leave;
    encoder.errors.output_message = say_nothing;
    if (setjmp(encoder.failed) != 0) {
        jpeg_destroy_compress(&encoder.jpeg);
        return plo_fail(err, PIPILO_ELIMIT, "a JPEG of %u x %u does not fit %zu bytes",
                        pixels->width, pixels->height, room);
    }
    jpeg_create_compress(&encoder.jpeg);
    encoder.jpeg.dest = &encoder.to;
    compress(&encoder, pixels, quality);
    jpeg_destroy_compress(&encoder.jpeg);
    *size = room - encoder.to.free_in_buffer;
    return 0;
}

int plo_thumbnail_create(uint8_t *out, size_t *size, struct plo_image *image,
                         const struct plo_decode_options *options,
                         struct plo_image_scratch *scratch, struct pipilo_error *err)
{
    struct plo_preprocess target = plo_thumbnail_target();
    struct plo_image_info info;
    struct plo_pixels pixels;
    PLO_TRY(plo_image_probe(image, &info, err));
    if (info.width <= PLO_THUMBNAIL_SIDE && info.height <= PLO_THUMBNAIL_SIDE)
        target.mode = PLO_RESIZE_NONE;
    PLO_TRY(plo_image_window(image, &target, options, scratch, &pixels, err));
    *size = PLO_THUMBNAIL_BYTES;
    int result = plo_jpeg_encode(out, size, &pixels, QUALITY, err);
    plo_buf_unref(&pixels.owner);
    return result;
}
