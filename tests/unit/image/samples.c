// samples.c: see samples.h.
#include "samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <spng.h>
#include <webp/encode.h>

uint8_t *sample_pixels(uint32_t width, uint32_t height)
{
    uint8_t *pixels = malloc(3 * (size_t)width * height);
    uint8_t *p = pixels;
    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width; x++) {
            for (uint32_t c = 0; c < 3; c++)
                *p++ = pattern(x, y, c);
        }
    }
    return pixels;
}

uint64_t sample_hash(const uint8_t *data, size_t size)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ data[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static struct plo_buf *copy(const void *data, size_t size)
{
    struct plo_buf *buf = plo_buf_create(size);
    memcpy(buf->data, data, size);
    return buf;
}

static void write_exif(struct jpeg_compress_struct *jpeg, uint8_t orientation)
{
    uint8_t exif[] = "Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0?\0\0\0\0\0";
    exif[25] = orientation;
    jpeg_write_marker(jpeg, JPEG_APP0 + 1, exif, sizeof exif - 2);
}

struct plo_buf *sample_jpeg(uint32_t width, uint32_t height, enum sample_jpeg kind,
                            uint8_t orientation)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *data = NULL;
    unsigned long size = 0;
    int channels = kind == SAMPLE_GREY ? 1 : kind == SAMPLE_CMYK ? 4 : 3;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &data, &size);
    jpeg.image_width = width;
    jpeg.image_height = height;
    jpeg.input_components = channels;
    jpeg.in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 4 ? JCS_CMYK : JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 90, TRUE);
    if (kind == SAMPLE_PROGRESSIVE)
        jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    if (orientation != 0)
        write_exif(&jpeg, orientation);
    uint8_t *row = malloc((size_t)width * (size_t)channels);
    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width; x++) {
            for (uint32_t c = 0; c < (uint32_t)channels; c++)
                row[x * (uint32_t)channels + c] = pattern(x, y, c);
        }
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    free(row);
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    struct plo_buf *buf = copy(data, size);
    free(data);
    return buf;
}

struct plo_buf *sample_png(uint32_t width, uint32_t height, bool interlaced)
{
    uint8_t *pixels = sample_pixels(width, height);
    spng_ctx *png = spng_ctx_new(SPNG_CTX_ENCODER);
    struct spng_ihdr header = { .width = width,
                                .height = height,
                                .bit_depth = 8,
                                .color_type = SPNG_COLOR_TYPE_TRUECOLOR,
                                .interlace_method = interlaced };
    spng_set_option(png, SPNG_ENCODE_TO_BUFFER, 1);
    spng_set_ihdr(png, &header);
    spng_encode_image(png, pixels, 3 * (size_t)width * height, SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE);
    size_t size = 0;
    int error = 0;
    void *data = spng_get_png_buffer(png, &size, &error);
    struct plo_buf *buf = copy(data, size);
    free(data);
    spng_ctx_free(png);
    free(pixels);
    return buf;
}

struct plo_buf *sample_webp(uint32_t width, uint32_t height, bool lossless)
{
    uint8_t *pixels = sample_pixels(width, height), *data = NULL;
    int w = (int)width, h = (int)height;
    size_t size = lossless ? WebPEncodeLosslessRGB(pixels, w, h, 3 * w, &data)
                           : WebPEncodeRGB(pixels, w, h, 3 * w, 80, &data);
    struct plo_buf *buf = copy(data, size);
    WebPFree(data);
    free(pixels);
    return buf;
}

static void put32(uint8_t *p, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

struct plo_buf *sample_bmp(uint32_t width, uint32_t height)
{
    size_t stride = (3 * (size_t)width + 3) / 4 * 4;
    struct plo_buf *buf = plo_buf_create(54 + stride * height);
    memset(buf->data, 0, buf->size);
    memcpy(buf->data, "BM", 2);
    put32(buf->data + 2, (uint32_t)buf->size);
    put32(buf->data + 10, 54);
    put32(buf->data + 14, 40);
    put32(buf->data + 18, width);
    put32(buf->data + 22, height);
    put32(buf->data + 26, 1 | 24 << 16);
    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width; x++) {
            for (uint32_t c = 0; c < 3; c++)
                buf->data[54 + stride * (height - 1 - y) + 3 * x + 2 - c] = pattern(x, y, c);
        }
    }
    return buf;
}

// Codes of nine bits only: a clear code before the table would grow.
struct plo_buf *sample_gif(uint32_t width, uint32_t height)
{
    uint8_t head[] = "GIF89a\0\0\0\0\0\0\0,\0\0\0\0\0\0\0\0\0\x08";
    head[6] = head[18] = (uint8_t)width;
    head[7] = head[19] = (uint8_t)(width >> 8);
    head[8] = head[20] = (uint8_t)height;
    head[9] = head[21] = (uint8_t)(height >> 8);
    size_t pixels = (size_t)width * height, room = pixels * 3 + 64, size = sizeof head - 1;
    uint8_t *data = malloc(room);
    memcpy(data, head, size);
    uint32_t bits = 0, count = 0, block = 0;
    size_t length_at = size++;
    for (size_t i = 0; i <= pixels + pixels / 200; i++) {
        size_t at = i - i / 201 - 1;
        bool clear = i % 201 == 0;
        uint32_t x = (uint32_t)(at % width), y = (uint32_t)(at / width);
        if (!clear && at >= pixels)
            break;
        bits |= (clear ? 256U : pattern(x, y, 0)) << count;
        for (count += 9; count >= 8; count -= 8, bits >>= 8) {
            data[size++] = (uint8_t)bits;
            if (++block == 255) {
                data[length_at] = 255;
                length_at = size++;
                block = 0;
            }
        }
    }
    bits |= 257U << count;
    for (count += 9; count > 0; count = count > 8 ? count - 8 : 0, bits >>= 8, block++)
        data[size++] = (uint8_t)bits;
    data[length_at] = (uint8_t)block;
    data[size++] = 0;
    data[size++] = 0x3b;
    struct plo_buf *buf = copy(data, size);
    free(data);
    return buf;
}

struct plo_buf *sample_png_header(uint32_t width, uint32_t height)
{
    static const uint8_t head[] =
        "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\0\0\0\0\0\x08\x02\0\0\0????";
    struct plo_buf *buf = copy(head, sizeof head - 1);
    for (int i = 0; i < 4; i++) {
        buf->data[16 + i] = (uint8_t)(width >> (24 - 8 * i));
        buf->data[20 + i] = (uint8_t)(height >> (24 - 8 * i));
    }
    return buf;
}

struct plo_buf *sample_jpeg_tem(uint32_t width, uint32_t height)
{
    static const uint8_t tem[] = { 0xff, 0xd8, 0xff, 0x01 };
    static const uint8_t frame[] = { 0xff, 0xc0, 0, 17, 8,    0, 8, 0,    8, 3,
                                     1,    0x22, 0, 2,  0x11, 1, 3, 0x11, 1 };
    // The length read behind TEM is the comment's marker, 0xfffe.
    enum { LANDING = 4 + 0xfffe, SECOND = LANDING - 17, START = SECOND + 4 + 100 };
    struct plo_buf *plain = sample_jpeg(width, height, SAMPLE_PLAIN, 0);
    struct plo_buf *buf = plo_buf_create(START + plain->size - 2);
    uint8_t *p = buf->data;
    memset(p, 0, START);
    memcpy(p, tem, sizeof tem);
    const size_t comments[] = { 4, SECOND, START };
    for (int i = 0; i < 2; i++) {
        size_t length = comments[i + 1] - comments[i] - 2;
        p[comments[i]] = 0xff;
        p[comments[i] + 1] = 0xfe;
        p[comments[i] + 2] = (uint8_t)(length >> 8);
        p[comments[i] + 3] = (uint8_t)length;
    }
    memcpy(p + LANDING, frame, sizeof frame);
    memcpy(p + START, plain->data + 2, plain->size - 2);
    plo_buf_unref(&plain);
    return buf;
}

// Baseline: RGB of 8 bits in one strip. `tags` holds type and number, count, value; where the value
// is an offset, UINT32_MAX stands for that of the depths, UINT32_MAX - 1 for that of the pixels.
static struct plo_buf *tiff_of(const uint32_t (*tags)[3], uint32_t count, uint32_t pixels)
{
    uint32_t depths = 8 + 2 + 12 * count + 4, start = depths + 6;
    struct plo_buf *buf = plo_buf_create(start + pixels);
    memset(buf->data, 0, buf->size);
    memcpy(buf->data, "II*\0\x08\0\0\0", 8);
    buf->data[8] = (uint8_t)count;
    for (size_t i = 0; i < count; i++) {
        uint32_t value = tags[i][2];
        put32(buf->data + 10 + 12 * i, tags[i][0]);
        put32(buf->data + 14 + 12 * i, tags[i][1]);
        put32(buf->data + 18 + 12 * i, value == UINT32_MAX       ? depths
                                       : value == UINT32_MAX - 1 ? start
                                                                 : value);
    }
    for (int i = 0; i < 3; i++)
        buf->data[depths + 2 * (uint32_t)i] = 8;
    return buf;
}

// What every TIFF of these has behind its width and height.
#define TIFF_TAGS(height, size)                                                         \
    { 258 | 3 << 16, 3, UINT32_MAX }, { 259 | 3 << 16, 1, 1 }, { 262 | 3 << 16, 1, 2 }, \
        { 273 | 4 << 16, 1, UINT32_MAX - 1 }, { 277 | 3 << 16, 1, 3 },                  \
        { 278 | 4 << 16, 1, height },                                                   \
    {                                                                                   \
        279 | 4 << 16, 1, size                                                          \
    }

struct plo_buf *sample_tiff(uint32_t width, uint32_t height)
{
    uint32_t size = 3 * width * height;
    const uint32_t tags[][3] = { { 256 | 4 << 16, 1, width },
                                 { 257 | 4 << 16, 1, height },
                                 TIFF_TAGS(height, size) };
    struct plo_buf *buf = tiff_of(tags, PLO_COUNT(tags), size);
    uint8_t *pixels = sample_pixels(width, height);
    memcpy(buf->data + buf->size - size, pixels, size);
    free(pixels);
    return buf;
}

struct plo_buf *sample_tiff_twice(uint32_t width, uint32_t height, bool real_first)
{
    uint32_t size = 3 * width * height;
    const uint32_t tags[][3] = { { 256 | 4 << 16, 1, real_first ? width : 8 },
                                 { 256 | 4 << 16, 1, real_first ? 8 : width },
                                 { 257 | 4 << 16, 1, real_first ? height : 8 },
                                 { 257 | 4 << 16, 1, real_first ? 8 : height },
                                 TIFF_TAGS(height, size) };
    return tiff_of(tags, PLO_COUNT(tags), size);
}

struct bits {
    uint8_t *at;
    uint32_t held, count;
};

static void put_bits(struct bits *bits, uint32_t value, uint32_t count)
{
    bits->held |= value << bits->count;
    for (bits->count += count; bits->count >= 8; bits->count -= 8, bits->held >>= 8)
        *bits->at++ = (uint8_t)bits->held;
}

static void put32_big(uint8_t *p, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> (24 - 8 * i));
}

// Zeros as zlib packs them, by the fixed codes of deflate: one, and then copies of 258.
static size_t pack_zeros(uint8_t *out, size_t count)
{
    struct bits bits = { .at = out + 2 };
    size_t copies = count / 258, unpacked = 1 + 258 * copies;
    out[0] = 0x78;
    out[1] = 0x01;
    put_bits(&bits, 3, 3);
    put_bits(&bits, 0x0c, 8);
    for (size_t i = 0; i < copies; i++)
        put_bits(&bits, 0xa3, 13);
    put_bits(&bits, 0, 7 + 7); // the end, and what fills the last byte
    put32_big(bits.at, (uint32_t)(unpacked % 65521) << 16 | 1);
    return (size_t)(bits.at - out) + 4;
}

static uint32_t crc_of(const uint8_t *data, size_t size)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

struct plo_buf *sample_png_packed(const char *type, size_t unpacked)
{
    enum { HEADER = 33, NAME = 64 };
    struct plo_buf *plain = sample_png(8, 8, false);
    uint8_t *chunk = malloc(NAME + unpacked / 128);
    bool international = strcmp(type, "iTXt") == 0;
    // The name, and the method; before that a flag and behind it two texts in the one case.
    const char *name = international ? "a\0\1\0\0" : "a\0";
    size_t size = 8;
    memcpy(chunk + 4, type, 4);
    memcpy(chunk + size, name, international ? 6 : 3);
    size += international ? 6 : 3;
    size += pack_zeros(chunk + size, unpacked);
    put32_big(chunk, (uint32_t)size - 8);
    put32_big(chunk + size, crc_of(chunk + 4, size - 4));
    size += 4;
    struct plo_buf *buf = plo_buf_create(plain->size + size);
    memcpy(buf->data, plain->data, HEADER);
    memcpy(buf->data + HEADER, chunk, size);
    memcpy(buf->data + HEADER + size, plain->data + HEADER, plain->size - HEADER);
    free(chunk);
    plo_buf_unref(&plain);
    return buf;
}
