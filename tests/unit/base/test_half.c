// test_half.c: halves are IEEE 754's: all 65536 of them, and the rounding around each. What NumPy
// makes of them is compared in tests/compare/test_tables.py.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/half.h"

static float value_of(uint32_t half)
{
    int exponent = (int)(half >> 10 & 31), fraction = (int)(half & 0x3ff);
    double size = exponent == 0    ? ldexp(fraction, -24)
                  : exponent == 31 ? (fraction != 0 ? (double)NAN : (double)INFINITY)
                                   : ldexp(1024 + fraction, exponent - 25);
    return (float)((half & 0x8000) != 0 ? -size : size);
}

static void test_every_half(void **state)
{
    (void)state;
    static uint16_t halves[65536], back[65536];
    static float floats[65536], plain[65536];
    for (uint32_t i = 0; i < 65536; i++)
        halves[i] = (uint16_t)i;
    plo_half_to_floats(floats, halves, 65536);
    plo_half_to_floats_c(plain, halves, 65536);
    assert_memory_equal(floats, plain, sizeof floats);
    plo_half_from_floats(back, floats, 65536);
    for (uint32_t i = 0; i < 65536; i++) {
        float expected = value_of(i);
        if (isnan(expected)) {
            assert_true(isnan(floats[i]));
            assert_true((back[i] & 0x7c00) == 0x7c00 && (back[i] & 0x3ff) != 0);
        } else {
            assert_memory_equal(&floats[i], &expected, sizeof expected);
            assert_int_equal(back[i], i);
        }
    }
}

static void test_rounding(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 0x7bff; i++) {
        float low = value_of(i), high = value_of(i + 1), middle = (low + high) / 2;
        float floats[] = { middle, nextafterf(middle, low), nextafterf(middle, high), -middle };
        uint16_t even = (uint16_t)((i & 1) == 0 ? i : i + 1);
        uint16_t halves[4];
        plo_half_from_floats_c(halves, floats, 4);
        assert_int_equal(halves[0], even);
        assert_int_equal(halves[1], i);
        assert_int_equal(halves[2], i + 1);
        assert_int_equal(halves[3], even | 0x8000);
    }
}

// The instruction and plain C, over all sorts of floats.
static void test_same_bits(void **state)
{
    (void)state;
    uint32_t bits = 1;
    for (int round = 0; round < 200000; round++) {
        float floats[8];
        uint16_t halves[8], plain[8];
        for (size_t i = 0; i < 8; i++) {
            bits = bits * 1664525u + 1013904223u;
            // Most of them in the range of halves.
            uint32_t chosen = round % 4 == 0 ? bits : (bits & 0x8fffffff) | 0x30000000;
            memcpy(&floats[i], &chosen, sizeof chosen);
        }
        plo_half_from_floats(halves, floats, 8);
        plo_half_from_floats_c(plain, floats, 8);
        assert_memory_equal(halves, plain, sizeof halves);
    }
}

// What the kernel lists, which asks the processor by itself.
static void test_native_is_what_the_kernel_says(void **state)
{
    (void)state;
    FILE *file = fopen("/proc/cpuinfo", "r");
    static char line[1 << 14];
    bool listed = false;
    if (file == NULL)
        skip();
    while (fgets(line, sizeof line, file) != NULL)
        listed = listed || (strncmp(line, "flags", 5) == 0 && strstr(line, " f16c") != NULL);
    (void)fclose(file);
    assert_int_equal(plo_half_native(), listed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_half),
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_native_is_what_the_kernel_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
