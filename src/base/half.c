// half.c: halves to floats and back (see half.h), with the processor's own instruction where it has
// one.
#include "base/half.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#define F16C __attribute__((target("avx,f16c")))
#endif

static float to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, rest = half & 0x7fff, bits;
    if (rest >= 0x7c00) {
        bits = sign | 0x7f800000 | (rest & 0x3ff) << 13;
        // A signalling NaN is made quiet, as the instruction does.
        bits |= (rest & 0x3ff) != 0 ? 1u << 22 : 0;
    } else if (rest >= 0x400) {
        bits = sign | ((rest << 13) + ((127 - 15) << 23));
    } else {
        float value = (float)rest * 0x1p-24f;
        memcpy(&bits, &value, sizeof bits);
        bits |= sign;
    }
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint16_t from_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
    if (rest > 0x7f800000)
        return (uint16_t)(sign | 0x7e00 | (rest >> 13 & 0x3ff));
    if (rest >= 0x47800000)
        return (uint16_t)(sign | 0x7c00);
    if (rest < 0x33000000)
        return (uint16_t)sign;
    // How many low bits go: 13, and one more for each power of two below the smallest normal half.
    uint32_t exponent = rest >> 23;
    uint32_t drop = exponent < 113 ? 13 + (113 - exponent) : 13;
    uint32_t whole = exponent < 113 ? (rest & 0x7fffff) | 0x800000 : rest - ((127 - 15) << 23);
    uint32_t half = whole >> drop, left = whole & ((1u << drop) - 1), middle = 1u << (drop - 1);
    if (left > middle || (left == middle && (half & 1) != 0))
        half++;
    return (uint16_t)(sign | half);
}

void plo_half_to_floats_c(float *out, const uint16_t *halves, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = to_float(halves[i]);
}

void plo_half_from_floats_c(uint16_t *out, const float *floats, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = from_float(floats[i]);
}

#if defined(__x86_64__)

F16C static void to_floats_f16c(float *out, const uint16_t *halves, size_t count)
{
    size_t i = 0;
    for (; count - i >= 8; i += 8) {
        __m128i eight = _mm_loadu_si128((const __m128i *)(const void *)(halves + i));
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(eight));
    }
    plo_half_to_floats_c(out + i, halves + i, count - i);
}

F16C static void from_floats_f16c(uint16_t *out, const float *floats, size_t count)
{
    size_t i = 0;
    for (; count - i >= 8; i += 8) {
        __m128i eight = _mm256_cvtps_ph(_mm256_loadu_ps(floats + i), _MM_FROUND_TO_NEAREST_INT);
        _mm_storeu_si128((__m128i *)(void *)(out + i), eight);
    }
    plo_half_from_floats_c(out + i, floats + i, count - i);
}

#endif

bool plo_half_native(void)
{
#if defined(__x86_64__)
    // Not every compiler's __builtin_cpu_supports knows F16C, and asking the processor each time
    // takes longer than a vector.
    enum { UNKNOWN, NO, YES };
    static int known = UNKNOWN;
    int native = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (native == UNKNOWN) {
        unsigned a = 0, b = 0, c = 0, d = 0;
        bool has = __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
        native = has && __builtin_cpu_supports("avx") ? YES : NO;
        __atomic_store_n(&known, native, __ATOMIC_RELAXED);
    }
    return native == YES;
#else
    return false;
#endif
}

void plo_half_to_floats(float *out, const uint16_t *halves, size_t count)
{
#if defined(__x86_64__)
    if (plo_half_native()) {
        to_floats_f16c(out, halves, count);
        return;
    }
#endif
    plo_half_to_floats_c(out, halves, count);
}

void plo_half_from_floats(uint16_t *out, const float *floats, size_t count)
{
#if defined(__x86_64__)
    if (plo_half_native()) {
        from_floats_f16c(out, floats, count);
        return;
    }
#endif
    plo_half_from_floats_c(out, floats, count);
}
