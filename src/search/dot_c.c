// dot_c.c: the inner loops in plain C, which a compiler turns into whatever SIMD the build's
// baseline has (SSE2, NEON); and the choice among all (see dot.h).
#include "base/half.h"
#include "search/dot.h"

static double one(const float *row, const float *other, size_t dim)
{
    double sums[PLO_DOT_LANES] = { 0 };
    for (size_t i = 0; i < dim;) {
        float lanes[PLO_DOT_LANES] = { 0 };
        size_t end = dim - i > PLO_DOT_RUN ? i + PLO_DOT_RUN : dim;
        for (; end - i >= PLO_DOT_LANES; i += PLO_DOT_LANES)
            for (size_t j = 0; j < PLO_DOT_LANES; j++)
                lanes[j] += row[i + j] * other[i + j];
        for (size_t j = 0; i < end; i++, j++)
            lanes[j] += row[i] * other[i];
        for (size_t j = 0; j < PLO_DOT_LANES; j++)
            sums[j] += (double)lanes[j];
    }
    return plo_dot_fold(sums);
}

static void few(double *products, const float *row, const float *const *others, size_t count,
                size_t dim)
{
    for (size_t i = 0; i < count; i++)
        products[i] = one(row, others[i], dim);
}

static float halves(const uint16_t *a, const uint16_t *b, size_t dim)
{
    float sum = 0;
    for (size_t i = 0; i < dim; i += PLO_DOT_RUN) {
        float left[PLO_DOT_RUN], right[PLO_DOT_RUN];
        size_t count = dim - i < PLO_DOT_RUN ? dim - i : PLO_DOT_RUN;
        plo_half_to_floats(left, a + i, count);
        plo_half_to_floats(right, b + i, count);
        sum += (float)one(left, right, count);
    }
    return sum;
}

const struct plo_dot_kernels plo_dot_kernels_c = { "c", few, halves };

const struct plo_dot_kernels *plo_dot_kernels(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f"))
        return &plo_dot_kernels_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && plo_half_native())
        return &plo_dot_kernels_avx2;
#endif
    return &plo_dot_kernels_c;
}
