// image.h: the lazy picture. It holds encoded bytes, a file's name, or pixels; nothing is read or
// decoded until somebody asks, and then for what is needed: the header, a resized window, a model's
// input, or all pixels.
//
//     struct plo_image *image = NULL;
//     struct plo_image_scratch *scratch = plo_image_scratch_create();
//     if (plo_image_open_file(&image, "a.jpg", err) == 0)
//         result = plo_image_tensor(image, &card->preprocess, &options, scratch, slot, err);
//     plo_image_unref(&image);
//     plo_image_scratch_destroy(scratch);
//
// What becomes of orientation, colour profiles, alpha, 16-bit, CMYK and animations: docs/images.md.
//
// Ownership: open functions give one reference. Pixels come in a plo_buf the caller unrefs.
// Threads: an image may be shared and asked by several threads at once; a scratch belongs to one
// thread at a time.
// Errors of whatever reads a picture: PIPILO_ENOTFOUND, PIPILO_EIO (a folder, no permission),
// PIPILO_EFORMAT (not a picture pipilo knows), PIPILO_ECORRUPT, PIPILO_ETRUNCATED, PIPILO_ELIMIT,
// PIPILO_ENOMEM; PIPILO_EINTERNAL never.
#ifndef PLO_IMAGE_IMAGE_H
#define PLO_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipilo/error.h>

#include "base/buf.h"
#include "core/preprocess.h"
#include "core/value.h"

struct plo_image;

// Kind PIPILO_IMAGE; an object of this class is a struct plo_image with one reference.
extern const struct plo_class plo_image_class;

enum plo_image_format {
    PLO_IMAGE_PIXELS, // decoded already
    PLO_IMAGE_JPEG,
    PLO_IMAGE_PNG,
    PLO_IMAGE_WEBP,
    PLO_IMAGE_GIF,
    PLO_IMAGE_BMP,
    PLO_IMAGE_TIFF,
    PLO_IMAGE_HEIC,
    PLO_IMAGE_AVIF,
    PLO_IMAGE_JXL,
    PLO_IMAGE_JP2,
};

const char *plo_image_format_name(enum plo_image_format format); // "jpeg"; static

// What the header says. Sizes in pixels.
struct plo_image_info {
    enum plo_image_format format;
    uint32_t stored_width, stored_height; // as the file has them
    uint32_t width, height;               // upright: the orientation applied
    uint8_t orientation;                  // EXIF's 1..8; 1 where the file says nothing
    uint8_t channels;                     // of the file: 1 grey, 3, 4; a palette counts as 3
    uint8_t depth;                        // bits per channel
    bool alpha, palette, icc, progressive, animated;
    uint64_t bytes;       // encoded
    uint64_t state_bytes; // the decoder holds this much beyond a few rows (progressive, interlaced)
};

// How pictures are read. Part of the fingerprint: `fast` and `ignore_orientation`.
struct plo_decode_options {
    bool fast; // decode JPEG and WebP at a reduced scale, never below 2.25 times the target
    bool ignore_orientation; // EXIF's; a TIFF's own is always applied, as in Pillow
    uint32_t max_side;       // pixels
    uint64_t max_pixels;     // width x height
    uint64_t max_bytes;      // encoded
};

// Exact, upright; sides to 262,144, 2^28 pixels (16,384 x 16,384), 1 GiB of encoded bytes.
#define PLO_DECODE_OPTIONS_INIT          \
    ((struct plo_decode_options){        \
        .max_side = UINT32_C(1) << 18,   \
        .max_pixels = UINT64_C(1) << 28, \
        .max_bytes = UINT64_C(1) << 30,  \
    })

// Pixels, 8 bits a channel, three channels, rows from the top without gaps: uint8 [height, width,
// 3].
struct plo_pixels {
    uint32_t width, height;
    enum plo_color color; // order of the channels
    struct plo_buf *owner;
    const uint8_t *data; // inside owner
};

// A worker's buffers, kept from picture to picture, so that nothing is allocated in steady state.
// What a large picture made them grow to is given back when it is done.
struct plo_image_scratch;
struct plo_image_scratch *plo_image_scratch_create(void); // NULL when out of memory
void plo_image_scratch_destroy(struct plo_image_scratch *scratch);

// Keeps the name (copied); the file is opened when it is asked for.
int plo_image_open_file(struct plo_image **out, const char *path, struct pipilo_error *err);

// For a picture whose turn comes soon: asks the system to fetch the first MiB of its file while
// other work goes on. Nothing is kept of it but what the system caches; a file that is gone or
// unreadable is found out when the picture is read.
void plo_image_read_ahead(const struct plo_image *image);

// Encoded bytes. Consumes the reference to `bytes`, on failure too.
int plo_image_open_bytes(struct plo_image **out, struct plo_buf *bytes, struct pipilo_error *err);

// Pixels. Takes one more reference to pixels->owner.
int plo_image_open_pixels(struct plo_image **out, const struct plo_pixels *pixels,
                          struct pipilo_error *err);

// The same picture, to be decoded later with `options` whatever is asked then, as if it had been
// decoded now: a failure is reported as from `where`, a node's name. A picture of pixels, or one
// that is bound already, is given as it is.
int plo_image_open_later(struct plo_image **out, struct plo_image *image,
                         const struct plo_decode_options *options, const char *where,
                         struct pipilo_error *err);

struct plo_image *plo_image_ref(struct plo_image *image);
void plo_image_unref(struct plo_image **image);

// The file's name, or NULL where the picture is in memory. Borrowed.
const char *plo_image_path(const struct plo_image *image);

// True for a picture from plo_image_open_pixels; *out then borrows its pixels.
bool plo_image_has_pixels(const struct plo_image *image, struct plo_pixels *out);

// The header, read once. Of a file only the parts that hold it are read. Limits are not checked,
// but that the libraries behind HEIC, AVIF, JPEG XL and JPEG 2000 get no file over 1 GiB.
int plo_image_probe(struct plo_image *image, struct plo_image_info *info, struct pipilo_error *err);

// Bytes that will be held at the peak while the picture is decoded, its encoded bytes included: for
// `target` and, where that is NULL, for all its pixels. 0 where the header cannot be read; the
// decode will then fail soon. `options` as for the decode.
uint64_t plo_image_need(struct plo_image *image, const struct plo_preprocess *target,
                        const struct plo_decode_options *options);

// All pixels, upright.
int plo_image_pixels(struct plo_image *image, enum plo_color color,
                     const struct plo_decode_options *options, struct plo_image_scratch *scratch,
                     struct plo_pixels *out, struct pipilo_error *err);

// Resized, cropped and padded as `p` says, still 8 bits: uint8 [h, w, 3], channels in p->color.
int plo_image_window(struct plo_image *image, const struct plo_preprocess *p,
                     const struct plo_decode_options *options, struct plo_image_scratch *scratch,
                     struct plo_pixels *out, struct pipilo_error *err);

// Resized to width x height.
int plo_image_resize(struct plo_image *image, uint32_t width, uint32_t height,
                     enum plo_filter filter, enum plo_color color,
                     const struct plo_decode_options *options, struct plo_image_scratch *scratch,
                     struct plo_pixels *out, struct pipilo_error *err);

// The part of the upright picture at (left, top) of width x height; PIPILO_EINVALID where it does
// not lie inside.
int plo_image_crop(struct plo_image *image, uint32_t left, uint32_t top, uint32_t width,
                   uint32_t height, enum plo_color color, const struct plo_decode_options *options,
                   struct plo_image_scratch *scratch, struct plo_pixels *out,
                   struct pipilo_error *err);

// A model's input: decoded, oriented, resized, cropped and normalised in one pass. `out` has room
// for 3 x h x w floats (plo_preprocess_size, which must be known): float32 [3, h, w], or [h, w, 3]
// with PLO_LAYOUT_NHWC. On failure its content is undefined.
int plo_image_tensor(struct plo_image *image, const struct plo_preprocess *p,
                     const struct plo_decode_options *options, struct plo_image_scratch *scratch,
                     float *out, struct pipilo_error *err);

#endif
