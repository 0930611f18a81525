// dot_avx512.c: the inner loops with AVX-512: a register is the 16 lanes (see dot.h).
#include "search/dot.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f")))

// `count` is a constant wherever this is expanded, so that the sums stay in registers.
AVX512 static inline __attribute__((always_inline)) void
constant_few(double *products, const float *row, const float *const *others, const size_t count,
             size_t dim)
{
    __m512d low[PLO_DOT_FEW], high[PLO_DOT_FEW];
    PLO_UNROLL
    for (size_t k = 0; k < count; k++)
        low[k] = high[k] = _mm512_setzero_pd();
    for (size_t i = 0; i < dim;) {
        __m512 lanes[PLO_DOT_FEW];
        PLO_UNROLL
        for (size_t k = 0; k < count; k++)
            lanes[k] = _mm512_setzero_ps();
        size_t end = dim - i > PLO_DOT_RUN ? i + PLO_DOT_RUN : dim;
        for (; end - i >= PLO_DOT_LANES; i += PLO_DOT_LANES) {
            __m512 values = _mm512_loadu_ps(row + i);
            PLO_UNROLL
            for (size_t k = 0; k < count; k++)
                lanes[k] =
                    _mm512_add_ps(lanes[k], _mm512_mul_ps(values, _mm512_loadu_ps(others[k] + i)));
        }
        if (i < end) {
            __mmask16 there = (__mmask16)((1u << (end - i)) - 1);
            __m512 values = _mm512_maskz_loadu_ps(there, row + i);
            PLO_UNROLL
            for (size_t k = 0; k < count; k++) {
                __m512 other = _mm512_maskz_loadu_ps(there, others[k] + i);
                lanes[k] =
                    _mm512_mask_add_ps(lanes[k], there, lanes[k], _mm512_mul_ps(values, other));
            }
            i = end;
        }
        PLO_UNROLL
        for (size_t k = 0; k < count; k++) {
            __m256 upper = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(lanes[k]), 1));
            low[k] = _mm512_add_pd(low[k], _mm512_cvtps_pd(_mm512_castps512_ps256(lanes[k])));
            high[k] = _mm512_add_pd(high[k], _mm512_cvtps_pd(upper));
        }
    }
    PLO_UNROLL
    for (size_t k = 0; k < count; k++) {
        double sums[PLO_DOT_LANES];
        _mm512_storeu_pd(sums, low[k]);
        _mm512_storeu_pd(sums + 8, high[k]);
        products[k] = plo_dot_fold(sums);
    }
}

AVX512 static void few(double *products, const float *row, const float *const *others, size_t count,
                       size_t dim)
{
    switch (count) {
    case 4:
        constant_few(products, row, others, 4, dim);
        break;
    case 3:
        constant_few(products, row, others, 3, dim);
        break;
    case 2:
        constant_few(products, row, others, 2, dim);
        break;
    default:
        constant_few(products, row, others, 1, dim);
        break;
    }
}

AVX512 static inline __m512 load_halves(const uint16_t *halves)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)halves));
}

AVX512 static float halves(const uint16_t *a, const uint16_t *b, size_t dim)
{
    __m512 sums[4] = { _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(),
                       _mm512_setzero_ps() };
    size_t i = 0;
    for (; dim - i >= 64; i += 64)
        for (size_t k = 0; k < 4; k++)
            sums[k] =
                _mm512_fmadd_ps(load_halves(a + i + 16 * k), load_halves(b + i + 16 * k), sums[k]);
    for (; dim - i >= 16; i += 16)
        sums[0] = _mm512_fmadd_ps(load_halves(a + i), load_halves(b + i), sums[0]);
    float sum = _mm512_reduce_add_ps(
        _mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3])));
    return i < dim ? sum + plo_dot_kernels_c.halves(a + i, b + i, dim - i) : sum;
}

const struct plo_dot_kernels plo_dot_kernels_avx512 = { "avx512", few, halves };

#endif
