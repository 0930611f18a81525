// gif.c: the first frame of a GIF, read here (GIF89a specification, and its appendix F for LZW):
// opening libvips for it would take longer than the decode. Transparency is left out: a transparent
// pixel has the colour that the palette gives its index, as in Pillow.
#include "image/codecs/codec.h"

#include <string.h>

#include "core/fail.h"

enum {
    MAX_BLOCKS = 100000,
    MAX_CODES = 4096,
    EXTENSION = 0x21,
    GRAPHIC_CONTROL = 0xf9,
    IMAGE = 0x2c,
    INTERLACED = 0x40,
    HAS_TABLE = 0x80,
};

// The first frame. Offsets are from the start of the file.
struct frame {
    uint32_t left, top, width, height;
    uint64_t palette, data;
    uint32_t colors; // 0: no palette, the index is a shade of grey
    bool interlaced, transparent;
    uint8_t transparent_index;
};

// --- the header ----------------------------------------------------------------------------------

static bool match(const uint8_t *head, size_t size)
{
    return size >= 6 && (memcmp(head, "GIF87a", 6) == 0 || memcmp(head, "GIF89a", 6) == 0);
}

// The offset after a chain of sub-blocks, or 0 where the data end.
static uint64_t pass_blocks(struct plo_input *input, uint64_t offset)
{
    for (int i = 0; i < MAX_BLOCKS; i++) {
        const uint8_t *p = plo_input_at(input, offset, 1);
        if (p == NULL)
            return 0;
        offset += 1 + (uint64_t)p[0];
        if (p[0] == 0)
            return offset;
    }
    return 0;
}

static void read_descriptor(const uint8_t *p, uint64_t offset, struct frame *frame)
{
    frame->left = plo_le16(p + 1);
    frame->top = plo_le16(p + 3);
    frame->width = plo_le16(p + 5);
    frame->height = plo_le16(p + 7);
    frame->interlaced = (p[9] & INTERLACED) != 0;
    frame->data = offset + 10;
    if (p[9] & HAS_TABLE) {
        frame->colors = 2U << (p[9] & 7);
        frame->palette = frame->data;
        frame->data += 3 * (uint64_t)frame->colors;
    }
}

static int find_frame(struct plo_input *input, struct frame *frame, struct pipilo_error *err)
{
    *frame = (struct frame){ 0 };
    const uint8_t *p = plo_input_at(input, 0, 13);
    uint64_t offset = 13;
    if (p != NULL && (p[10] & HAS_TABLE)) {
        frame->colors = 2U << (p[10] & 7);
        frame->palette = offset;
        offset += 3 * (uint64_t)frame->colors;
    }
    for (int i = 0; p != NULL && i < MAX_BLOCKS; i++) {
        p = plo_input_at(input, offset, 1);
        if (p != NULL && p[0] == IMAGE && (p = plo_input_at(input, offset, 10)) != NULL) {
            read_descriptor(p, offset, frame);
            return 0;
        }
        if (p == NULL || p[0] != EXTENSION)
            break;
        p = plo_input_at(input, offset, 8);
        if (p != NULL && p[1] == GRAPHIC_CONTROL && p[2] >= 4) {
            frame->transparent = p[3] & 1;
            frame->transparent_index = p[6];
        }
        offset = pass_blocks(input, offset + 2);
        if (offset == 0)
            p = NULL;
    }
    if (p == NULL)
        return plo_fail(err, PIPILO_ETRUNCATED, "the data end before the first frame");
    return plo_fail(err, PIPILO_ECORRUPT, "the GIF has no frame");
}

static int probe(struct plo_input *input, struct plo_image_info *info, struct pipilo_error *err)
{
    struct frame frame;
    const uint8_t *p = plo_input_at(input, 0, 13);
    info->format = PLO_IMAGE_GIF;
    info->channels = 3;
    info->depth = 8;
    info->palette = true;
    if (p == NULL)
        return plo_fail(err, PIPILO_ETRUNCATED, "the data end in the header");
    info->stored_width = plo_le16(p + 6);
    info->stored_height = plo_le16(p + 8);
    PLO_TRY(find_frame(input, &frame, err));
    info->alpha = frame.transparent;
    info->progressive = frame.interlaced;
    // A frame that passes the screen makes the picture larger.
    uint32_t right = frame.left + frame.width, bottom = frame.top + frame.height;
    info->stored_width = right > info->stored_width ? right : info->stored_width;
    info->stored_height = bottom > info->stored_height ? bottom : info->stored_height;
    info->state_bytes = (uint64_t)info->stored_width * info->stored_height;
    uint64_t after = pass_blocks(input, frame.data + 1);
    p = after != 0 ? plo_input_at(input, after, 1) : NULL;
    info->animated = p != NULL && (p[0] == IMAGE || p[0] == EXTENSION);
    return 0;
}

// --- LZW -----------------------------------------------------------------------------------------

struct state {
    uint8_t palette[256][3];
    uint8_t *row;
    uint8_t *indexes; // of the canvas

    // The code table: a code stands for its prefix's pixels and one more.
    uint16_t prefixes[MAX_CODES];
    uint8_t suffixes[MAX_CODES], stack[MAX_CODES];

    const uint8_t *data, *end; // what is left of the file
    uint32_t block;            // bytes left in the sub-block
    uint32_t bits, bit_count;
};

// The next code of `size` bits, or -1 where the data end.
static int32_t next_code(struct state *state, uint32_t size)
{
    while (state->bit_count < size) {
        if (state->block == 0) {
            if (state->data == state->end || *state->data == 0)
                return -1;
            state->block = *state->data++;
            // Of a sub-block that is cut off nothing is taken, as in Pillow.
            if ((size_t)(state->end - state->data) < state->block)
                return -1;
        }
        state->bits |= (uint32_t)*state->data++ << state->bit_count;
        state->bit_count += 8;
        state->block--;
    }
    uint32_t code = state->bits & ((1U << size) - 1);
    state->bits >>= size;
    state->bit_count -= size;
    return (int32_t)code;
}

// Takes pixels in the order of the file and puts each row where it belongs.
struct pen {
    uint8_t *canvas;
    size_t stride;
    const struct frame *frame;
    uint32_t x, y, pass;
    uint32_t rows; // finished
};

static void next_row(struct pen *pen)
{
    static const uint8_t starts[4] = { 0, 4, 2, 1 }, steps[4] = { 8, 8, 4, 2 };
    pen->x = 0;
    pen->rows++;
    if (!pen->frame->interlaced) {
        pen->y++;
        return;
    }
    pen->y += steps[pen->pass];
    while (pen->y >= pen->frame->height && pen->pass < 3)
        pen->y = starts[++pen->pass];
}

static void draw(struct pen *pen, uint8_t index)
{
    if (pen->rows == pen->frame->height)
        return;
    size_t y = (size_t)pen->frame->top + pen->y;
    pen->canvas[y * pen->stride + pen->frame->left + pen->x] = index;
    if (++pen->x == pen->frame->width)
        next_row(pen);
}

// Draws what `code` stands for and returns its first pixel.
static uint8_t draw_code(struct state *state, struct pen *pen, uint32_t code, uint32_t clear)
{
    uint32_t depth = 0;
    for (; code > clear; code = state->prefixes[code])
        state->stack[depth++] = state->suffixes[code];
    uint8_t first = (uint8_t)code;
    draw(pen, first);
    while (depth > 0)
        draw(pen, state->stack[--depth]);
    return first;
}

// Codes between two looks at the clock.
enum { LOOK_EVERY = 4096 };

static int fail_early(const struct pen *pen, struct pipilo_error *err)
{
    return plo_fail(err, PIPILO_ETRUNCATED, "the picture ends after row %u of %u", pen->rows,
                    pen->frame->height);
}

// Fails where the data end or are damaged before the frame is full.
static int unpack(struct state *state, struct pen *pen, uint32_t literal_bits,
                  const struct plo_deadline *deadline, struct pipilo_error *err)
{
    uint32_t clear = 1U << literal_bits, used = clear + 2, size = literal_bits + 1;
    int32_t previous = -1;
    uint8_t first = 0;
    uint32_t codes = 0;
    while (pen->rows < pen->frame->height) {
        int32_t code = next_code(state, size);
        if (codes++ % LOOK_EVERY == 0)
            PLO_TRY(plo_deadline_check(deadline, err));
        if (code < 0 || (uint32_t)code == clear + 1)
            return fail_early(pen, err);
        if ((uint32_t)code == clear) {
            used = clear + 2;
            size = literal_bits + 1;
            previous = -1;
            continue;
        }
        if (previous < 0) {
            if ((uint32_t)code > clear)
                return fail_early(pen, err);
            first = draw_code(state, pen, (uint32_t)code, clear);
        } else if ((uint32_t)code < used) {
            first = draw_code(state, pen, (uint32_t)code, clear);
        } else if ((uint32_t)code == used && used < MAX_CODES) {
            // The code about to be made: the previous one and its own first pixel again.
            first = draw_code(state, pen, (uint32_t)previous, clear);
            draw(pen, first);
        } else {
            return fail_early(pen, err);
        }
        if (previous >= 0 && used < MAX_CODES) {
            state->prefixes[used] = (uint16_t)previous;
            state->suffixes[used++] = first;
        }
        if (used == 1U << size && size < 12)
            size++;
        previous = code;
    }
    return 0;
}

// --- decoding ------------------------------------------------------------------------------------

static void read_palette(struct plo_input *input, const struct frame *frame, struct state *state)
{
    for (uint32_t i = 0; i < 256; i++) {
        const uint8_t *p = plo_input_at(input, frame->palette + 3 * (uint64_t)i, 3);
        if (frame->colors == 0)
            memset(state->palette[i], (int)i, 3);
        else if (p != NULL && i < frame->colors)
            memcpy(state->palette[i], p, 3);
    }
}

static int decode(struct plo_decoder *decoder, struct plo_input *input, const struct frame *frame,
                  struct pipilo_error *err)
{
    struct state *state = decoder->state;
    const uint8_t *p = plo_input_at(input, frame->data, 1);
    if (p == NULL)
        return plo_fail(err, PIPILO_ETRUNCATED, "the data end before the first frame");
    if (p[0] < 1 || p[0] > 11)
        return plo_fail(err, PIPILO_ECORRUPT, "the GIF's codes begin with %d bits", p[0]);
    if (frame->left + frame->width > decoder->width || frame->top + frame->height > decoder->height)
        return plo_fail(err, PIPILO_ECORRUPT, "the first frame is not inside the picture");
    state->data = p + 1;
    state->end = decoder->data + decoder->size;
    struct pen pen = { .canvas = state->indexes, .stride = decoder->width, .frame = frame };
    return frame->width > 0 ? unpack(state, &pen, p[0], &decoder->deadline, err) : 0;
}

static int gif_open(struct plo_decoder *decoder, struct pipilo_error *err)
{
    struct state *state = decoder->state;
    struct plo_input input;
    struct frame frame;
    plo_input_init(&input, decoder->data, decoder->size);
    PLO_TRY(find_frame(&input, &frame, err));
    read_palette(&input, &frame, state);
    size_t bytes = 3 * (size_t)decoder->width, size = (size_t)decoder->width * decoder->height;
    state->row = plo_scratch_get(decoder->scratch, PLO_SCRATCH_ROWS, bytes + PLO_ROW_PADDING);
    state->indexes = plo_scratch_get(decoder->scratch, PLO_SCRATCH_RAW, size);
    if (state->row == NULL || state->indexes == NULL)
        return plo_fail_nomem(err, size);
    memset(state->row + bytes, 0, PLO_ROW_PADDING);
    memset(state->indexes, frame.transparent ? frame.transparent_index : 0, size);
    return decode(decoder, &input, &frame, err);
}

static int gif_next(struct plo_decoder *decoder, const uint8_t **row, struct pipilo_error *err)
{
    (void)err;
    struct state *state = decoder->state;
    const uint8_t *indexes = state->indexes + (size_t)decoder->width * decoder->row;
    for (size_t i = 0; i < decoder->width; i++)
        memcpy(state->row + 3 * i, state->palette[indexes[i]], 3);
    *row = state->row;
    return 0;
}

static void gif_close(struct plo_decoder *decoder)
{
    (void)decoder;
}

const struct plo_codec plo_codec_gif = {
    .match = match,
    .probe = probe,
    .open = gif_open,
    .next = gif_next,
    .close = gif_close,
    .state_size = sizeof(struct state),
};
