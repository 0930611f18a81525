// bmp.c: Windows bitmaps, read here: libvips would hand them to ImageMagick, which reads far more
// than anybody wants opened. 1, 4, 8, 16, 24 and 32 bits, bit fields, both run lengths; what a
// fourth channel holds is left out.
#include "image/codecs/codec.h"

#include <string.h>

#include "core/fail.h"

enum { FILE_HEADER = 14, CORE_HEADER = 12, INFO_HEADER = 40 };
enum compression { PLAIN, RLE8, RLE4, BIT_FIELDS };

struct header {
    uint32_t width, height, bits, compression, colors;
    bool top_down;
    uint32_t pixels;         // offset of the data
    uint32_t palette;        // offset
    uint32_t palette_stride; // bytes of an entry
    uint32_t masks[3];       // red, green, blue
};

// --- the header ----------------------------------------------------------------------------------

static bool match(const uint8_t *head, size_t size)
{
    if (size < 18 || head[0] != 'B' || head[1] != 'M')
        return false;
    uint32_t header = plo_le32(head + 14);
    return header == CORE_HEADER || (header >= INFO_HEADER && header <= 124);
}

static void read_info_header(const uint8_t *p, uint32_t size, struct header *header)
{
    uint32_t height = plo_le32(p + 8);
    header->width = plo_le32(p + 4);
    header->top_down = height > INT32_MAX;
    header->height = header->top_down ? 0 - height : height;
    header->bits = plo_le16(p + 14);
    header->compression = plo_le32(p + 16);
    header->colors = plo_le32(p + 32);
    header->palette_stride = 4;
    header->palette = FILE_HEADER + size;
}

static int read_masks(struct plo_input *input, uint32_t size, struct header *header,
                      struct pipilo_error *err)
{
    static const uint32_t usual[2][3] = { { 0x7c00, 0x3e0, 0x1f }, { 0xff0000, 0xff00, 0xff } };
    memcpy(header->masks, usual[header->bits == 32], sizeof header->masks);
    if (header->compression != BIT_FIELDS)
        return 0;
    const uint8_t *p = plo_input_at(input, FILE_HEADER + INFO_HEADER, 12);
    if (p == NULL)
        return plo_fail(err, PIPILO_ETRUNCATED, "the data end in the header");
    for (int c = 0; c < 3; c++)
        header->masks[c] = plo_le32(p + 4 * c);
    if (size == INFO_HEADER)
        header->palette += 12;
    return 0;
}

static bool is_supported(const struct header *header)
{
    switch (header->compression) {
    case PLAIN:
        return header->bits == 1 || header->bits == 4 || header->bits == 8 || header->bits == 16 ||
               header->bits == 24 || header->bits == 32;
    case RLE8:
        return header->bits == 8;
    case RLE4:
        return header->bits == 4;
    case BIT_FIELDS:
        return header->bits == 16 || header->bits == 32;
    default:
        return false;
    }
}

static int read_header(struct plo_input *input, struct header *header, struct pipilo_error *err)
{
    *header = (struct header){ 0 };
    const uint8_t *p = plo_input_at(input, 0, FILE_HEADER + 4);
    uint32_t size = p != NULL ? plo_le32(p + FILE_HEADER) : 0;
    header->pixels = p != NULL ? plo_le32(p + 10) : 0;
    p = p != NULL ? plo_input_at(input, FILE_HEADER, size == CORE_HEADER ? size : INFO_HEADER)
                  : NULL;
    if (p == NULL)
        return plo_fail(err, PIPILO_ETRUNCATED, "the data end in the header");
    if (size == CORE_HEADER) {
        header->width = plo_le16(p + 4);
        header->height = plo_le16(p + 6);
        header->bits = plo_le16(p + 10);
        header->palette_stride = 3;
        header->palette = FILE_HEADER + size;
    } else {
        read_info_header(p, size, header);
        PLO_TRY(read_masks(input, size, header, err));
    }
    if (!is_supported(header))
        return plo_fail(err, PIPILO_EFORMAT,
                        "a BMP of %u bits with compression %u is not supported", header->bits,
                        header->compression);
    if (header->colors == 0 || header->colors > 256)
        header->colors = header->bits <= 8 ? 1U << header->bits : 0;
    // Some writers forget the palette when they say where the pixels begin.
    if (header->pixels == FILE_HEADER + size)
        header->pixels += header->colors * header->palette_stride;
    return 0;
}

static int probe(struct plo_input *input, struct plo_image_info *info, struct pipilo_error *err)
{
    struct header header;
    PLO_TRY(read_header(input, &header, err));
    info->format = PLO_IMAGE_BMP;
    info->stored_width = header.width;
    info->stored_height = header.height;
    info->palette = header.bits <= 8;
    info->channels = 3;
    info->depth = 8;
    if (header.compression == RLE8 || header.compression == RLE4)
        info->state_bytes = (uint64_t)header.width * header.height;
    return 0;
}

// --- decoding ------------------------------------------------------------------------------------

struct state {
    struct header header;
    uint8_t palette[256][3];
    uint8_t *row;
    uint8_t *indexes; // of the whole picture, in the file's order, where it came in run lengths
};

static void read_palette(struct plo_input *input, struct state *state)
{
    const struct header *header = &state->header;
    for (uint32_t i = 0; header->bits <= 8 && i < header->colors && i < 256; i++) {
        uint64_t offset = header->palette + (uint64_t)i * header->palette_stride;
        const uint8_t *p = plo_input_at(input, offset, 3);
        if (p == NULL)
            return;
        state->palette[i][0] = p[2];
        state->palette[i][1] = p[1];
        state->palette[i][2] = p[0];
    }
}

// A place in a picture of run lengths; what lies outside is passed over.
struct pen {
    uint8_t *indexes;
    uint32_t width, height, x, y;
};

static void draw(struct pen *pen, uint8_t index)
{
    if (pen->x < pen->width && pen->y < pen->height)
        pen->indexes[(size_t)pen->y * pen->width + pen->x] = index;
    if (pen->x < UINT32_MAX)
        pen->x++;
}

static uint8_t nibble(uint8_t byte, uint32_t i)
{
    return i % 2 == 0 ? byte >> 4 : byte & 15;
}

// `count` pixels as they are; returns the bytes used, padded to two, or 0 where the data end.
static size_t draw_plain(struct pen *pen, const uint8_t *p, size_t left, uint32_t count, bool four)
{
    size_t bytes = four ? (count + 1) / 2 : count;
    if (left < bytes)
        return 0;
    for (uint32_t i = 0; i < count; i++)
        draw(pen, four ? nibble(p[i / 2], i) : p[i]);
    return bytes + bytes % 2;
}

// Run lengths (BITMAPINFOHEADER, "Bitmap Compression"). False where the data end before the
// picture.
static bool unpack(struct pen *pen, const uint8_t *p, const uint8_t *end, bool four)
{
    while (end - p >= 2) {
        uint8_t count = p[0], value = p[1];
        p += 2;
        if (count > 0) {
            for (uint32_t i = 0; i < count; i++)
                draw(pen, four ? nibble(value, i) : value);
        } else if (value == 0) {
            pen->x = 0;
            pen->y++;
        } else if (value == 1) {
            return true;
        } else if (value == 2) {
            if (end - p < 2)
                return false;
            pen->x += p[0];
            pen->y += p[1];
            p += 2;
        } else {
            size_t used = draw_plain(pen, p, (size_t)(end - p), value, four);
            if (used == 0)
                return false;
            p += used < (size_t)(end - p) ? used : (size_t)(end - p);
        }
        if (pen->y >= pen->height)
            return true;
    }
    return pen->y + 1 == pen->height && pen->x >= pen->width;
}

static int unpack_runs(struct plo_decoder *decoder, struct state *state, struct pipilo_error *err)
{
    size_t size = (size_t)decoder->width * decoder->height, from = state->header.pixels;
    state->indexes = plo_scratch_get(decoder->scratch, PLO_SCRATCH_RAW, size);
    if (state->indexes == NULL)
        return plo_fail_nomem(err, size);
    memset(state->indexes, 0, size);
    struct pen pen = { state->indexes, decoder->width, decoder->height, 0, 0 };
    from = from < decoder->size ? from : decoder->size;
    if (!unpack(&pen, decoder->data + from, decoder->data + decoder->size,
                state->header.compression == RLE4))
        return plo_fail(err, PIPILO_ETRUNCATED, "the picture ends after row %u of %u", pen.y,
                        decoder->height);
    return 0;
}

static int bmp_open(struct plo_decoder *decoder, struct pipilo_error *err)
{
    struct state *state = decoder->state;
    struct plo_input input;
    plo_input_init(&input, decoder->data, decoder->size);
    PLO_TRY(read_header(&input, &state->header, err));
    read_palette(&input, state);
    size_t bytes = 3 * (size_t)decoder->width;
    state->row = plo_scratch_get(decoder->scratch, PLO_SCRATCH_ROWS, bytes + PLO_ROW_PADDING);
    if (state->row == NULL)
        return plo_fail_nomem(err, bytes);
    memset(state->row + bytes, 0, PLO_ROW_PADDING);
    if (state->header.compression == RLE8 || state->header.compression == RLE4)
        return unpack_runs(decoder, state, err);
    return 0;
}

// The bits of `mask` as 0..255.
static uint8_t field(uint32_t pixel, uint32_t mask)
{
    if (mask == 0)
        return 0;
    uint32_t low = mask & (0 - mask);
    uint64_t value = (pixel & mask) / low, most = mask / low;
    return (uint8_t)(value * 255 / most);
}

static void to_rgb(const struct state *state, const uint8_t *raw, uint32_t width)
{
    const struct header *header = &state->header;
    for (size_t i = 0; i < width; i++) {
        uint8_t *rgb = state->row + 3 * i;
        if (header->bits <= 8) {
            uint32_t per_byte = 8 / header->bits;
            uint32_t shift = 8 - header->bits * (uint32_t)(i % per_byte + 1);
            uint32_t index = raw[i / per_byte] >> shift & ((1U << header->bits) - 1);
            memcpy(rgb, state->palette[index], 3);
        } else if (header->bits == 24) {
            rgb[0] = raw[3 * i + 2];
            rgb[1] = raw[3 * i + 1];
            rgb[2] = raw[3 * i];
        } else {
            uint32_t pixel = header->bits == 16 ? plo_le16(raw + 2 * i) : plo_le32(raw + 4 * i);
            for (int c = 0; c < 3; c++)
                rgb[c] = field(pixel, header->masks[c]);
        }
    }
}

static int bmp_next(struct plo_decoder *decoder, const uint8_t **row, struct pipilo_error *err)
{
    struct state *state = decoder->state;
    const struct header *header = &state->header;
    uint32_t y = header->top_down ? decoder->row : decoder->height - 1 - decoder->row;
    *row = state->row;
    if (state->indexes != NULL) {
        const uint8_t *indexes = state->indexes + (size_t)y * decoder->width;
        for (size_t i = 0; i < decoder->width; i++)
            memcpy(state->row + 3 * i, state->palette[indexes[i]], 3);
        return 0;
    }
    uint64_t bytes = ((uint64_t)decoder->width * header->bits + 7) / 8;
    uint64_t offset = header->pixels + (bytes + 3) / 4 * 4 * y;
    if (offset > decoder->size || decoder->size - offset < bytes)
        return plo_fail(err, PIPILO_ETRUNCATED, "row %u of %u is missing", decoder->row + 1,
                        decoder->height);
    to_rgb(state, decoder->data + offset, decoder->width);
    return 0;
}

static void bmp_close(struct plo_decoder *decoder)
{
    (void)decoder;
}

const struct plo_codec plo_codec_bmp = {
    .match = match,
    .probe = probe,
    .open = bmp_open,
    .next = bmp_next,
    .close = bmp_close,
    .state_size = sizeof(struct state),
};
