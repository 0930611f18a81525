// kernels_c.c: the inner loops in plain C: the reference that every other must equal (see
// kernels.h).
#include "image/kernels.h"

static uint8_t clipped(uint32_t sum)
{
    int32_t value = (int32_t)sum >> PLO_WEIGHT_BITS;
    return value < 0 ? 0 : value > 255 ? 255 : (uint8_t)value;
}

static const uint32_t half = UINT32_C(1) << (PLO_WEIGHT_BITS - 1);

static void row(uint8_t *out, const uint8_t *source, const struct plo_axis *axis)
{
    for (uint32_t i = 0; i < axis->count; i++) {
        const uint8_t *pixel = source + 3 * (size_t)axis->starts[i];
        const int32_t *weights = axis->weights + (size_t)i * axis->taps;
        uint32_t r = half, g = half, b = half;
        for (uint32_t t = 0; t < axis->lengths[i]; t++) {
            uint32_t weight = (uint32_t)weights[t];
            r += pixel[3 * t] * weight;
            g += pixel[3 * t + 1] * weight;
            b += pixel[3 * t + 2] * weight;
        }
        out[3 * (size_t)i] = clipped(r);
        out[3 * (size_t)i + 1] = clipped(g);
        out[3 * (size_t)i + 2] = clipped(b);
    }
}

static void column(uint8_t *out, const uint8_t *const *rows, const struct plo_axis *axis,
                   uint32_t index, size_t bytes)
{
    enum { BLOCK = 64 };
    const int32_t *weights = axis->weights + (size_t)index * axis->taps;
    uint32_t sums[BLOCK];
    for (size_t from = 0; from < bytes; from += BLOCK) {
        size_t count = bytes - from < BLOCK ? bytes - from : BLOCK;
        for (size_t i = 0; i < count; i++)
            sums[i] = half;
        for (uint32_t t = 0; t < axis->lengths[index]; t++) {
            for (size_t i = 0; i < count; i++)
                sums[i] += rows[t][from + i] * (uint32_t)weights[t];
        }
        for (size_t i = 0; i < count; i++)
            out[from + i] = clipped(sums[i]);
    }
}

void plo_lookup_c(float *out, const uint8_t *pixels, size_t count, const struct plo_lookup *lookup)
{
    for (size_t i = 0; i < count; i++)
        out[i] = lookup->values[pixels[3 * i]];
}

const struct plo_kernels plo_kernels_c = { "c", row, column, plo_lookup_c };
