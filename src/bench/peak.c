// peak.c: chains of multiply-adds for each kind of vector unit, and the choice among them (see
// peak.h). The numbers go towards 1: none overflows or gets so small that the CPU slows down.
#include "bench/peak.h"

#include <stdbool.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define SHRINK 0.999f
#define SHIFT  0.001f

double plo_peak_operations(const struct plo_peak *peak, long rounds)
{
    return 2.0 * PLO_PEAK_CHAINS * (double)peak->lanes * (double)rounds;
}

static bool always(void)
{
    return true;
}

static float start(int chain)
{
    return (float)chain / PLO_PEAK_CHAINS;
}

// Wide enough for what a compiler may make of it; without a fused instruction, as plain C is
// compiled here.
enum { PLAIN_LANES = 4 };

static float run_plain(long rounds)
{
    float numbers[PLO_PEAK_CHAINS * PLAIN_LANES], sum = 0;
    for (int i = 0; i < PLO_PEAK_CHAINS * PLAIN_LANES; i++)
        numbers[i] = start(i / PLAIN_LANES);
    for (long r = 0; r < rounds; r++)
        for (int i = 0; i < PLO_PEAK_CHAINS * PLAIN_LANES; i++)
            numbers[i] = numbers[i] * SHRINK + SHIFT;
    for (int i = 0; i < PLO_PEAK_CHAINS * PLAIN_LANES; i++)
        sum += numbers[i];
    return sum;
}

#if defined(__x86_64__)

static bool has_fma(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f");
}

__attribute__((target("avx2,fma"))) static float run_fma(long rounds)
{
    __m256 x[PLO_PEAK_CHAINS];
    const __m256 shrink = _mm256_set1_ps(SHRINK), shift = _mm256_set1_ps(SHIFT);
    float numbers[8], sum = 0;
    for (int c = 0; c < PLO_PEAK_CHAINS; c++)
        x[c] = _mm256_set1_ps(start(c));
    // There are 16 registers: two halves of the chains, one after the other, stay in them.
    for (int half = 0; half < PLO_PEAK_CHAINS; half += PLO_PEAK_CHAINS / 2) {
        __m256 *y = x + half;
        __m256 y0 = y[0], y1 = y[1], y2 = y[2], y3 = y[3];
        __m256 y4 = y[4], y5 = y[5], y6 = y[6], y7 = y[7];
        for (long r = 0; r < rounds; r++) {
            y0 = _mm256_fmadd_ps(y0, shrink, shift);
            y1 = _mm256_fmadd_ps(y1, shrink, shift);
            y2 = _mm256_fmadd_ps(y2, shrink, shift);
            y3 = _mm256_fmadd_ps(y3, shrink, shift);
            y4 = _mm256_fmadd_ps(y4, shrink, shift);
            y5 = _mm256_fmadd_ps(y5, shrink, shift);
            y6 = _mm256_fmadd_ps(y6, shrink, shift);
            y7 = _mm256_fmadd_ps(y7, shrink, shift);
        }
        y[0] = y0, y[1] = y1, y[2] = y2, y[3] = y3;
        y[4] = y4, y[5] = y5, y[6] = y6, y[7] = y7;
    }
    for (int c = 0; c < PLO_PEAK_CHAINS; c++) {
        _mm256_storeu_ps(numbers, x[c]);
        for (int i = 0; i < 8; i++)
            sum += numbers[i];
    }
    return sum;
}

__attribute__((target("avx512f"))) static float run_avx512(long rounds)
{
    __m512 x[PLO_PEAK_CHAINS];
    const __m512 shrink = _mm512_set1_ps(SHRINK), shift = _mm512_set1_ps(SHIFT);
    float numbers[16], sum = 0;
    for (int c = 0; c < PLO_PEAK_CHAINS; c++)
        x[c] = _mm512_set1_ps(start(c));
    for (long r = 0; r < rounds; r++)
        for (int c = 0; c < PLO_PEAK_CHAINS; c++)
            x[c] = _mm512_fmadd_ps(x[c], shrink, shift);
    for (int c = 0; c < PLO_PEAK_CHAINS; c++) {
        _mm512_storeu_ps(numbers, x[c]);
        for (int i = 0; i < 16; i++)
            sum += numbers[i];
    }
    return sum;
}

#elif defined(__aarch64__)

static float run_neon(long rounds)
{
    float32x4_t x[PLO_PEAK_CHAINS];
    const float32x4_t shrink = vdupq_n_f32(SHRINK), shift = vdupq_n_f32(SHIFT);
    float sum = 0;
    for (int c = 0; c < PLO_PEAK_CHAINS; c++)
        x[c] = vdupq_n_f32(start(c));
    for (long r = 0; r < rounds; r++)
        for (int c = 0; c < PLO_PEAK_CHAINS; c++)
            x[c] = vfmaq_f32(shift, x[c], shrink);
    for (int c = 0; c < PLO_PEAK_CHAINS; c++)
        sum += vaddvq_f32(x[c]);
    return sum;
}

#endif

static const struct {
    struct plo_peak peak;
    bool (*runs)(void);
} choices[] = {
#if defined(__x86_64__)
    { { "AVX-512", 16, run_avx512 }, has_avx512 },
    { { "AVX2", 8, run_fma }, has_fma },
#elif defined(__aarch64__)
    { { "NEON", 4, run_neon }, always },
#endif
    { { "plain C", PLAIN_LANES, run_plain }, always },
};

const struct plo_peak *plo_peak_at(size_t index)
{
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        if (!choices[i].runs())
            continue;
        if (index == 0)
            return &choices[i].peak;
        index--;
    }
    return NULL;
}
