// Orientation out of EXIF data, whole, in both byte orders, and damaged at every byte.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "image/exif.h"

static const uint8_t big[] = "Exif\0\0MM\0*\0\0\0\x08\0\x02\x01\0\0\x04\0\0\0\x01\0\0\1\0"
                             "\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
static const uint8_t little[] = "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x08\0\0\0\0\0\0\0";

static uint8_t orientation(const uint8_t *data, size_t size)
{
    struct plo_input input;
    plo_input_init(&input, data, size);
    return plo_exif_orientation(&input, 0, size);
}

static void reads_both_byte_orders(void **test)
{
    (void)test;
    assert_int_equal(orientation(big, sizeof big - 1), 6);
    assert_int_equal(orientation(little, sizeof little - 1), 8);
}

static void nothing_is_upright(void **test)
{
    (void)test;
    assert_int_equal(orientation((const uint8_t *)"", 0), 1);
    assert_int_equal(orientation((const uint8_t *)"Exif\0\0", 6), 1);
    uint8_t copy[sizeof little];
    memcpy(copy, little, sizeof copy);
    for (int value = 0; value < 256; value++) {
        copy[18] = (uint8_t)value;
        int expected = value >= 1 && value <= 8 ? value : 1;
        assert_int_equal(orientation(copy, sizeof copy - 1), expected);
    }
}

static void damage_is_harmless(void **test)
{
    (void)test;
    uint8_t copy[sizeof big];
    for (size_t size = 0; size < sizeof big; size++) {
        memcpy(copy, big, sizeof big);
        assert_in_range(orientation(copy, size), 1, 8);
        for (int bit = 0; bit < 8; bit++) {
            copy[size] = (uint8_t)(big[size] ^ 1 << bit);
            assert_in_range(orientation(copy, sizeof big - 1), 1, 8);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_both_byte_orders),
        cmocka_unit_test(nothing_is_upright),
        cmocka_unit_test(damage_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
