// png.c: PNG by libspng: row by row, or whole where it is interlaced. Samples are taken as they are
// stored and made RGB here, so that the policy of docs/images.md does not hang on the library:
// alpha and gamma are left out, 16 bits give their upper 8.
#include "image/codecs/codec.h"

#include <string.h>

#include <spng.h>

#include "core/fail.h"
#include "image/exif.h"

enum {
    MAX_CHUNKS = 1000000,
    MAX_METADATA = 64 << 20, // bytes of text and profiles once unpacked
    GREY = SPNG_COLOR_TYPE_GRAYSCALE,
    PALETTE = SPNG_COLOR_TYPE_INDEXED,
};

// --- the header ----------------------------------------------------------------------------------

static bool match(const uint8_t *head, size_t size)
{
    return size >= 8 && memcmp(head, "\x89PNG\r\n\x1a\n", 8) == 0;
}

static uint8_t channels_of(uint8_t color_type)
{
    static const uint8_t channels[8] = { 1, 0, 3, 1, 2, 0, 4, 0 };
    return channels[color_type & 7];
}

static int read_ihdr(struct plo_input *input, struct plo_image_info *info, struct pipilo_error *err)
{
    const uint8_t *p = plo_input_at(input, 8, 8 + 13);
    if (p == NULL)
        return plo_fail(err, PIPILO_ETRUNCATED, "the data end in the header");
    if (plo_be32(p) != 13 || memcmp(p + 4, "IHDR", 4) != 0)
        return plo_fail(err, PIPILO_ECORRUPT, "the PNG does not begin with a valid IHDR");
    uint8_t color_type = p[17];
    info->stored_width = plo_be32(p + 8);
    info->stored_height = plo_be32(p + 12);
    info->depth = p[16];
    info->palette = color_type == PALETTE;
    info->channels = info->palette ? 3 : channels_of(color_type);
    info->alpha = (color_type & 4) != 0;
    info->progressive = p[20] != 0;
    if (info->channels == 0 || color_type > 6)
        return plo_fail(err, PIPILO_ECORRUPT, "the PNG has no colour type %d", color_type);
    if (info->progressive) {
        uint64_t bits = (uint64_t)info->stored_width * channels_of(color_type) * info->depth;
        info->state_bytes = (bits / 8 + 1) * info->stored_height;
    }
    return 0;
}

static int probe(struct plo_input *input, struct plo_image_info *info, struct pipilo_error *err)
{
    info->format = PLO_IMAGE_PNG;
    PLO_TRY(read_ihdr(input, info, err));
    uint64_t offset = 8 + 12 + 13;
    for (int i = 0; i < MAX_CHUNKS; i++) {
        const uint8_t *p = plo_input_at(input, offset, 8);
        if (p == NULL || memcmp(p + 4, "IEND", 4) == 0)
            break;
        uint32_t length = plo_be32(p);
        info->alpha = info->alpha || memcmp(p + 4, "tRNS", 4) == 0;
        info->icc = info->icc || memcmp(p + 4, "iCCP", 4) == 0;
        info->animated = info->animated || memcmp(p + 4, "acTL", 4) == 0;
        if (memcmp(p + 4, "eXIf", 4) == 0 && info->orientation == 0)
            info->orientation = plo_exif_orientation(input, offset + 8, length);
        offset += 12 + (uint64_t)length;
    }
    return 0;
}

// --- decoding ------------------------------------------------------------------------------------

struct state {
    spng_ctx *png;
    struct spng_ihdr header;
    uint8_t palette[256][3];
    uint8_t *row, *raw; // raw: a row of samples, or all where interlaced
    size_t raw_stride;
};

static int fail_png(struct pipilo_error *err, int code, uint32_t row, uint32_t rows)
{
    switch (code) {
    case SPNG_EIDAT_TOO_SHORT:
    case SPNG_EOF:
    case SPNG_IO_EOF:
        return plo_fail(err, PIPILO_ETRUNCATED, "the picture ends after row %u of %u", row, rows);
    case SPNG_EMEM:
    case SPNG_EZLIB_INIT:
        return plo_fail_nomem(err, 0);
    case SPNG_ECHUNK_LIMITS:
    case SPNG_EUSER_WIDTH:
    case SPNG_EUSER_HEIGHT:
        return plo_fail(err, PIPILO_ELIMIT, "libspng: %s", spng_strerror(code));
    default:
        return plo_fail(err, PIPILO_ECORRUPT, "libspng: %s", spng_strerror(code));
    }
}

static void *png_realloc(void *block, size_t size)
{
    return plo_realloc(block, size, 1);
}

static int read_palette(struct state *state)
{
    struct spng_plte plte = { 0 };
    int code = state->header.color_type == PALETTE ? spng_get_plte(state->png, &plte) : 0;
    for (uint32_t i = 0; i < plte.n_entries && i < 256; i++) {
        state->palette[i][0] = plte.entries[i].red;
        state->palette[i][1] = plte.entries[i].green;
        state->palette[i][2] = plte.entries[i].blue;
    }
    return code == SPNG_ECHUNKAVAIL ? 0 : code;
}

// True where a chunk behind the picture's data has begun and is not there as far as it says itself.
// As in Pillow the end itself may be missing, and what belongs to a further frame is not looked at.
static bool ends_early(const uint8_t *data, uint64_t size, bool animated)
{
    bool begun = false;
    for (uint64_t at = 8; at + 8 <= size;) {
        uint32_t length = plo_be32(data + at);
        const uint8_t *kind = data + at + 4;
        bool picture = memcmp(kind, "IDAT", 4) == 0;
        if (memcmp(kind, "IEND", 4) == 0 || (begun && animated && memcmp(kind, "fcTL", 4) == 0))
            return false;
        // How much of the picture's own data is there is for the decoder to say; none is too
        // little.
        bool cut = length > size - at - 8;
        if (cut)
            return begun && (!picture || at + 8 == size);
        begun = begun || picture;
        at += 12 + (uint64_t)length;
    }
    return false;
}

// The rows of all seven passes, into the samples of the whole picture.
static int read_interlaced(struct plo_decoder *decoder, struct state *state,
                           struct pipilo_error *err)
{
    struct spng_row_info row;
    int code = 0;
    while (code == 0 && (code = spng_get_row_info(state->png, &row)) == 0) {
        PLO_TRY(plo_deadline_check(&decoder->deadline, err));
        code = spng_decode_row(state->png, state->raw + state->raw_stride * row.row_num,
                               state->raw_stride);
    }
    return code == SPNG_EOI ? 0 : fail_png(err, code, 0, decoder->height);
}

static int start(struct plo_decoder *decoder, struct state *state, struct pipilo_error *err)
{
    struct spng_alloc alloc = { plo_alloc, png_realloc, plo_alloc0, plo_free };
    uint32_t rows = decoder->height;
    state->png = spng_ctx_new2(&alloc, 0);
    if (state->png == NULL)
        return plo_fail_nomem(err, 0);
    spng_set_image_limits(state->png, decoder->options->max_side, decoder->options->max_side);
    // Refused, and no limit set, where the first is above the second.
    if (spng_set_chunk_limits(state->png, MAX_METADATA, MAX_METADATA) != 0)
        return plo_fail(err, PIPILO_EINTERNAL, "libspng takes no limits");
    int code = spng_set_png_buffer(state->png, decoder->data, decoder->size);
    if (code == 0)
        code = spng_get_ihdr(state->png, &state->header);
    if (code == 0)
        code = read_palette(state);
    size_t total = 0;
    if (code == 0)
        code = spng_decoded_image_size(state->png, SPNG_FMT_RAW, &total);
    if (code != 0)
        return fail_png(err, code, 0, rows);
    if (ends_early(decoder->data, decoder->size, decoder->info->animated))
        return plo_fail(err, PIPILO_ETRUNCATED, "the data end in a chunk behind the picture");
    state->raw_stride = total / rows;
    bool whole = state->header.interlace_method != 0;
    size_t raw = whole ? total : state->raw_stride;
    state->raw = plo_scratch_get(decoder->scratch, PLO_SCRATCH_RAW, raw);
    if (state->raw == NULL)
        return plo_fail_nomem(err, raw);
    code = spng_decode_image(state->png, NULL, 0, SPNG_FMT_RAW, SPNG_DECODE_PROGRESSIVE);
    if (code != 0)
        return fail_png(err, code, 0, rows);
    return whole ? read_interlaced(decoder, state, err) : 0;
}

static int png_open(struct plo_decoder *decoder, struct pipilo_error *err)
{
    struct state *state = decoder->state;
    size_t bytes = 3 * (size_t)decoder->width;
    state->row = plo_scratch_get(decoder->scratch, PLO_SCRATCH_ROWS, bytes + PLO_ROW_PADDING);
    if (state->row == NULL)
        return plo_fail_nomem(err, bytes);
    memset(state->row + bytes, 0, PLO_ROW_PADDING);
    return start(decoder, state, err);
}

// Sample `i` of a row with less than 8 bits a sample.
static uint8_t packed(const uint8_t *raw, size_t i, unsigned depth)
{
    unsigned per_byte = 8 / depth, shift = 8 - depth * (unsigned)(i % per_byte + 1);
    return raw[i / per_byte] >> shift & ((1U << depth) - 1);
}

// Of 16 bits, stored upper byte first, the upper byte is taken: `wide` is 2 then, else 1.
static void to_rgb(const struct state *state, const uint8_t *raw, uint8_t *rgb, uint32_t width)
{
    unsigned depth = state->header.bit_depth;
    size_t wide = depth == 16 ? 2 : 1, step = wide * channels_of(state->header.color_type);
    bool palette = state->header.color_type == PALETTE;
    if (palette || depth < 8) {
        unsigned scale = palette ? 1 : 255 / ((1U << (depth < 8 ? depth : 8)) - 1);
        for (size_t i = 0; i < width; i++) {
            uint8_t sample = depth < 8 ? packed(raw, i, depth) : raw[i];
            if (palette)
                memcpy(rgb + 3 * i, state->palette[sample], 3);
            else
                memset(rgb + 3 * i, (int)(sample * scale), 3);
        }
        return;
    }
    if ((state->header.color_type & 2) == 0) {
        for (size_t i = 0; i < width; i++)
            memset(rgb + 3 * i, raw[step * i], 3);
        return;
    }
    if (step == 3) {
        memcpy(rgb, raw, 3 * (size_t)width);
        return;
    }
    for (size_t i = 0; i < width; i++) {
        rgb[3 * i] = raw[step * i];
        rgb[3 * i + 1] = raw[step * i + wide];
        rgb[3 * i + 2] = raw[step * i + 2 * wide];
    }
}

static int png_next(struct plo_decoder *decoder, const uint8_t **row, struct pipilo_error *err)
{
    struct state *state = decoder->state;
    const uint8_t *raw = state->raw;
    if (state->header.interlace_method != 0) {
        raw += state->raw_stride * decoder->row;
    } else {
        int code = spng_decode_row(state->png, state->raw, state->raw_stride);
        bool last = decoder->row + 1 == decoder->height;
        if (code != 0 && !(code == SPNG_EOI && last))
            return fail_png(err, code, decoder->row, decoder->height);
    }
    to_rgb(state, raw, state->row, decoder->width);
    *row = state->row;
    return 0;
}

static void png_close(struct plo_decoder *decoder)
{
    struct state *state = decoder->state;
    spng_ctx_free(state->png);
    state->png = NULL;
}

const struct plo_codec plo_codec_png = {
    .match = match,
    .probe = probe,
    .open = png_open,
    .next = png_next,
    .close = png_close,
    .state_size = sizeof(struct state),
    .memory_by_errno = true,
};
