// JPEG rows of which only some columns are decoded, against whole rows by libjpeg alone: every kind
// of subsampling and colour, all scales, progressive ones with and without all of their scans.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jpeglib.h>

#include "image/codecs/codec.h"
#include "samples.h"

static uint32_t seed = 21;

static uint32_t random_below(uint32_t limit)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)(seed >> 8) * limit >> 24);
}

struct kind {
    int channels, across, down; // luma samples to one of colour
    bool progressive;
    int scans; // of a progressive picture; 0: all
};

struct encoded {
    unsigned char *data;
    unsigned long size;
};

// Ends a picture before its scan number `scans` + 1.
static void drop_scans(struct encoded *jpeg, int scans)
{
    int found = 0;
    for (size_t i = 2; i + 4 < jpeg->size; i++) {
        // Within the scans 0xff is followed by 0x00: a marker is a marker.
        if (jpeg->data[i] != 0xff || jpeg->data[i + 1] != 0xda || found++ < scans)
            continue;
        jpeg->data[i + 1] = 0xd9;
        jpeg->size = i + 2;
        return;
    }
    fail_msg("the picture has %d scans only", found);
}

static struct encoded encode(uint32_t width, uint32_t height, const struct kind *kind)
{
    static const J_COLOR_SPACE spaces[] = { [1] = JCS_GRAYSCALE, [3] = JCS_RGB, [4] = JCS_CMYK };
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct encoded out = { 0 };
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &out.data, &out.size);
    jpeg.image_width = width;
    jpeg.image_height = height;
    jpeg.input_components = kind->channels;
    jpeg.in_color_space = spaces[kind->channels];
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 85, TRUE);
    jpeg.comp_info[0].h_samp_factor = kind->across;
    jpeg.comp_info[0].v_samp_factor = kind->down;
    if (kind->progressive)
        jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    uint8_t *row = malloc((size_t)width * (size_t)kind->channels);
    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t i = 0; i < width * (uint32_t)kind->channels; i++)
            row[i] = (uint8_t)(pattern(i / 5, y / 3, i % 3) / 2 + random_below(60));
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    free(row);
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    if (kind->scans > 0)
        drop_scans(&out, kind->scans);
    return out;
}

// All rows by libjpeg alone, RGB or, where there are four channels, as it gives them.
static uint8_t *whole(const struct encoded *encoded, uint32_t shrink, uint32_t *width,
                      uint32_t *height)
{
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&jpeg);
    jpeg_mem_src(&jpeg, encoded->data, encoded->size);
    jpeg_read_header(&jpeg, TRUE);
    jpeg.out_color_space = jpeg.num_components == 4 ? JCS_CMYK : JCS_RGB;
    jpeg.scale_denom = shrink;
    jpeg_start_decompress(&jpeg);
    *width = jpeg.output_width;
    *height = jpeg.output_height;
    size_t stride = (size_t)jpeg.output_width * (size_t)jpeg.output_components;
    uint8_t *pixels = malloc(stride * jpeg.output_height);
    while (jpeg.output_scanline < jpeg.output_height) {
        JSAMPROW row = pixels + stride * jpeg.output_scanline;
        jpeg_read_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_decompress(&jpeg);
    jpeg_destroy_decompress(&jpeg);
    return pixels;
}

// Light of an inverted ink and black, in whole numbers: 255 - (ink x black / 255, rounded) - ..
static uint8_t light(const uint8_t *inverted, size_t channel)
{
    int black = inverted[3], ink = 255 - inverted[channel];
    int value = black - (2 * ink * black + 255) / 510;
    return (uint8_t)(value < 0 ? 0 : value);
}

static void compare_row(const uint8_t *got, const uint8_t *expected, uint32_t first, uint32_t end,
                        int channels)
{
    if (channels != 4) {
        assert_memory_equal(got + 3 * (size_t)first, expected + 3 * (size_t)first,
                            3 * (size_t)(end - first));
        return;
    }
    for (size_t x = first; x < end; x++) {
        for (size_t c = 0; c < 3; c++)
            assert_int_equal(got[3 * x + c], light(expected + 4 * x, c));
    }
}

static void check(const struct encoded *encoded, const struct kind *kind, uint32_t shrink)
{
    const struct plo_decode_options options = PLO_DECODE_OPTIONS_INIT;
    struct plo_image_scratch *scratch = plo_image_scratch_create();
    struct plo_image_info info;
    struct plo_input input;
    uint32_t width = 0, height = 0;
    uint8_t *expected = whole(encoded, shrink, &width, &height);
    size_t stride = (size_t)width * (kind->channels == 4 ? 4 : 3);
    plo_input_init(&input, encoded->data, encoded->size);
    for (int i = 0; i < 8; i++) {
        struct plo_decoder decoder = { .data = encoded->data,
                                       .size = encoded->size,
                                       .info = &info,
                                       .options = &options,
                                       .scratch = scratch,
                                       .shrink = shrink };
        uint32_t first = random_below(width), end = first + 1 + random_below(width - first);
        // The outermost columns alone: few samples of colour, and an edge.
        if (i >= 6) {
            first = i == 6 ? 0 : width - 1;
            end = first + 1;
        }
        uint32_t top = random_below(height), bottom = top + 1 + random_below(height - top);
        const uint8_t *row = NULL;
        assert_int_equal(plo_codec_probe(&decoder.codec, &input, &info, NULL), 0);
        assert_int_equal(plo_decoder_open(&decoder, NULL), 0);
        assert_int_equal(decoder.width, width);
        assert_int_equal(plo_decoder_narrow(&decoder, first, end, NULL), 0);
        assert_int_equal(plo_decoder_skip(&decoder, top, NULL), 0);
        for (uint32_t y = top; y < bottom; y++) {
            assert_int_equal(plo_decoder_next(&decoder, &row, NULL), 0);
            compare_row(row, expected + stride * y, first, end, kind->channels);
        }
        assert_int_equal(plo_decoder_skip(&decoder, height - bottom, NULL), 0);
        plo_decoder_close(&decoder);
    }
    free(expected);
    plo_image_scratch_destroy(scratch);
}

static const struct kind kinds[] = {
    { 3, 2, 2, false, 0 }, { 3, 2, 1, false, 0 }, { 3, 1, 1, false, 0 }, { 3, 1, 2, false, 0 },
    { 3, 4, 1, false, 0 }, { 3, 4, 2, false, 0 }, { 3, 3, 1, false, 0 }, { 3, 3, 2, false, 0 },
    { 1, 1, 1, false, 0 }, { 1, 2, 2, false, 0 }, { 4, 1, 1, false, 0 }, { 4, 2, 2, false, 0 },
    { 3, 2, 2, true, 0 },  { 3, 2, 1, true, 0 },  { 3, 1, 1, true, 0 },  { 1, 1, 1, true, 0 },
    { 3, 2, 2, true, 1 },  { 3, 2, 2, true, 3 },  { 3, 1, 1, true, 6 },  { 1, 1, 1, true, 1 },
};

static void columns_are_those_of_whole_rows(void **test)
{
    (void)test;
    for (size_t k = 0; k < PLO_COUNT(kinds); k++) {
        for (int i = 0; i < 16; i++) {
            uint32_t width = 1 + random_below(i < 5 ? 24 : 400);
            uint32_t height = 1 + random_below(i < 5 ? 24 : 150);
            struct encoded encoded = encode(width, height, &kinds[k]);
            check(&encoded, &kinds[k], 1U << i % 4);
            free(encoded.data);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_those_of_whole_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
