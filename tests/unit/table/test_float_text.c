// test_float_text.c: the decimal of a float reads back as the same float, and is the shortest.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "table/float_text.h"

static const char *text_of(float value)
{
    static char text[PLO_FLOAT_TEXT];
    size_t length = plo_float_text(text, value);
    assert_int_equal(length, strlen(text));
    return text;
}

static void test_known(void **state)
{
    (void)state;
    static const struct {
        float value;
        const char *text;
    } known[] = {
        { 0.0f, "0.0" },
        { -0.0f, "-0.0" },
        { 1.0f, "1.0" },
        { -0.5f, "-0.5" },
        { 0.1f, "0.1" },
        { 123456.0f, "123456.0" },
        { 3.14159274f, "3.1415927" },
        { 0.001f, "0.001" },
        { 999999.94f, "999999.94" },
        { 1e-7f, "1e-07" },
        { 3.4028235e38f, "3.4028235e+38" },
        { 16777216.0f, "16777216" },
        { 0.3f, "0.3" },
        { 100.0f, "100.0" },
    };
    for (size_t i = 0; i < PLO_COUNT(known); i++)
        assert_string_equal(text_of(known[i].value), known[i].text);
    assert_string_equal(text_of(strtof("nan", NULL)), "null");
    assert_string_equal(text_of(strtof("-inf", NULL)), "null");
}

static int digits_of(const char *text)
{
    int count = 0;
    for (; *text != '\0' && *text != 'e'; text++)
        if (*text >= '0' && *text <= '9' && (count > 0 || *text != '0'))
            count++;
    return count;
}

static void check(uint32_t bits)
{
    float value = 0, again = 0;
    memcpy(&value, &bits, sizeof value);
    if (value != value || value - value != 0)
        return;
    const char *text = text_of(value);
    again = strtof(text, NULL);
    assert_memory_equal(&again, &value, sizeof value);
    // The way of Python and JavaScript: by a double.
    again = (float)strtod(text, NULL);
    assert_memory_equal(&again, &value, sizeof value);
    // No shorter one that printf finds reads back.
    char other[32];
    int digits = digits_of(text);
    if (digits > 2 && strchr(text, 'e') == NULL && text[strlen(text) - 1] != '0') {
        snprintf(other, sizeof other, "%.*e", digits - 2, (double)value);
        assert_true(strtof(other, NULL) != value);
    }
}

static void test_random_floats(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252u;
    for (int i = 0; i < 300000; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        check((uint32_t)seed);
        // And of the size that vectors have.
        check(((uint32_t)(seed >> 9) & 0x807fffff) | (0x78u + (uint32_t)(seed >> 40 & 7)) << 23);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_random_floats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
