// test_fingerprint.c: what is part of a fingerprint, what is not, and what the comparison says.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "core/fingerprint.h"

static const struct plo_fingerprint_parts base = {
    .model_sha256 = "aa",
    .engine = "null",
    .precision = "f32",
    .input = "in",
    .output = "out",
    .pool = "none",
    .dim = 64,
    .preprocess = { .mode = PLO_RESIZE_EXACT,
                    .width = 224,
                    .height = 224,
                    .scale = 1.0 / 255,
                    .std = { 1, 1, 1 } },
    .engine_version = "1",
    .model_name = "m",
};

static struct plo_fingerprint make(const struct plo_fingerprint_parts *parts)
{
    struct plo_fingerprint print;
    assert_int_equal(plo_fingerprint_create(&print, parts, NULL), 0);
    return print;
}

static void the_same_is_the_same(void **state)
{
    (void)state;
    struct plo_fingerprint_parts other = base;
    other.engine_version = "2";
    other.model_name = "another";
    struct plo_fingerprint a = make(&base), b = make(&other);
    assert_string_equal(a.id, b.id);
    assert_string_equal(a.json, b.json);
    assert_string_not_equal(a.noted, b.noted);
    assert_int_equal(strlen(a.id), 16);
    assert_int_equal(plo_fingerprint_compare(a.json, b.json, NULL), 0);
    // Whatever stored it may have changed the spaces.
    assert_int_equal(
        plo_fingerprint_compare("{\"a\": 1, \"b\":[0.5, 2]}", "{\"b\":[0.5,2],\"a\":1}", NULL), 0);
    plo_fingerprint_reset(&a);
    plo_fingerprint_reset(&b);
    assert_int_equal(plo_alloc_live(), 0);
}

static void each_part_counts(void **state)
{
    (void)state;
    struct plo_fingerprint_parts changed[14];
    for (size_t i = 0; i < PLO_COUNT(changed); i++)
        changed[i] = base;
    changed[0].model_sha256 = "bb";
    changed[1].engine = "openvino";
    changed[2].precision = "bf16";
    changed[3].pool = "avg";
    changed[4].dim = 65;
    changed[5].normalize = true;
    changed[6].decode.fast = true;
    changed[7].decode.ignore_exif = true;
    changed[8].preprocess.filter = PLO_FILTER_LANCZOS;
    changed[9].preprocess.mean[1] = 0.1;
    changed[10].preprocess.crop_rounding = PLO_CROP_FLOOR;
    changed[11].preprocess.color = PLO_COLOR_BGR;
    changed[12].output = "other";
    changed[13].preprocess.layout = PLO_LAYOUT_NHWC;
    struct plo_fingerprint a = make(&base);
    for (size_t i = 0; i < PLO_COUNT(changed); i++) {
        struct plo_fingerprint b = make(&changed[i]);
        struct pipilo_error err = { 0 };
        assert_string_not_equal(a.id, b.id);
        assert_int_equal(plo_fingerprint_compare(a.json, b.json, &err), PIPILO_EMISMATCH);
        assert_non_null(strstr(err.message, a.id));
        assert_non_null(strstr(err.message, b.id));
        plo_fingerprint_reset(&b);
    }
    plo_fingerprint_reset(&a);
}

static void says_what_differs(void **state)
{
    (void)state;
    struct plo_fingerprint_parts other = base;
    other.precision = "bf16";
    other.preprocess.filter = PLO_FILTER_BILINEAR;
    struct plo_fingerprint a = make(&base), b = make(&other);
    struct pipilo_error err = { 0 };
    plo_fingerprint_compare(a.json, b.json, &err);
    assert_non_null(strstr(err.message, "precision is \"f32\", not \"bf16\""));
    assert_non_null(strstr(err.message, "preprocess.filter is \"bicubic\", not \"bilinear\""));
    plo_fingerprint_compare("{\"a\":1}", "{\"a\":1,\"b\":2}", &err);
    assert_non_null(strstr(err.message, "b is not stated, not 2"));
    assert_int_equal(plo_fingerprint_compare("nonsense", a.json, &err), PIPILO_ECORRUPT);
    assert_int_equal(plo_fingerprint_compare("[]", a.json, &err), PIPILO_ECORRUPT);
    plo_fingerprint_reset(&a);
    plo_fingerprint_reset(&b);
    assert_int_equal(plo_alloc_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_is_the_same),
        cmocka_unit_test(each_part_counts),
        cmocka_unit_test(says_what_differs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
