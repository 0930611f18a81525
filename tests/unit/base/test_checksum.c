// test_checksum.c: every flipped bit and every change of the length is seen.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/checksum.h"

enum { LONGEST = 300 };

static void fill(unsigned char *data)
{
    unsigned seed = 7;
    for (size_t i = 0; i < LONGEST; i++) {
        seed = seed * 1664525u + 1013904223u;
        data[i] = (unsigned char)(seed >> 24);
    }
}

static void every_bit_counts(void **state)
{
    (void)state;
    unsigned char data[LONGEST];
    fill(data);
    for (size_t size = 1; size < LONGEST; size += 13) {
        uint64_t whole = plo_checksum(data, size);
        for (size_t bit = 0; bit < size * 8; bit++) {
            data[bit / 8] ^= (unsigned char)(1u << bit % 8);
            assert_true(plo_checksum(data, size) != whole);
            data[bit / 8] ^= (unsigned char)(1u << bit % 8);
        }
        assert_true(plo_checksum(data, size) == whole);
    }
}

static void the_length_counts(void **state)
{
    (void)state;
    static const unsigned char zeros[LONGEST];
    for (size_t a = 0; a < LONGEST; a++)
        for (size_t b = a + 1; b < LONGEST; b++)
            assert_true(plo_checksum(zeros, a) != plo_checksum(zeros, b));
}

static void places_count(void **state)
{
    (void)state;
    // Two words of different lanes, blocks and both, exchanged.
    unsigned char data[LONGEST], other[LONGEST];
    fill(data);
    for (size_t a = 0; a + 8 <= LONGEST; a += 8) {
        for (size_t b = a + 8; b + 8 <= LONGEST; b += 8) {
            memcpy(other, data, LONGEST);
            memcpy(other + a, data + b, 8);
            memcpy(other + b, data + a, 8);
            assert_true(plo_checksum(data, LONGEST) != plo_checksum(other, LONGEST));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_counts),
        cmocka_unit_test(the_length_counts),
        cmocka_unit_test(places_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
