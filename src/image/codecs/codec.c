// codec.c: the list of codecs, and what holds for all of them: which one reads a picture, the
// limits, the row counter (see codec.h).
#include "image/codecs/codec.h"

#include <errno.h>
#include <string.h>

#include "core/fail.h"

static const struct plo_codec *const codecs[] = {
    &plo_codec_jpeg, &plo_codec_png, &plo_codec_webp,
    &plo_codec_bmp,  &plo_codec_gif, &plo_codec_vips,
};

static const struct plo_codec *find(struct plo_input *input)
{
    uint32_t size = input->size < 64 ? (uint32_t)input->size : 64;
    const uint8_t *head = plo_input_at(input, 0, size);
    for (size_t i = 0; head != NULL && i < PLO_COUNT(codecs); i++) {
        if (codecs[i]->match(head, size))
            return codecs[i];
    }
    return NULL;
}

int plo_codec_find(const struct plo_codec **codec, struct plo_input *input,
                   struct pipilo_error *err)
{
    if (input->size == 0)
        return plo_fail(err, PIPILO_ETRUNCATED, "the picture is empty (0 bytes)");
    *codec = find(input);
    if (input->failed)
        return plo_fail(err, PIPILO_EIO, "the file cannot be read");
    if (*codec == NULL)
        return plo_fail(err, PIPILO_EFORMAT, "the %llu bytes are not a picture of a known format",
                        (unsigned long long)input->size);
    return 0;
}

int plo_codec_probe(const struct plo_codec **codec, struct plo_input *input,
                    struct plo_image_info *info, struct pipilo_error *err)
{
    PLO_TRY(plo_codec_find(codec, input, err));
    *info = (struct plo_image_info){ .bytes = input->size };
    PLO_TRY((*codec)->probe(input, info, err));
    if (input->failed)
        return plo_fail(err, PIPILO_EIO, "the file cannot be read");
    if (info->stored_width == 0 || info->stored_height == 0)
        return plo_fail(err, PIPILO_ECORRUPT, "the header says %u x %u pixels", info->stored_width,
                        info->stored_height);
    if (info->orientation == 0)
        info->orientation = 1;
    bool turned = info->orientation >= 5;
    info->width = turned ? info->stored_height : info->stored_width;
    info->height = turned ? info->stored_width : info->stored_height;
    return 0;
}

int plo_codec_check_limits(uint32_t width, uint32_t height,
                           const struct plo_decode_options *options, struct pipilo_error *err)
{
    if (width > options->max_side || height > options->max_side)
        return plo_fail(err, PIPILO_ELIMIT,
                        "the picture has %u x %u pixels, the limit for a side is %u", width, height,
                        options->max_side);
    uint64_t own = options->max_pixels, most = plo_decoding_pixels();
    most = own < most ? own : most;
    if ((uint64_t)width * height > most)
        return plo_fail(err, PIPILO_ELIMIT,
                        "the picture has %u x %u = %llu pixels, the limit is %llu", width, height,
                        (unsigned long long)width * height, (unsigned long long)most);
    return 0;
}

// Rows between two looks at the clock.
enum { LOOK_EVERY = 16 };

void plo_swap_red_blue(uint8_t *pixels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t first = pixels[3 * i];
        pixels[3 * i] = pixels[3 * i + 2];
        pixels[3 * i + 2] = first;
    }
}

// True where the rows that come are those of the header's picture, whole or at a scale that was
// asked for.
static bool is_as_said(const struct plo_decoder *decoder)
{
    const struct plo_image_info *info = decoder->info;
    for (uint32_t shrink = 1; shrink == 1 || shrink <= decoder->shrink; shrink *= 2) {
        if (decoder->width == (info->stored_width + shrink - 1) / shrink &&
            decoder->height == (info->stored_height + shrink - 1) / shrink)
            return true;
    }
    return false;
}

// libspng and libwebp call a picture damaged where their own malloc failed; its errno is still
// there.
static int of_memory(const struct plo_codec *codec, int result, struct pipilo_error *err)
{
    bool damaged = result == PIPILO_ECORRUPT || result == PIPILO_ETRUNCATED;
    return damaged && codec->memory_by_errno && errno == ENOMEM ? plo_fail_nomem(err, 0) : result;
}

int plo_decoder_open(struct plo_decoder *decoder, struct pipilo_error *err)
{
    const struct plo_codec *codec = decoder->codec;
    const struct plo_image_info *info = decoder->info;
    decoder->row = 0;
    decoder->state = NULL;
    PLO_TRY(plo_codec_check_limits(info->stored_width, info->stored_height, decoder->options, err));
    decoder->state = plo_scratch_get(decoder->scratch, PLO_SCRATCH_STATE, codec->state_size);
    if (decoder->state == NULL)
        return plo_fail_nomem(err, codec->state_size);
    memset(decoder->state, 0, codec->state_size);
    decoder->width = info->stored_width;
    decoder->height = info->stored_height;
    errno = 0;
    PLO_TRY(of_memory(codec, codec->open(decoder, err), err));
    // Who asked made room for what the header said: a decoder that reads it in another way must
    // not pass that.
    if (!is_as_said(decoder))
        return plo_fail(err, PIPILO_ECORRUPT, "the header says %u x %u pixels, the data %u x %u",
                        info->stored_width, info->stored_height, decoder->width, decoder->height);
    return 0;
}

int plo_decoder_narrow(struct plo_decoder *decoder, uint32_t first, uint32_t end,
                       struct pipilo_error *err)
{
    const struct plo_codec *codec = decoder->codec;
    return codec->narrow != NULL ? codec->narrow(decoder, first, end, err) : 0;
}

int plo_decoder_next(struct plo_decoder *decoder, const uint8_t **row, struct pipilo_error *err)
{
    if (decoder->row % LOOK_EVERY == 0)
        PLO_TRY(plo_deadline_check(&decoder->deadline, err));
    errno = 0;
    PLO_TRY(of_memory(decoder->codec, decoder->codec->next(decoder, row, err), err));
    decoder->row++;
    return 0;
}

int plo_decoder_skip(struct plo_decoder *decoder, uint32_t rows, struct pipilo_error *err)
{
    if (decoder->codec->skip != NULL && rows > 0) {
        PLO_TRY(decoder->codec->skip(decoder, rows, err));
        decoder->row += rows;
        return plo_deadline_check(&decoder->deadline, err);
    }
    const uint8_t *row = NULL;
    for (uint32_t i = 0; i < rows; i++)
        PLO_TRY(plo_decoder_next(decoder, &row, err));
    return 0;
}

void plo_decoder_close(struct plo_decoder *decoder)
{
    if (decoder->state != NULL)
        decoder->codec->close(decoder);
    decoder->state = NULL;
}
