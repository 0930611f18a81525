// raw.c: pixels that are decoded already, as a codec like the others, so that resizing them takes
// the same path.
#include "image/codecs/codec.h"

#include <string.h>

#include "core/fail.h"

struct state {
    uint8_t *row;
};

static int raw_open(struct plo_decoder *decoder, struct pipilo_error *err)
{
    struct state *state = decoder->state;
    size_t bytes = 3 * (size_t)decoder->width;
    state->row = plo_scratch_get(decoder->scratch, PLO_SCRATCH_ROWS, bytes + PLO_ROW_PADDING);
    if (state->row == NULL)
        return plo_fail_nomem(err, bytes);
    memset(state->row + bytes, 0, PLO_ROW_PADDING);
    return 0;
}

static int raw_next(struct plo_decoder *decoder, const uint8_t **row, struct pipilo_error *err)
{
    (void)err;
    struct state *state = decoder->state;
    size_t bytes = 3 * (size_t)decoder->width;
    memcpy(state->row, decoder->data + bytes * decoder->row, bytes);
    if (decoder->swapped)
        plo_swap_red_blue(state->row, decoder->width);
    *row = state->row;
    return 0;
}

static int raw_skip(struct plo_decoder *decoder, uint32_t rows, struct pipilo_error *err)
{
    (void)decoder;
    (void)rows;
    (void)err;
    return 0;
}

static void raw_close(struct plo_decoder *decoder)
{
    (void)decoder;
}

const struct plo_codec plo_codec_raw = {
    .open = raw_open,
    .next = raw_next,
    .skip = raw_skip,
    .close = raw_close,
    .state_size = sizeof(struct state),
};
