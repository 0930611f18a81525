// test_json.c: strict reading, shortest numbers, sorted writing.
#include <errno.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/cores.h"
#include "base/json.h"

static void writes_sorted(void **state)
{
    (void)state;
    static const char text[] =
        " {\"b\": [1, 2.50, true, null], \"a\": {\"z\": \"\\u00e9\", \"y\": -0.1}}";
    char why[100];
    struct plo_json *root = NULL;
    assert_int_equal(plo_json_parse(&root, text, strlen(text), why, sizeof why), 0);
    struct plo_str out = PLO_STR_INIT;
    plo_json_write(root, &out);
    assert_string_equal(out.data,
                        "{\"a\":{\"y\":-0.1,\"z\":\"\303\251\"},\"b\":[1,2.5,true,null]}");
    assert_int_equal(plo_json_count(plo_json_get(root, "b")), 4);
    assert_null(plo_json_get(root, "c"));
    assert_int_equal(plo_json_kind(plo_json_get(plo_json_get(root, "c"), "d")), PLO_JSON_MISSING);
    assert_null(plo_json_string(plo_json_get(root, "b")));
    plo_str_reset(&out);
    plo_json_free(root);
}

static void refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{",
        "{\"a\":1,}",
        "{\"a\":1,\"a\":2}",
        "nan",
        "{} x",
        "\"\\ud800\"",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
    };
    for (size_t i = 0; i < PLO_COUNT(bad); i++) {
        char why[100] = "";
        struct plo_json *root = NULL;
        assert_int_equal(plo_json_parse(&root, bad[i], strlen(bad[i]), why, sizeof why), -EINVAL);
        assert_null(root);
        assert_int_not_equal(why[0], 0);
    }
}

static void numbers_read_back(void **state)
{
    (void)state;
    static const double numbers[] = { 0,     1.0 / 255, 0.1,         1.0 / 3,
                                      1e300, -2.5e-300, 127.0 / 255, 123456789012345678.0,
                                      0.485, 5e-324 };
    for (size_t i = 0; i < PLO_COUNT(numbers); i++) {
        struct plo_str out = PLO_STR_INIT;
        plo_str_add_number(&out, numbers[i]);
        assert_true(strtod(out.data, NULL) == numbers[i]);
        plo_str_reset(&out);
    }
    struct plo_str out = PLO_STR_INIT;
    plo_str_add_number(&out, 0.1);
    plo_str_add_number(&out, (double)0.0 / 0.0);
    assert_string_equal(out.data, "0.1null");
    plo_str_reset(&out);
}

static void cores(void **state)
{
    (void)state;
    assert_in_range(plo_cores(), 1, 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_sorted),
        cmocka_unit_test(refuses),
        cmocka_unit_test(numbers_read_back),
        cmocka_unit_test(cores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
