// webp.c: WebP by libwebp. The library decodes whole pictures; an animation gives its first frame,
// on black where the frame does not cover the canvas. Alpha is left out.
#include "image/codecs/codec.h"

#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>

#include "core/fail.h"
#include "image/exif.h"

enum { MAX_CHUNKS = 100000, ICC = 0x20, ALPHA = 0x10, ANIMATION = 0x02 };

// --- the header ----------------------------------------------------------------------------------

static bool match(const uint8_t *head, size_t size)
{
    return size >= 12 && memcmp(head, "RIFF", 4) == 0 && memcmp(head + 8, "WEBP", 4) == 0;
}

// A key frame of VP8: three bytes of tag, three of start code, two sizes of 14 bits.
static void read_vp8(struct plo_input *input, uint64_t offset, struct plo_image_info *info)
{
    const uint8_t *p = plo_input_at(input, offset, 10);
    if (p == NULL || memcmp(p + 3, "\x9d\x01\x2a", 3) != 0)
        return;
    info->stored_width = plo_le16(p + 6) & 0x3fff;
    info->stored_height = plo_le16(p + 8) & 0x3fff;
}

// VP8L: one byte of signature, then 14 bits of width - 1, 14 of height - 1, one of alpha.
static void read_vp8l(struct plo_input *input, uint64_t offset, struct plo_image_info *info)
{
    const uint8_t *p = plo_input_at(input, offset, 5);
    if (p == NULL || p[0] != 0x2f)
        return;
    uint32_t bits = plo_le32(p + 1);
    info->stored_width = (bits & 0x3fff) + 1;
    info->stored_height = (bits >> 14 & 0x3fff) + 1;
    info->alpha = bits >> 28 & 1;
}

static void read_vp8x(const uint8_t *p, struct plo_image_info *info)
{
    info->icc = (p[0] & ICC) != 0;
    info->alpha = (p[0] & ALPHA) != 0;
    info->animated = (p[0] & ANIMATION) != 0;
    info->stored_width = (plo_le16(p + 4) | (uint32_t)p[6] << 16) + 1;
    info->stored_height = (plo_le16(p + 7) | (uint32_t)p[9] << 16) + 1;
}

static int probe(struct plo_input *input, struct plo_image_info *info, struct pipilo_error *err)
{
    info->format = PLO_IMAGE_WEBP;
    info->depth = 8;
    bool lossless = false;
    uint64_t offset = 12;
    for (int i = 0; i < MAX_CHUNKS; i++) {
        const uint8_t *p = plo_input_at(input, offset, 8);
        if (p == NULL)
            break;
        uint32_t length = plo_le32(p + 4);
        char type[4];
        memcpy(type, p, 4);
        if (memcmp(type, "VP8X", 4) == 0 && (p = plo_input_at(input, offset + 8, 10)) != NULL)
            read_vp8x(p, info);
        else if (memcmp(type, "VP8 ", 4) == 0 && info->stored_width == 0)
            read_vp8(input, offset + 8, info);
        else if (memcmp(type, "VP8L", 4) == 0) {
            lossless = true;
            if (info->stored_width == 0)
                read_vp8l(input, offset + 8, info);
        } else if (memcmp(type, "EXIF", 4) == 0 && info->orientation == 0)
            info->orientation = plo_exif_orientation(input, offset + 8, length);
        offset += 8 + (uint64_t)length + (length & 1);
    }
    if (info->stored_width == 0)
        return plo_fail(err, PIPILO_ETRUNCATED, "the data end in the header");
    info->channels = info->alpha ? 4 : 3;
    // RGB, and what the decoder keeps: all of a lossless picture, the alpha of a lossy one.
    uint64_t pixels = (uint64_t)info->stored_width * info->stored_height;
    info->state_bytes = pixels * (lossless || info->animated ? 8 : info->alpha ? 5 : 3);
    return 0;
}

// --- decoding ------------------------------------------------------------------------------------

struct state {
    uint8_t *pixels;
    size_t stride;
};

static int fail_webp(struct pipilo_error *err, VP8StatusCode code)
{
    switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY:
        return plo_fail_nomem(err, 0);
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
        return plo_fail(err, PIPILO_ETRUNCATED, "the picture's data end early");
    default:
        return plo_fail(err, PIPILO_ECORRUPT, "libwebp: status %d", (int)code);
    }
}

// The same pixels as WebPDecode gives, in pieces of the file, so that the clock is looked at: a
// little slower, as the library saves its state now and then.
static int decode_pieces(const struct plo_decoder *decoder, const WebPData *bytes,
                         WebPDecoderConfig *config, struct pipilo_error *err)
{
    enum { PIECE = 4096 };
    VP8StatusCode code = VP8_STATUS_SUSPENDED;
    int result = 0;
    WebPIDecoder *pieces = WebPIDecode(NULL, 0, config);
    if (pieces == NULL)
        return plo_fail_nomem(err, 0);
    for (size_t fed = 0; code == VP8_STATUS_SUSPENDED && fed < bytes->size && result == 0;) {
        fed += bytes->size - fed < PIECE ? bytes->size - fed : PIECE;
        code = WebPIUpdate(pieces, bytes->bytes, fed);
        result = plo_deadline_check(&decoder->deadline, err);
    }
    WebPIDelete(pieces);
    return result < 0 || code == VP8_STATUS_OK ? result : fail_webp(err, code);
}

// Decodes a frame into its place on the canvas; the canvas may be smaller than stored by `shrink`.
static int decode_frame(const struct plo_decoder *decoder, const WebPIterator *frame,
                        struct pipilo_error *err)
{
    const struct state *state = decoder->state;
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return plo_fail(err, PIPILO_EFORMAT, "libwebp is of another version");
    uint32_t width = (uint32_t)frame->width, height = (uint32_t)frame->height;
    if (decoder->shrink > 1) {
        config.options.use_scaling = 1;
        config.options.scaled_width = (int)decoder->width;
        config.options.scaled_height = (int)decoder->height;
        width = decoder->width;
        height = decoder->height;
    }
    size_t offset = (size_t)frame->y_offset * state->stride + 3 * (size_t)frame->x_offset;
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = state->pixels + offset;
    config.output.u.RGBA.stride = (int)state->stride;
    config.output.u.RGBA.size = state->stride * (height - 1) + 3 * (size_t)width;
    if (decoder->deadline.limit > 0)
        return decode_pieces(decoder, &frame->fragment, &config, err);
    VP8StatusCode code = WebPDecode(frame->fragment.bytes, frame->fragment.size, &config);
    WebPFreeDecBuffer(&config.output);
    return code == VP8_STATUS_OK ? 0 : fail_webp(err, code);
}

static int decode(struct plo_decoder *decoder, const WebPIterator *frame, struct pipilo_error *err)
{
    struct state *state = decoder->state;
    uint32_t width = (uint32_t)frame->width, height = (uint32_t)frame->height;
    bool covers = width == decoder->width && height == decoder->height;
    if (frame->x_offset < 0 || frame->y_offset < 0 ||
        (uint64_t)frame->x_offset + width > decoder->width ||
        (uint64_t)frame->y_offset + height > decoder->height)
        return plo_fail(err, PIPILO_ECORRUPT, "the first frame is not inside the canvas");
    if (!covers)
        decoder->shrink = 1;
    if (decoder->shrink > 1) {
        decoder->width = (decoder->width + decoder->shrink - 1) / decoder->shrink;
        decoder->height = (decoder->height + decoder->shrink - 1) / decoder->shrink;
    }
    state->stride = 3 * (size_t)decoder->width;
    size_t bytes = state->stride * decoder->height;
    state->pixels = plo_scratch_get(decoder->scratch, PLO_SCRATCH_ROWS, bytes + PLO_ROW_PADDING);
    if (state->pixels == NULL)
        return plo_fail_nomem(err, bytes);
    memset(state->pixels + bytes, 0, PLO_ROW_PADDING);
    if (!covers)
        memset(state->pixels, 0, bytes);
    return decode_frame(decoder, frame, err);
}

static int webp_open(struct plo_decoder *decoder, struct pipilo_error *err)
{
    WebPData data = { decoder->data, decoder->size };
    WebPDemuxState parsed = WEBP_DEMUX_PARSE_ERROR;
    WebPDemuxer *demuxer = WebPDemuxPartial(&data, &parsed);
    WebPIterator frame;
    if (demuxer == NULL)
        return parsed == WEBP_DEMUX_PARSE_ERROR
                   ? plo_fail(err, PIPILO_ECORRUPT, "the WebP's parts do not fit together")
                   : plo_fail(err, PIPILO_ETRUNCATED, "the data end in the header");
    int result = 0;
    if (parsed != WEBP_DEMUX_DONE)
        result =
            plo_fail(err, PIPILO_ETRUNCATED, "the picture ends after %zu bytes", decoder->size);
    else if (!WebPDemuxGetFrame(demuxer, 1, &frame))
        result = plo_fail(err, PIPILO_ECORRUPT, "the WebP has no frame");
    else {
        result = decode(decoder, &frame, err);
        WebPDemuxReleaseIterator(&frame);
    }
    WebPDemuxDelete(demuxer);
    return result;
}

static int webp_next(struct plo_decoder *decoder, const uint8_t **row, struct pipilo_error *err)
{
    (void)err;
    const struct state *state = decoder->state;
    *row = state->pixels + state->stride * decoder->row;
    return 0;
}

static int webp_skip(struct plo_decoder *decoder, uint32_t rows, struct pipilo_error *err)
{
    (void)decoder;
    (void)rows;
    (void)err;
    return 0;
}

static void webp_close(struct plo_decoder *decoder)
{
    (void)decoder;
}

const struct plo_codec plo_codec_webp = {
    .match = match,
    .probe = probe,
    .open = webp_open,
    .next = webp_next,
    .skip = webp_skip,
    .close = webp_close,
    .state_size = sizeof(struct state),
    .memory_by_errno = true,
};
