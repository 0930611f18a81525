// dot_avx2.c: the inner loops with AVX2: two registers are the 16 lanes (see dot.h).
#include "search/dot.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2,fma,f16c")))

struct lanes {
    __m256 low, high;
};

AVX2 static inline struct lanes add_products(struct lanes lanes, const float *a, const float *b)
{
    __m256 low = _mm256_mul_ps(_mm256_loadu_ps(a), _mm256_loadu_ps(b));
    __m256 high = _mm256_mul_ps(_mm256_loadu_ps(a + 8), _mm256_loadu_ps(b + 8));
    return (struct lanes){ _mm256_add_ps(lanes.low, low), _mm256_add_ps(lanes.high, high) };
}

AVX2 static inline void add_eight(double *sums, __m256 lanes)
{
    __m256d low = _mm256_cvtps_pd(_mm256_castps256_ps128(lanes));
    __m256d high = _mm256_cvtps_pd(_mm256_extractf128_ps(lanes, 1));
    _mm256_storeu_pd(sums, _mm256_add_pd(_mm256_loadu_pd(sums), low));
    _mm256_storeu_pd(sums + 4, _mm256_add_pd(_mm256_loadu_pd(sums + 4), high));
}

// `count` is a constant wherever this is expanded, so that the lanes stay in registers.
AVX2 static inline __attribute__((always_inline)) void constant_few(double *products,
                                                                    const float *row,
                                                                    const float *const *others,
                                                                    const size_t count, size_t dim)
{
    double sums[PLO_DOT_FEW][PLO_DOT_LANES] = { { 0 } };
    for (size_t i = 0; i < dim;) {
        struct lanes lanes[PLO_DOT_FEW];
        PLO_UNROLL
        for (size_t k = 0; k < count; k++)
            lanes[k] = (struct lanes){ _mm256_setzero_ps(), _mm256_setzero_ps() };
        size_t end = dim - i > PLO_DOT_RUN ? i + PLO_DOT_RUN : dim;
        for (; end - i >= PLO_DOT_LANES; i += PLO_DOT_LANES)
            PLO_UNROLL
        for (size_t k = 0; k < count; k++)
            lanes[k] = add_products(lanes[k], row + i, others[k] + i);
        if (i < end) {
            float values[PLO_DOT_LANES] = { 0 }, other[PLO_DOT_LANES] = { 0 };
            memcpy(values, row + i, (end - i) * sizeof *values);
            PLO_UNROLL
            for (size_t k = 0; k < count; k++) {
                memcpy(other, others[k] + i, (end - i) * sizeof *other);
                lanes[k] = add_products(lanes[k], values, other);
            }
            i = end;
        }
        PLO_UNROLL
        for (size_t k = 0; k < count; k++) {
            add_eight(sums[k], lanes[k].low);
            add_eight(sums[k] + 8, lanes[k].high);
        }
    }
    PLO_UNROLL
    for (size_t k = 0; k < count; k++)
        products[k] = plo_dot_fold(sums[k]);
}

AVX2 static void few(double *products, const float *row, const float *const *others, size_t count,
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

AVX2 static inline __m256 load_halves(const uint16_t *halves)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)halves));
}

AVX2 static float halves(const uint16_t *a, const uint16_t *b, size_t dim)
{
    __m256 sums[4] = { _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(),
                       _mm256_setzero_ps() };
    size_t i = 0;
    for (; dim - i >= 32; i += 32)
        for (size_t k = 0; k < 4; k++)
            sums[k] =
                _mm256_fmadd_ps(load_halves(a + i + 8 * k), load_halves(b + i + 8 * k), sums[k]);
    float lanes[8], sum = 0;
    _mm256_storeu_ps(
        lanes, _mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3])));
    for (size_t k = 0; k < 8; k++)
        sum += lanes[k];
    return i < dim ? sum + plo_dot_kernels_c.halves(a + i, b + i, dim - i) : sum;
}

const struct plo_dot_kernels plo_dot_kernels_avx2 = { "avx2", few, halves };

#endif
