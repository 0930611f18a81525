// codec.h: for writers of codecs. A codec turns encoded bytes of one format into rows of RGB, 8
// bits a channel, from the top as stored. It is one table of functions in one file; codec.c lists
// them.
//
// Threads: a decoder is used by one thread at a time; several decoders of one codec run at once.
#ifndef PLO_IMAGE_CODECS_CODEC_H
#define PLO_IMAGE_CODECS_CODEC_H

#include "image/decoding.h"
#include "image/image.h"
#include "image/input.h"
#include "image/kernels.h"
#include "image/scratch.h"

struct plo_codec;

// One picture being decoded. The caller fills the first group; `open` the second.
struct plo_decoder {
    const struct plo_codec *codec;
    const uint8_t *data; // encoded
    size_t size;
    const struct plo_image_info *info; // from `probe` of the same bytes
    const struct plo_decode_options *options;
    struct plo_image_scratch *scratch;
    uint32_t shrink; // the picture may come smaller by 1, 2, 4 or 8: more is never needed
    bool swapped;    // raw only: the data are BGR
    struct plo_deadline deadline; // a codec that works long without giving rows looks at it

    uint32_t width, height; // pixels of the rows that come, as stored
    uint32_t row;           // the next one
    void *state;            // codec->state_size bytes, zeroed before `open`
};

struct plo_codec {
    // True where the bytes begin as this format does; `size` is at most 64.
    bool (*match)(const uint8_t *head, size_t size);

    // Fills the info of a zeroed struct but `bytes`, `width` and `height`; orientation 0 counts
    // as 1.
    int (*probe)(struct plo_input *input, struct plo_image_info *info, struct pipilo_error *err);

    // Starts to decode, limits being checked. After a failure `close` is called too.
    int (*open)(struct plo_decoder *decoder, struct pipilo_error *err);

    // Before the first row: of the rows that come only the columns first <= x < end need to be
    // right, and PLO_ROW_PADDING bytes behind them readable; they stand where they would stand in
    // the whole row. NULL: rows are always whole.
    int (*narrow)(struct plo_decoder *decoder, uint32_t first, uint32_t end,
                  struct pipilo_error *err);

    // The next row: 3 x width bytes, and PLO_ROW_PADDING more that may be read, valid until the
    // next call.
    int (*next)(struct plo_decoder *decoder, const uint8_t **row, struct pipilo_error *err);

    // Passes over rows as `next` would, errors included; NULL: by `next`.
    int (*skip)(struct plo_decoder *decoder, uint32_t rows, struct pipilo_error *err);

    void (*close)(struct plo_decoder *decoder);
    size_t state_size;
    bool memory_by_errno; // its library may call a picture damaged where malloc failed
};

extern const struct plo_codec plo_codec_jpeg;
extern const struct plo_codec plo_codec_png;
extern const struct plo_codec plo_codec_webp;
extern const struct plo_codec plo_codec_bmp;
extern const struct plo_codec plo_codec_gif;
extern const struct plo_codec plo_codec_vips;
extern const struct plo_codec plo_codec_raw; // not in the list: never found by its first bytes

// Which codec reads the input, by its first bytes. Errors: PIPILO_ETRUNCATED where there are none,
// PIPILO_EFORMAT where no codec knows them.
int plo_codec_find(const struct plo_codec **codec, struct plo_input *input,
                   struct pipilo_error *err);

// Reads the header: which codec, and what it says, limits not checked. *info is complete.
int plo_codec_probe(const struct plo_codec **codec, struct plo_input *input,
                    struct plo_image_info *info, struct pipilo_error *err);

// Opens a decoder whose first group is filled. Checks the limits of the options first.
int plo_decoder_open(struct plo_decoder *decoder, struct pipilo_error *err);
int plo_decoder_narrow(struct plo_decoder *decoder, uint32_t first, uint32_t end,
                       struct pipilo_error *err);
int plo_decoder_next(struct plo_decoder *decoder, const uint8_t **row, struct pipilo_error *err);
int plo_decoder_skip(struct plo_decoder *decoder, uint32_t rows, struct pipilo_error *err);
void plo_decoder_close(struct plo_decoder *decoder);

// BGR from RGB and back, in place.
void plo_swap_red_blue(uint8_t *pixels, size_t count);

// PIPILO_ELIMIT where width x height passes the limits, with the numbers.
int plo_codec_check_limits(uint32_t width, uint32_t height,
                           const struct plo_decode_options *options, struct pipilo_error *err);

#endif
