// kernels_neon.c: the inner loops with NEON, of 64-bit ARM. It multiplies whole weights of 32 bits,
// modulo 2^32 as plain C does. It has no look-up of floats by bytes; that stays plain C.
#include "image/kernels.h"

#if defined(__aarch64__)

#include <arm_neon.h>

static const uint8_t NONE = 255; // a place past the end of a table gives 0

static inline uint8_t clipped(int32x4_t sum)
{
    int32_t value = (vaddvq_s32(sum) + (1 << (PLO_WEIGHT_BITS - 1))) >> PLO_WEIGHT_BITS;
    return value < 0 ? 0 : value > 255 ? 255 : (uint8_t)value;
}

// Channel `c` of the four pixels in `bytes`, in 32 bits each.
static inline int32x4_t channel(uint8x16_t bytes, uint8_t c)
{
    const uint8x16_t places = { 0, NONE, NONE, NONE, 3, NONE, NONE, NONE,
                                6, NONE, NONE, NONE, 9, NONE, NONE, NONE };
    uint8x16_t moved = vqaddq_u8(places, vdupq_n_u8(c));
    return vreinterpretq_s32_u8(vqtbl1q_u8(bytes, moved));
}

static void row(uint8_t *out, const uint8_t *source, const struct plo_axis *axis)
{
    for (uint32_t i = 0; i < axis->count; i++) {
        const uint8_t *pixel = source + 3 * (size_t)axis->starts[i];
        const int32_t *weights = axis->weights + (size_t)i * axis->taps;
        int32x4_t r = vdupq_n_s32(0), g = r, b = r;
        for (uint32_t t = 0; t < axis->lengths[i]; t += 4, pixel += 12) {
            uint8x16_t four = vld1q_u8(pixel);
            int32x4_t weight = vld1q_s32(weights + t);
            r = vmlaq_s32(r, channel(four, 0), weight);
            g = vmlaq_s32(g, channel(four, 1), weight);
            b = vmlaq_s32(b, channel(four, 2), weight);
        }
        out[3 * (size_t)i] = clipped(r);
        out[3 * (size_t)i + 1] = clipped(g);
        out[3 * (size_t)i + 2] = clipped(b);
    }
}

// The sums of 16 bytes, four at a time.
static inline void add_row(uint32x4_t sums[4], const uint8_t *from, uint32_t weight)
{
    uint8x16_t bytes = vld1q_u8(from);
    uint16x8_t low = vmovl_u8(vget_low_u8(bytes)), high = vmovl_high_u8(bytes);
    sums[0] = vmlaq_n_u32(sums[0], vmovl_u16(vget_low_u16(low)), weight);
    sums[1] = vmlaq_n_u32(sums[1], vmovl_high_u16(low), weight);
    sums[2] = vmlaq_n_u32(sums[2], vmovl_u16(vget_low_u16(high)), weight);
    sums[3] = vmlaq_n_u32(sums[3], vmovl_high_u16(high), weight);
}

// Shifted down, and clipped at 0 and 65,535.
static inline uint16x8_t narrowed(uint32x4_t a, uint32x4_t b)
{
    int32x4_t low = vshrq_n_s32(vreinterpretq_s32_u32(a), PLO_WEIGHT_BITS);
    int32x4_t high = vshrq_n_s32(vreinterpretq_s32_u32(b), PLO_WEIGHT_BITS);
    return vqmovun_high_s32(vqmovun_s32(low), high);
}

static void column(uint8_t *out, const uint8_t *const *rows, const struct plo_axis *axis,
                   uint32_t index, size_t bytes)
{
    const int32_t *weights = axis->weights + (size_t)index * axis->taps;
    const uint32x4_t half = vdupq_n_u32(UINT32_C(1) << (PLO_WEIGHT_BITS - 1));
    for (size_t from = 0; from < bytes; from += 16) {
        uint32x4_t sums[4] = { half, half, half, half };
        for (uint32_t t = 0; t < axis->lengths[index]; t++)
            add_row(sums, rows[t] + from, (uint32_t)weights[t]);
        uint16x8_t low = narrowed(sums[0], sums[1]), high = narrowed(sums[2], sums[3]);
        vst1q_u8(out + from, vqmovn_high_u16(vqmovn_u16(low), high));
    }
}

const struct plo_kernels plo_kernels_neon = { "neon", row, column, plo_lookup_c };

#endif
