// kernels_avx2.c: the inner loops with AVX2. A weight of 24 bits does not fit the 16-bit
// multiply-add that does two products at once, so its low 11 bits and the rest are summed apart and
// put together at the end: the same integer as in plain C, at half the cost of 32-bit products. A
// gather of floats is no faster than plain C's look-up.
#include "image/kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2")))

// (high x 2^11 + low + half) / 2^22 in each 32-bit lane.
AVX2 static inline __m256i joined(__m256i low, __m256i high)
{
    const __m256i half = _mm256_set1_epi32(1 << (PLO_WEIGHT_BITS - 1));
    __m256i sum = _mm256_add_epi32(_mm256_slli_epi32(high, PLO_WEIGHT_SPLIT), low);
    return _mm256_srai_epi32(_mm256_add_epi32(sum, half), PLO_WEIGHT_BITS);
}

struct sums {
    __m256i low, high;
};

// One output pixel, four taps at a time: the lower half of a register takes the first two pixels,
// the upper half the other two; in each, pairs of 16 bits are the same channel of both pixels.
AVX2 static inline struct sums add_taps(const uint8_t *source, const struct plo_axis *axis,
                                        uint32_t index)
{
    const __m256i pixels =
        _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, 6, -1, 9, -1, 7,
                         -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
    const __m256i lows = _mm256_setr_epi8(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6,
                                          7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7);
    const __m256i highs = _mm256_add_epi8(lows, _mm256_set1_epi8(8));
    const uint8_t *pixel = source + 3 * (size_t)axis->starts[index];
    const int16_t *parts = axis->parts + 2 * (size_t)index * axis->taps;
    const uint32_t length = axis->lengths[index];
    struct sums sums = { _mm256_setzero_si256(), _mm256_setzero_si256() };
    for (uint32_t t = 0; t < length; t += 4, pixel += 12, parts += 8) {
        __m128i four = _mm_loadu_si128((const __m128i *)(const void *)pixel);
        __m128i weights = _mm_loadu_si128((const __m128i *)(const void *)parts);
        __m256i values = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(four), pixels);
        __m256i both = _mm256_broadcastsi128_si256(weights);
        __m256i low = _mm256_madd_epi16(values, _mm256_shuffle_epi8(both, lows));
        __m256i high = _mm256_madd_epi16(values, _mm256_shuffle_epi8(both, highs));
        sums.low = _mm256_add_epi32(sums.low, low);
        sums.high = _mm256_add_epi32(sums.high, high);
    }
    return sums;
}

// Both halves of `a` added in the lower half, those of `b` in the upper.
AVX2 static inline __m256i folded(__m256i a, __m256i b)
{
    return _mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20),
                            _mm256_permute2x128_si256(a, b, 0x31));
}

AVX2 static void row(uint8_t *out, const uint8_t *source, const struct plo_axis *axis)
{
    for (uint32_t i = 0; i < axis->count; i += 2) {
        uint32_t next = i + 1 < axis->count ? i + 1 : i;
        struct sums a = add_taps(source, axis, i), b = add_taps(source, axis, next);
        __m256i sum = joined(folded(a.low, b.low), folded(a.high, b.high));
        sum = _mm256_packs_epi32(sum, sum);
        sum = _mm256_packus_epi16(sum, sum);
        int32_t first = _mm256_extract_epi32(sum, 0), second = _mm256_extract_epi32(sum, 4);
        memcpy(out + 3 * (size_t)i, &first, sizeof first);
        memcpy(out + 3 * (size_t)next, &second, sizeof second);
    }
}

// Two rows at a time, 32 bytes of each: interleaved, a pair of 16 bits is the same byte of both.
AVX2 static void column(uint8_t *out, const uint8_t *const *rows, const struct plo_axis *axis,
                        uint32_t index, size_t bytes)
{
    const int16_t *parts = axis->parts + 2 * (size_t)index * axis->taps;
    const __m256i zero = _mm256_setzero_si256();
    for (size_t from = 0; from < bytes; from += 32) {
        __m256i low[4] = { zero, zero, zero, zero }, high[4] = { zero, zero, zero, zero };
        for (uint32_t t = 0; t < axis->lengths[index]; t += 2) {
            const int16_t *pair = parts + t / 4 * 8 + t % 4;
            int32_t low_pair, high_pair;
            memcpy(&low_pair, pair, sizeof low_pair);
            memcpy(&high_pair, pair + 4, sizeof high_pair);
            __m256i low_weights = _mm256_set1_epi32(low_pair);
            __m256i high_weights = _mm256_set1_epi32(high_pair);
            __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)(rows[t] + from));
            __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(rows[t + 1] + from));
            __m256i first = _mm256_unpacklo_epi8(a, b), second = _mm256_unpackhi_epi8(a, b);
            __m256i values[4] = {
                _mm256_unpacklo_epi8(first, zero),
                _mm256_unpackhi_epi8(first, zero),
                _mm256_unpacklo_epi8(second, zero),
                _mm256_unpackhi_epi8(second, zero),
            };
            for (int k = 0; k < 4; k++) {
                low[k] = _mm256_add_epi32(low[k], _mm256_madd_epi16(values[k], low_weights));
                high[k] = _mm256_add_epi32(high[k], _mm256_madd_epi16(values[k], high_weights));
            }
        }
        __m256i first = _mm256_packs_epi32(joined(low[0], high[0]), joined(low[1], high[1]));
        __m256i second = _mm256_packs_epi32(joined(low[2], high[2]), joined(low[3], high[3]));
        _mm256_storeu_si256((__m256i *)(void *)(out + from), _mm256_packus_epi16(first, second));
    }
}

const struct plo_kernels plo_kernels_avx2 = { "avx2", row, column, plo_lookup_c };

#endif
