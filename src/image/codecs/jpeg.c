// jpeg.c: JPEG by libjpeg-turbo, row by row, with its defaults (accurate integer DCT, smooth
// upsampling), which are Pillow's too. Errors leave the library by longjmp into the entry function
// that called it; all that a picture holds hangs on its state and goes with `close`.
#include "image/codecs/codec.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "core/fail.h"
#include "image/codecs/jpeg_memory.h"
#include "image/exif.h"

enum {
    MAX_MARKERS = 100000, // before the picture data; 64 KB of metadata each is already absurd
    MAX_SCANS = 500,      // of a progressive picture: ten are usual
};

// --- the header ----------------------------------------------------------------------------------

enum {
    TEM = 0x01, // without a length, as are the restarts and SOI
    SOI = 0xd8,
    EOI = 0xd9,
    SOS = 0xda,
    APP1 = 0xe1,
    APP2 = 0xe2,
    SOF0 = 0xc0,
    SOF15 = 0xcf,
    DHT = 0xc4,
    JPG = 0xc8,
    DAC = 0xcc,
};

static bool match(const uint8_t *head, size_t size)
{
    return size >= 3 && head[0] == 0xff && head[1] == SOI && head[2] == 0xff;
}

static bool is_frame(uint32_t marker)
{
    return marker >= SOF0 && marker <= SOF15 && marker != DHT && marker != JPG && marker != DAC;
}

static uint64_t blocks(uint64_t samples)
{
    return (samples + 7) / 8;
}

// Progressive pictures keep the coefficients of all blocks, two bytes each, until the last scan.
static uint64_t coefficient_bytes(uint32_t width, uint32_t height, const uint8_t *components,
                                  uint32_t count)
{
    uint32_t max_x = 1, max_y = 1;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t x = components[3 * i + 1] >> 4, y = components[3 * i + 1] & 15;
        max_x = x > max_x ? x : max_x;
        max_y = y > max_y ? y : max_y;
    }
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t x = components[3 * i + 1] >> 4, y = components[3 * i + 1] & 15;
        bytes += (blocks(width * x / max_x) + 2 * x) * (blocks(height * y / max_y) + 2 * y) * 128;
    }
    return bytes;
}

// A frame header: precision, height, width, count of components, three bytes for each.
static int read_frame(struct plo_input *input, uint64_t offset, uint32_t size, uint32_t marker,
                      struct plo_image_info *info, struct pipilo_error *err)
{
    const uint8_t *p = size >= 6 ? plo_input_at(input, offset, size) : NULL;
    if (p == NULL || size < 6 + 3 * (uint32_t)p[5])
        return plo_fail(err, PIPILO_ETRUNCATED, "the data end in the header");
    if (p[0] != 8)
        return plo_fail(err, PIPILO_EFORMAT, "a JPEG of %d bits a channel is not supported", p[0]);
    if (p[5] != 1 && p[5] != 3 && p[5] != 4)
        return plo_fail(err, PIPILO_EFORMAT, "a JPEG of %d channels is not supported", p[5]);
    info->depth = p[0];
    info->stored_height = plo_be16(p + 1);
    info->stored_width = plo_be16(p + 3);
    info->channels = p[5];
    info->progressive = marker == 0xc2 || marker == 0xc6 || marker == 0xca || marker == 0xce;
    if (info->progressive)
        info->state_bytes = coefficient_bytes(info->stored_width, info->stored_height, p + 6, p[5]);
    return 0;
}

static void read_app(struct plo_input *input, uint64_t offset, uint32_t size, uint32_t marker,
                     struct plo_image_info *info)
{
    const uint8_t *p = size >= 12 ? plo_input_at(input, offset, 12) : NULL;
    if (p == NULL)
        return;
    if (marker == APP2 && memcmp(p, "ICC_PROFILE", 12) == 0)
        info->icc = true;
    if (marker == APP1 && memcmp(p, "Exif\0\0", 6) == 0 && info->orientation == 0)
        info->orientation = plo_exif_orientation(input, offset, size);
}

static int probe(struct plo_input *input, struct plo_image_info *info, struct pipilo_error *err)
{
    uint64_t offset = 2;
    info->format = PLO_IMAGE_JPEG;
    for (int i = 0; i < MAX_MARKERS; i++) {
        const uint8_t *p = plo_input_at(input, offset, 4);
        if (p == NULL)
            return plo_fail(err, PIPILO_ETRUNCATED, "the data end in the header");
        if (p[0] != 0xff || p[1] == 0xff || p[1] <= TEM || (p[1] >= 0xd0 && p[1] <= SOI)) {
            offset++; // filling, or bytes that belong nowhere
            continue;
        }
        uint32_t marker = p[1], length = plo_be16(p + 2);
        if (marker == EOI || marker == SOS || length < 2)
            return plo_fail(err, PIPILO_ECORRUPT, "the header does not say the picture's size");
        if (is_frame(marker))
            return read_frame(input, offset + 4, length - 2, marker, info, err);
        read_app(input, offset + 4, length - 2, marker, info);
        offset += 2 + (uint64_t)length;
    }
    return plo_fail(err, PIPILO_ECORRUPT, "the header does not end");
}

// --- libjpeg's managers --------------------------------------------------------------------------

struct state {
    struct plo_jpeg_memory memory; // first: the library's functions find it by client_data
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    const struct plo_deadline *deadline;
    jmp_buf escape;
    struct pipilo_error *err; // the caller's of now
    int code;
    bool created, cmyk;
    uint32_t rows; // of the whole picture, for messages
    size_t size;
    uint8_t *row, *raw;
    uint32_t left; // the first column that comes; jpeg.output_width of them
};

static struct state *state_of(j_common_ptr jpeg)
{
    return jpeg->client_data;
}

static void leave(j_common_ptr jpeg, int code)
{
    struct state *state = state_of(jpeg);
    state->code = code;
    longjmp(state->escape, 1);
}

static void on_error(j_common_ptr jpeg)
{
    char text[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, text);
    int reason = jpeg->err->msg_code, code = PIPILO_ECORRUPT;
    if (reason == JERR_OUT_OF_MEMORY)
        code = PIPILO_ENOMEM;
    else if (reason == JERR_BAD_PRECISION || reason == JERR_SOF_UNSUPPORTED ||
             reason == JERR_NOT_COMPILED || reason == JERR_ARITH_NOTIMPL ||
             reason == JERR_CONVERSION_NOTIMPL)
        code = PIPILO_EFORMAT;
    leave(jpeg, plo_fail(state_of(jpeg)->err, code, "libjpeg: %s", text));
}

static void on_message(j_common_ptr jpeg)
{
    (void)jpeg;
}

// Warnings are counted by the library and are no errors, as in Pillow.
static void on_warning(j_common_ptr jpeg, int level)
{
    if (level < 0)
        jpeg->err->num_warnings++;
}

static void on_progress(j_common_ptr jpeg)
{
    j_decompress_ptr decompress = (j_decompress_ptr)jpeg;
    if (decompress->input_scan_number > MAX_SCANS)
        leave(jpeg, plo_fail(state_of(jpeg)->err, PIPILO_ELIMIT, "the JPEG has more than %d scans",
                             MAX_SCANS));
    int result = plo_deadline_check(state_of(jpeg)->deadline, state_of(jpeg)->err);
    if (result < 0)
        leave(jpeg, result);
}

static void init_source(j_decompress_ptr jpeg)
{
    (void)jpeg;
}

// All the data were there from the start: whoever wants more has a picture that ends early.
static boolean fill_source(j_decompress_ptr jpeg)
{
    struct state *state = jpeg->client_data;
    if (jpeg->output_scanline > 0)
        leave((j_common_ptr)jpeg,
              plo_fail(state->err, PIPILO_ETRUNCATED, "the picture ends after row %u of %u",
                       jpeg->output_scanline, jpeg->output_height));
    leave((j_common_ptr)jpeg,
          plo_fail(state->err, PIPILO_ETRUNCATED,
                   "the picture ends after %zu bytes, before its last row", state->size));
    return FALSE;
}

static void skip_source(j_decompress_ptr jpeg, long count)
{
    if (count <= 0)
        return;
    if ((size_t)count > jpeg->src->bytes_in_buffer)
        fill_source(jpeg);
    jpeg->src->next_input_byte += count;
    jpeg->src->bytes_in_buffer -= (size_t)count;
}

static void end_source(j_decompress_ptr jpeg)
{
    (void)jpeg;
}

static void set_up(struct state *state, const uint8_t *data, size_t size)
{
    state->jpeg.err = jpeg_std_error(&state->errors);
    state->errors.error_exit = on_error;
    state->errors.output_message = on_message;
    state->errors.emit_message = on_warning;
    state->jpeg.client_data = state;
    jpeg_create_decompress(&state->jpeg);
    state->created = true;
    state->source = (struct jpeg_source_mgr){
        .next_input_byte = data,
        .bytes_in_buffer = size,
        .init_source = init_source,
        .fill_input_buffer = fill_source,
        .skip_input_data = skip_source,
        .resync_to_restart = jpeg_resync_to_restart,
        .term_source = end_source,
    };
    state->jpeg.src = &state->source;
    state->progress.progress_monitor = on_progress;
    state->jpeg.progress = &state->progress;
    state->size = size;
}

// --- decoding ------------------------------------------------------------------------------------

// Into an aligned row libjpeg-turbo writes past the caches, and the resizer would wait for memory
// to give back what was made a moment ago (40 % of the time of a small picture): so the row is not
// aligned.
enum { SHIFT = 8 };

static int start(struct plo_decoder *decoder, struct state *state, struct pipilo_error *err)
{
    j_decompress_ptr jpeg = &state->jpeg;
    state->deadline = &decoder->deadline;
    set_up(state, decoder->data, decoder->size);
    PLO_TRY(plo_jpeg_memory_init(&state->memory, jpeg, decoder->scratch, err));
    jpeg_read_header(jpeg, TRUE);
    state->cmyk = jpeg->num_components == 4;
    jpeg->out_color_space = state->cmyk ? JCS_CMYK : JCS_RGB;
    jpeg->scale_num = 1;
    jpeg->scale_denom = decoder->shrink > 1 ? decoder->shrink : 1;
    // The header was checked by our own reading of it; what counts is the library's.
    PLO_TRY(plo_codec_check_limits(jpeg->image_width, jpeg->image_height, decoder->options, err));
    jpeg_start_decompress(jpeg);
    decoder->width = jpeg->output_width;
    decoder->height = jpeg->output_height;

    size_t width = jpeg->output_width;
    size_t room = SHIFT + 3 * width + PLO_ROW_PADDING;
    uint8_t *block = plo_scratch_get(decoder->scratch, PLO_SCRATCH_ROWS, room);
    if (block == NULL)
        return plo_fail_nomem(err, room);
    memset(block, 0, room);
    state->row = block + SHIFT;
    if (state->cmyk) {
        state->raw = plo_scratch_get(decoder->scratch, PLO_SCRATCH_RAW, 4 * width);
        if (state->raw == NULL)
            return plo_fail_nomem(err, 4 * width);
    }
    return 0;
}

static int jpeg_open(struct plo_decoder *decoder, struct pipilo_error *err)
{
    struct state *state = decoder->state;
    state->err = err;
    if (setjmp(state->escape) != 0)
        return state->code;
    return start(decoder, state, err);
}

// Ink, stored inverted as Adobe does, to light, with Pillow's rounding of a product over 255.
static void from_cmyk(uint8_t *rgb, const uint8_t *inverted, uint32_t width)
{
    for (size_t i = 0; i < width; i++) {
        int light = inverted[4 * i + 3];
        for (size_t c = 0; c < 3; c++) {
            int product = (255 - inverted[4 * i + c]) * light + 128;
            rgb[3 * i + c] = (uint8_t)(light - (((product >> 8) + product) >> 8));
        }
    }
}

// Smooth upsampling looks one sample of colour to either side, and takes the edge of what is
// decoded for the edge of the picture: so a column more is decoded on either side than is wanted.
// Where fewer than two samples of colour would be left it does not smooth at all: so never fewer
// than three columns.
enum { MARGIN = 1, LEAST = 3 };

// True where libjpeg smooths over coefficients that no scan brought, looking from block to block.
static bool is_smoothed(const struct jpeg_decompress_struct *jpeg)
{
    if (jpeg->coef_bits == NULL)
        return false;
    for (int c = 0; c < jpeg->num_components; c++) {
        for (int k = 0; k < DCTSIZE2; k++) {
            if (jpeg->coef_bits[c][k] != 0)
                return true;
        }
    }
    return false;
}

// False where libjpeg-turbo 2.1 would take the wrong columns for the edges of what it decodes:
// where colour has a quarter of the columns and a larger transform makes up for a half of it.
static bool narrows_exactly(const struct jpeg_decompress_struct *jpeg)
{
    return !is_smoothed(jpeg) && (jpeg->scale_denom == 1 || jpeg->max_h_samp_factor <= 2);
}

static int jpeg_narrow(struct plo_decoder *decoder, uint32_t first, uint32_t end,
                       struct pipilo_error *err)
{
    struct state *state = decoder->state;
    JDIMENSION left = first > MARGIN ? first - MARGIN : 0;
    JDIMENSION right = decoder->width - end > MARGIN ? end + MARGIN : decoder->width;
    if (right - left < LEAST) {
        right = decoder->width - left > LEAST ? left + LEAST : decoder->width;
        left = right > LEAST ? right - LEAST : 0;
    }
    JDIMENSION width = right - left;
    state->err = err;
    if (width == decoder->width || !narrows_exactly(&state->jpeg))
        return 0;
    if (setjmp(state->escape) != 0)
        return state->code;
    jpeg_crop_scanline(&state->jpeg, &left, &width);
    state->left = left;
    return 0;
}

static int read_row(struct state *state, uint32_t number, struct pipilo_error *err)
{
    uint8_t *row = state->row + 3 * (size_t)state->left;
    JSAMPROW target = state->cmyk ? state->raw : row;
    if (jpeg_read_scanlines(&state->jpeg, &target, 1) != 1)
        return plo_fail(err, PIPILO_ECORRUPT, "the picture has no row %u", number);
    if (state->cmyk)
        from_cmyk(row, state->raw, state->jpeg.output_width);
    return 0;
}

static void finish_at_end(struct state *state)
{
    // Reads on to the end marker: a picture without one is truncated.
    if (state->jpeg.output_scanline == state->jpeg.output_height)
        jpeg_finish_decompress(&state->jpeg);
}

static int jpeg_next(struct plo_decoder *decoder, const uint8_t **row, struct pipilo_error *err)
{
    struct state *state = decoder->state;
    state->err = err;
    if (setjmp(state->escape) != 0)
        return state->code;
    PLO_TRY(read_row(state, decoder->row, err));
    *row = state->row;
    finish_at_end(state);
    return 0;
}

// Passes over rows without the transform. The last row of the picture is always read: the library
// would skip to the end without looking whether the data are there.
static int jpeg_skip(struct plo_decoder *decoder, uint32_t rows, struct pipilo_error *err)
{
    struct state *state = decoder->state;
    state->err = err;
    if (setjmp(state->escape) != 0)
        return state->code;
    bool last = decoder->row + rows == decoder->height;
    uint32_t count = last ? rows - 1 : rows;
    if (count > 0 && jpeg_skip_scanlines(&state->jpeg, count) != count)
        return plo_fail(err, PIPILO_ECORRUPT, "the picture has no row %u", decoder->row + count);
    if (last) {
        PLO_TRY(read_row(state, decoder->row, err));
        finish_at_end(state);
    }
    return 0;
}

static void jpeg_close(struct plo_decoder *decoder)
{
    struct state *state = decoder->state;
    if (state->created)
        jpeg_destroy_decompress(&state->jpeg);
    state->created = false;
    plo_jpeg_memory_reset(&state->memory);
}

const struct plo_codec plo_codec_jpeg = {
    .match = match,
    .probe = probe,
    .open = jpeg_open,
    .narrow = jpeg_narrow,
    .next = jpeg_next,
    .skip = jpeg_skip,
    .close = jpeg_close,
    .state_size = sizeof(struct state),
};
