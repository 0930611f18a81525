// test_scan.c: reading a JSON object's fields, and refusing what is none.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "table/scan.h"

static bool scan(const char *text, struct plo_scan_value *a, struct plo_scan_value *b)
{
    const struct plo_scan_field fields[] = { { "a", a }, { "b", b } };
    *a = *b = (struct plo_scan_value){ 0 };
    // A copy of just its size, so that a sanitizer sees a step too far.
    size_t length = strlen(text);
    char *copy = plo_memdup(text, length);
    bool good = plo_scan_object(copy, length, fields, 2);
    if (a->text != NULL)
        a->text = text + (a->text - copy);
    if (b->text != NULL)
        b->text = text + (b->text - copy);
    plo_free(copy);
    return good;
}

static void test_fields(void **state)
{
    (void)state;
    struct plo_scan_value a, b;
    assert_true(
        scan(" { \"x\": [1, {\"a\": 2}], \"a\" : -12.5e+3 , \"b\":{\"c\":[]} } \n", &a, &b));
    assert_memory_equal(a.text, "-12.5e+3", 8);
    assert_int_equal(a.length, 8);
    assert_memory_equal(b.text, "{\"c\":[]}", 8);
    assert_true(scan("{}", &a, &b));
    assert_true(plo_scan_is_null(a));
    assert_true(scan("{\"a\":null}", &a, &b));
    assert_true(plo_scan_is_null(a));
    assert_true(scan("{\"a\":[[[[]]],{},\"]\",true,false]}", &a, &b));
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{",
        "}",
        "[]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\":1}x",
        "{\"a\":01x}",
        "{\"a\":-}",
        "{\"a\":1.}",
        "{\"a\":1e}",
        "{\"a\":tru}",
        "{\"a\":\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":\"\\u12",
        "{\"a\":\"\\",
        "{\"a\":[1,]}",
        "{\"a\":[1}",
        "{\"a\":{1:2}}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":\"\n\"}",
        "{\"a\":[1 2]}",
        "{\"a\":nul",
        "{\"a\" 1}",
    };
    struct plo_scan_value a, b;
    for (size_t i = 0; i < PLO_COUNT(bad); i++)
        assert_false(scan(bad[i], &a, &b));
    char deep[300] = "{\"a\":";
    memset(deep + 5, '[', 100);
    memset(deep + 105, ']', 100);
    strncat(deep, "}", 2);
    assert_false(scan(deep, &a, &b));
}

static void check_text(const char *json, const char *expected)
{
    struct plo_str text = PLO_STR_INIT;
    struct plo_scan_value value = { json, strlen(json) };
    assert_true(plo_scan_text(value, &text));
    char *taken = plo_str_take(&text);
    assert_string_equal(taken, expected);
    plo_free(taken);
}

static void test_texts(void **state)
{
    (void)state;
    check_text("\"\"", "");
    check_text("\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", "a\"\\/\b\f\n\r\tz");
    check_text("\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    check_text("\"\\udcff\\udc80x\"", "\xff\x80x");
    struct plo_str text = PLO_STR_INIT;
    assert_false(plo_scan_text((struct plo_scan_value){ "\"\\u0000\"", 8 }, &text));
    assert_false(plo_scan_text((struct plo_scan_value){ "12", 2 }, &text));
    assert_false(plo_scan_text((struct plo_scan_value){ NULL, 0 }, &text));
    plo_str_reset(&text);
}

static void test_every_byte_string_survives(void **state)
{
    (void)state;
    for (int first = 1; first < 256; first++)
        for (int second = 1; second < 256; second++) {
            char name[] = { (char)first, (char)second, 'x', '\0' };
            struct plo_str json = PLO_STR_INIT;
            plo_str_add_json(&json, name);
            check_text(json.data, name);
            plo_str_reset(&json);
        }
}

static void test_ints(void **state)
{
    (void)state;
    int64_t number = 0;
    assert_true(plo_scan_int((struct plo_scan_value){ "-17", 3 }, &number));
    assert_int_equal(number, -17);
    assert_false(plo_scan_int((struct plo_scan_value){ "1.5", 3 }, &number));
    assert_false(plo_scan_int((struct plo_scan_value){ "-", 1 }, &number));
    assert_false(plo_scan_int((struct plo_scan_value){ "9999999999999999999", 19 }, &number));
    assert_false(plo_scan_int((struct plo_scan_value){ NULL, 0 }, &number));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_texts),  cmocka_unit_test(test_every_byte_string_survives),
        cmocka_unit_test(test_ints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
