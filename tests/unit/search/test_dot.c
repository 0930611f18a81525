// test_dot.c: every kernel gives the bits of the one in plain C, over lengths around each boundary;
// and that one is right.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/half.h"
#include "search/dot.h"

enum { LONGEST = 1400, OTHERS = 4 };

static uint32_t seed = 1;

static uint32_t random_bits(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

static void fill(float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] =
            ((float)random_bits() / 8388608.0f - 1.0f) * (random_bits() % 16 == 0 ? 1000.0f : 1.0f);
}

// Those that this CPU can run.
static size_t all_kernels(const struct plo_dot_kernels **kernels)
{
    size_t count = 0;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        kernels[count++] = &plo_dot_kernels_avx2;
    if (__builtin_cpu_supports("avx512f"))
        kernels[count++] = &plo_dot_kernels_avx512;
#endif
    return count;
}

static void check_length(const struct plo_dot_kernels *kernels, size_t dim)
{
    // Exactly as long as said, so that a sanitizer sees what is read beyond.
    float *vectors[OTHERS];
    const float *others[OTHERS];
    for (size_t i = 0; i < OTHERS; i++) {
        vectors[i] = malloc(dim * sizeof(float));
        assert_non_null(vectors[i]);
        fill(vectors[i], dim);
        others[i] = vectors[i];
    }
    for (size_t count = 1; count <= OTHERS; count++) {
        double expected[OTHERS], products[OTHERS];
        plo_dot_kernels_c.few(expected, vectors[0], others, count, dim);
        kernels->few(products, vectors[0], others, count, dim);
        assert_memory_equal(products, expected, count * sizeof *products);
    }
    for (size_t i = 0; i < OTHERS; i++)
        free(vectors[i]);
}

static void test_same_bits(void **state)
{
    (void)state;
    const struct plo_dot_kernels *kernels[4];
    size_t count = all_kernels(kernels);
    for (size_t i = 0; i < count; i++) {
        for (size_t dim = 1; dim <= 70; dim++)
            check_length(kernels[i], dim);
        for (size_t dim = 250; dim <= 280; dim++)
            check_length(kernels[i], dim);
        for (int round = 0; round < 200; round++)
            check_length(kernels[i], 1 + random_bits() % LONGEST);
    }
}

static void test_against_double(void **state)
{
    (void)state;
    static float a[LONGEST], b[LONGEST];
    for (int round = 0; round < 100; round++) {
        size_t dim = 1 + random_bits() % LONGEST;
        const float *others[1] = { b };
        double expected = 0, size = 0, product = 0;
        fill(a, dim);
        fill(b, dim);
        for (size_t i = 0; i < dim; i++) {
            expected += (double)a[i] * (double)b[i];
            size += fabs((double)a[i] * (double)b[i]);
        }
        plo_dot_kernels()->few(&product, a, others, 1, dim);
        assert_true(fabs(product - expected) <= 2e-6 * size);
    }
}

static void test_halves(void **state)
{
    (void)state;
    const struct plo_dot_kernels *kernels[4] = { &plo_dot_kernels_c };
    size_t count = 1 + all_kernels(kernels + 1);
    static float a[LONGEST], b[LONGEST];
    for (int round = 0; round < 200; round++) {
        size_t dim = 1 + random_bits() % LONGEST;
        uint16_t *left = malloc(dim * sizeof *left), *right = malloc(dim * sizeof *right);
        assert_non_null(left);
        assert_non_null(right);
        fill(a, dim);
        fill(b, dim);
        plo_half_from_floats(left, a, dim);
        plo_half_from_floats(right, b, dim);
        plo_half_to_floats(a, left, dim);
        plo_half_to_floats(b, right, dim);
        double expected = 0, size = 0;
        for (size_t i = 0; i < dim; i++) {
            expected += (double)a[i] * (double)b[i];
            size += fabs((double)a[i] * (double)b[i]);
        }
        for (size_t i = 0; i < count; i++)
            assert_true(fabs((double)kernels[i]->halves(left, right, dim) - expected) <=
                        1e-5 * size);
        free(left);
        free(right);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_against_double),
        cmocka_unit_test(test_halves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
