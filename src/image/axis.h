// axis.h: one direction of a resize: which source samples make up each output sample, and with what
// weights, so that the result equals Pillow's to the bit.
//
// The weights are those of Pillow's antialiased resize (documented in Pillow's "Concepts", Filters;
// the kernels as in its source, src/libImaging/Resample.c): a kernel of radius r, widened by the
// reduction s, normalised to a sum of 1 in double, then rounded to 22 fractional bits.
//
// Threads: any; a filled axis is only read.
#ifndef PLO_IMAGE_AXIS_H
#define PLO_IMAGE_AXIS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/preprocess.h"
#include "image/scratch.h"

enum { PLO_WEIGHT_BITS = 22, PLO_WEIGHT_SPLIT = 11 };

// `count` outputs. Output i is the sum over t < lengths[i] of source[starts[i] + t] times
// weights[i * taps + t], in units of 2^-22, rounded half up and clipped to 0..255. Weights from
// lengths[i] to taps - 1 are 0.
//
// `parts` holds the same weights for 16-bit multiplications: per group of four taps, four low parts
// (the lowest 11 bits), then four high parts (the rest, signed); weight = high x 2048 + low.
//
// `digits` holds them for 8-bit multiplications, weight = (high x 256 + middle) x 256 + low, each
// digit -128..127. Four outputs are a block, four taps a group; each block has digit_groups groups,
// and each of these 16 lowest digits (four taps of the first output, of the second ..), 16 middle
// and 16 highest ones. So that every output of an axis has as many groups and none looks far past
// axis->end, output i begins at digit_starts[i]: at starts[i] or a multiple of 4 before, with
// weights of 0. Blocks are whole: digit_starts goes up to a multiple of 4.
struct plo_axis {
    uint32_t count, taps; // taps is a multiple of 4
    uint32_t first, end;  // the source samples that matter: first <= index < end
    uint32_t longest;     // the largest length
    bool copy;            // each output is one source sample, in order
    uint32_t *starts, *lengths;
    int32_t *weights;
    int16_t *parts;
    int8_t *digits;
    uint32_t *digit_starts;
    uint32_t digit_groups;
};

// The lowest digits of the first four taps of an output, from starts[index] on; those of the next
// four are 48 bytes further.
static inline const int8_t *plo_axis_digits(const struct plo_axis *axis, uint32_t index)
{
    uint32_t before = (axis->starts[index] - axis->digit_starts[index]) / 4;
    size_t group = (size_t)(index / 4) * axis->digit_groups + before;
    return axis->digits + 48 * group + 4 * (size_t)(index % 4);
}

struct plo_axis_request {
    uint32_t source;      // samples there are
    uint32_t target;      // samples the whole is resized to
    uint32_t left, count; // which of them are wanted: left <= index < left + count <= target
    bool mirrored;        // the source is stored last sample first; outputs keep their order
    enum plo_filter filter;
};

// Fills an axis out of the scratch slot, where it lives until that slot is asked for again. The one
// that is there already serves again where it was of the same request: pictures of one size come
// together.
// Errors: PIPILO_ENOMEM; PIPILO_ELIMIT where the weights would pass 1 GiB.
int plo_axis_init(struct plo_axis *axis, const struct plo_axis_request *request,
                  struct plo_image_scratch *scratch, enum plo_scratch_slot slot,
                  struct pipilo_error *err);

// Bytes plo_axis_init will take.
uint64_t plo_axis_need(const struct plo_axis_request *request);

#endif
