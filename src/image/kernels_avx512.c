// kernels_avx512.c: the inner loops with AVX-512, of CPUs that permute bytes (VBMI) and multiply
// them four at a time (VNNI). A weight of 24 bits is three signed digits of 8: each digit's
// products are summed apart, in whole vectors, and put together at the end: the same integer as in
// plain C.
#include "image/kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,avx512vnni")))

struct digit_sums {
    __m512i low, middle, high;
};

// The digits put together, rounded and shifted down.
AVX512 static inline __m512i rounded(struct digit_sums sums)
{
    const __m512i half = _mm512_set1_epi32(1 << (PLO_WEIGHT_BITS - 1));
    __m512i upper = _mm512_add_epi32(sums.middle, _mm512_slli_epi32(sums.high, 8));
    __m512i sum = _mm512_add_epi32(sums.low, _mm512_slli_epi32(upper, 8));
    return _mm512_srai_epi32(_mm512_add_epi32(sum, half), PLO_WEIGHT_BITS);
}

AVX512 static inline __m512i load(const void *from)
{
    return _mm512_loadu_si512(from);
}

// --- a row ---------------------------------------------------------------------------------------

// Four pixels from each of four places, 16 bytes of it in each lane.
AVX512 static inline __m512i load_places(const uint8_t *const from[4], size_t offset)
{
    __m512i all = _mm512_castsi128_si512(_mm_loadu_si128((const void *)(from[0] + offset)));
    all = _mm512_inserti32x4(all, _mm_loadu_si128((const void *)(from[1] + offset)), 1);
    all = _mm512_inserti32x4(all, _mm_loadu_si128((const void *)(from[2] + offset)), 2);
    return _mm512_inserti32x4(all, _mm_loadu_si128((const void *)(from[3] + offset)), 3);
}

// The reds of the four places in the first lane, four bytes of each; greens, blues; a lane that
// does not matter.
AVX512 static inline __m512i by_channel(__m512i places)
{
    const __m512i order = _mm512_set_epi8(
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 59, 56, 53, 50, 43, 40, 37, 34, 27, 24, 21,
        18, 11, 8, 5, 2, 58, 55, 52, 49, 42, 39, 36, 33, 26, 23, 20, 17, 10, 7, 4, 1, 57, 54, 51,
        48, 41, 38, 35, 32, 25, 22, 19, 16, 9, 6, 3, 0);
    return _mm512_permutexvar_epi8(order, places);
}

// The same digit of four taps for four outputs, the same in each lane.
AVX512 static inline __m512i load_digits(const int8_t *digits)
{
    return _mm512_broadcast_i32x4(_mm_loadu_si128((const void *)digits));
}

AVX512 static void row(uint8_t *out, const uint8_t *source, const struct plo_axis *axis)
{
    const __m128i interleave = _mm_setr_epi8(0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11, -1, -1, -1, -1);
    const __m512i zero = _mm512_setzero_si512();
    const int8_t *digits = axis->digits;
    const size_t count = axis->count, bytes = 12 * (size_t)axis->digit_groups;
    for (size_t i = 0; i < count; i += 4) {
        const uint32_t *starts = axis->digit_starts + i;
        const uint8_t *const from[4] = { source + 3 * (size_t)starts[0],
                                         source + 3 * (size_t)starts[1],
                                         source + 3 * (size_t)starts[2],
                                         source + 3 * (size_t)starts[3] };
        struct digit_sums sums = { zero, zero, zero };
        for (size_t at = 0; at < bytes; at += 12, digits += 48) {
            __m512i values = by_channel(load_places(from, at));
            sums.low = _mm512_dpbusd_epi32(sums.low, values, load_digits(digits));
            sums.middle = _mm512_dpbusd_epi32(sums.middle, values, load_digits(digits + 16));
            sums.high = _mm512_dpbusd_epi32(sums.high, values, load_digits(digits + 32));
        }
        __m128i four = _mm512_cvtusepi32_epi8(_mm512_max_epi32(rounded(sums), zero));
        _mm_storeu_si128((void *)(out + 3 * i), _mm_shuffle_epi8(four, interleave));
    }
}

// --- a column ------------------------------------------------------------------------------------

// Four rows, 64 bytes of each: in values[k], four bytes that stand together are one of each row.
AVX512 static inline void load_four(__m512i values[4], const uint8_t *const *rows, size_t from)
{
    __m512i a = load(rows[0] + from), b = load(rows[1] + from);
    __m512i c = load(rows[2] + from), d = load(rows[3] + from);
    __m512i ab = _mm512_unpacklo_epi8(a, b), cd = _mm512_unpacklo_epi8(c, d);
    values[0] = _mm512_unpacklo_epi16(ab, cd);
    values[1] = _mm512_unpackhi_epi16(ab, cd);
    ab = _mm512_unpackhi_epi8(a, b);
    cd = _mm512_unpackhi_epi8(c, d);
    values[2] = _mm512_unpacklo_epi16(ab, cd);
    values[3] = _mm512_unpackhi_epi16(ab, cd);
}

// The digits of four taps, for every column.
AVX512 static inline __m512i four_digits(const int8_t *digits)
{
    int32_t four;
    memcpy(&four, digits, sizeof four);
    return _mm512_set1_epi32(four);
}

AVX512 static void column(uint8_t *out, const uint8_t *const *rows, const struct plo_axis *axis,
                          uint32_t index, size_t bytes)
{
    const int8_t *all = plo_axis_digits(axis, index);
    const uint32_t length = axis->lengths[index];
    const __m512i zero = _mm512_setzero_si512();
    for (size_t from = 0; from < bytes; from += 64) {
        struct digit_sums sums[4];
        for (int k = 0; k < 4; k++)
            sums[k] = (struct digit_sums){ zero, zero, zero };
        for (uint32_t t = 0; t < length; t += 4) {
            const int8_t *digits = all + t / 4 * 48;
            __m512i low = four_digits(digits), middle = four_digits(digits + 16);
            __m512i high = four_digits(digits + 32), values[4];
            load_four(values, rows + t, from);
            for (int k = 0; k < 4; k++) {
                sums[k].low = _mm512_dpbusd_epi32(sums[k].low, values[k], low);
                sums[k].middle = _mm512_dpbusd_epi32(sums[k].middle, values[k], middle);
                sums[k].high = _mm512_dpbusd_epi32(sums[k].high, values[k], high);
            }
        }
        __m512i first = _mm512_packs_epi32(rounded(sums[0]), rounded(sums[1]));
        __m512i second = _mm512_packs_epi32(rounded(sums[2]), rounded(sums[3]));
        _mm512_storeu_si512(out + from, _mm512_packus_epi16(first, second));
    }
}

// --- a table -------------------------------------------------------------------------------------

// Byte k of the floats of 64 pixel values: a table of 256 bytes is two of 128, and the value's
// highest bit says which.
AVX512 static inline __m512i look_up(__m512i values, const uint8_t table[256])
{
    __m512i lower = _mm512_permutex2var_epi8(load(table), values, load(table + 64));
    __m512i upper = _mm512_permutex2var_epi8(load(table + 128), values, load(table + 192));
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(values), lower, upper);
}

// Where the 64 values are taken from, in 192 bytes of pixels. Putting bytes together to floats goes
// lane by lane and would leave the floats in another order, so that the values are taken in that
// order: place 16 k + 4 j + d gets pixel 16 j + 4 k + d.
AVX512 static inline void places(__m512i *low, __m512i *high, __mmask64 *in_high)
{
    const __m512i three = _mm512_set1_epi32(3);
    const __m512i lanes =
        _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0); // of four pixels
    const __m512i in_four = _mm512_mullo_epi32(three, _mm512_slli_epi32(lanes, 2));
    // Pixel 4 n of each group, then n + 1 .. n + 3, as bytes of one dword; 189 is the largest
    // place.
    __m512i place = _mm512_or_si512(
        _mm512_or_si512(in_four, _mm512_slli_epi32(_mm512_add_epi32(in_four, three), 8)),
        _mm512_or_si512(_mm512_slli_epi32(_mm512_add_epi32(in_four, _mm512_set1_epi32(6)), 16),
                        _mm512_slli_epi32(_mm512_add_epi32(in_four, _mm512_set1_epi32(9)), 24)));
    *low = place; // the permutation looks at the lowest seven bits
    *high = place;
    *in_high = _mm512_movepi8_mask(place);
}

AVX512 static void lookup(float *out, const uint8_t *pixels, size_t count,
                          const struct plo_lookup *lookup)
{
    __m512i low, high;
    __mmask64 in_high;
    size_t i = 0;
    places(&low, &high, &in_high);
    // The last pixels are left to plain C: a channel's bytes end two short of a whole block.
    for (; i + 64 < count; i += 64) {
        const uint8_t *from = pixels + 3 * i;
        __m512i third = load(from + 128);
        __m512i values = _mm512_permutex2var_epi8(load(from), low, load(from + 64));
        values = _mm512_mask_permutexvar_epi8(values, in_high, high, third);
        __m512i a = look_up(values, lookup->bytes[0]), b = look_up(values, lookup->bytes[1]);
        __m512i c = look_up(values, lookup->bytes[2]), d = look_up(values, lookup->bytes[3]);
        __m512i ab = _mm512_unpacklo_epi8(a, b), cd = _mm512_unpacklo_epi8(c, d);
        _mm512_storeu_si512(out + i, _mm512_unpacklo_epi16(ab, cd));
        _mm512_storeu_si512(out + i + 16, _mm512_unpackhi_epi16(ab, cd));
        ab = _mm512_unpackhi_epi8(a, b);
        cd = _mm512_unpackhi_epi8(c, d);
        _mm512_storeu_si512(out + i + 32, _mm512_unpacklo_epi16(ab, cd));
        _mm512_storeu_si512(out + i + 48, _mm512_unpackhi_epi16(ab, cd));
    }
    plo_lookup_c(out + i, pixels + 3 * i, count - i, lookup);
}

const struct plo_kernels plo_kernels_avx512 = { "avx512", row, column, lookup };

#endif
