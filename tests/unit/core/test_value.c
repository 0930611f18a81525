// test_value.c: making, sharing, dropping values and writing them as JSON and as literals.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/live.h"
#include "core/value.h"

static void expect_json(pipilo_value *value, const char *expected)
{
    char *text = NULL;
    assert_int_equal(pipilo_value_to_json(value, &text, NULL), 0);
    assert_string_equal(text, expected);
    pipilo_free(text);
}

static void scalars(void **state)
{
    (void)state;
    pipilo_value *value = NULL;
    assert_int_equal(pipilo_value_create_int(&value, -5, NULL), 0);
    assert_int_equal(pipilo_value_int(value), -5);
    assert_true(pipilo_value_float(value) == -5);
    assert_null(pipilo_value_string(value));
    expect_json(value, "-5");
    pipilo_value_unref(&value);
    assert_null(value);
    const double numbers[] = { 0.1, 1e300, 3, -0.0, NAN, INFINITY, 1e16 };
    const char *texts[] = { "0.1", "1e+300", "3.0", "-0.0", "null", "null", "1e+16" };
    for (size_t i = 0; i < PLO_COUNT(numbers); i++) {
        assert_int_equal(pipilo_value_create_float(&value, numbers[i], NULL), 0);
        expect_json(value, texts[i]);
        pipilo_value_unref(&value);
    }
    value = pipilo_value_none();
    pipilo_value_unref(&value);
    value = pipilo_value_none();
    assert_int_equal(pipilo_value_kind(value), PIPILO_NONE);
    pipilo_value_unref(&value);
}

static void tensors(void **state)
{
    (void)state;
    pipilo_value *value = NULL;
    const float data[6] = { 0.1f, 2, 3, 4, NAN, 16777216 };
    struct pipilo_tensor tensor = { PIPILO_F32, 2, { 2, 3 }, data }, view;
    assert_int_equal(pipilo_value_create_tensor(&value, &tensor, NULL), 0);
    assert_true(pipilo_value_tensor(value, &view));
    assert_int_equal((uintptr_t)view.data % 64, 0);
    assert_memory_equal(view.data, data, sizeof data);
    expect_json(value, "[[0.1, 2.0, 3.0], [4.0, null, 16777216.0]]");
    pipilo_value_unref(&value);
    tensor.count = 0;
    assert_int_equal(pipilo_value_create_tensor(&value, &tensor, NULL), 0);
    expect_json(value, "0.1");
    pipilo_value_unref(&value);
    struct pipilo_error err;
    tensor = (struct pipilo_tensor){ PIPILO_F64, 3, { SIZE_MAX, SIZE_MAX, 2 }, data };
    assert_int_equal(pipilo_value_create_tensor(&value, &tensor, &err), PIPILO_EINVALID);
    tensor.count = 9;
    assert_int_equal(pipilo_value_create_tensor(&value, &tensor, NULL), PIPILO_EINVALID);
    // binary16: 1, -2, the smallest subnormal, the largest number
    const uint16_t halves[] = { 0x3c00, 0xc000, 0x0001, 0x7bff };
    tensor = (struct pipilo_tensor){ PIPILO_F16, 1, { 4 }, halves };
    assert_int_equal(pipilo_value_create_tensor(&value, &tensor, NULL), 0);
    expect_json(value, "[1.0, -2.0, 5.9604645e-08, 65504.0]");
    pipilo_value_unref(&value);
}

static int released;

static void release(void *object)
{
    assert_ptr_equal(object, &released);
    released++;
}

static void lists_share(void **state)
{
    (void)state;
    pipilo_value *items[2] = { NULL, NULL }, *list = NULL;
    assert_int_equal(pipilo_value_create_object(&items[0], &released, release, NULL), 0);
    assert_int_equal(pipilo_value_create_string(&items[1], "it's", NULL), 0);
    assert_int_equal(pipilo_value_create_list(&list, items, 2, NULL), 0);
    assert_ptr_equal(pipilo_value_list_item(list, 0), items[0]);
    assert_null(pipilo_value_list_item(list, 2));
    pipilo_value_unref(&items[0]);
    pipilo_value_unref(&items[1]);
    assert_int_equal(released, 0);
    struct plo_str str = PLO_STR_INIT;
    plo_value_add_literal(list, &str);
    char *text = plo_str_take(&str);
    assert_string_equal(text, "[None, 'it\\'s']");
    plo_free(text);
    pipilo_value_unref(&list);
    assert_int_equal(released, 1);
}

// On failure a wrapped object, tensor or buffer is freed, and nothing is left.
static void wrapping_consumes(void **state)
{
    (void)state;
    pipilo_value *value = NULL;
    struct plo_buf *buf = plo_buf_create(4);
    plo_alloc_fail_nth(1);
    assert_int_equal(plo_value_wrap_bytes(&value, buf, NULL), PIPILO_ENOMEM);
    plo_alloc_fail_nth(0);
    assert_null(value);
}

static int nothing_left(void **state)
{
    (void)state;
    return plo_live_count(PLO_LIVE_VALUE) != 0 || plo_alloc_live() != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars),
        cmocka_unit_test(tensors),
        cmocka_unit_test(lists_share),
        cmocka_unit_test(wrapping_consumes),
    };
    return cmocka_run_group_tests(tests, NULL, nothing_left);
}
