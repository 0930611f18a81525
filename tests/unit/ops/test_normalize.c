// towhee.np_normalize: v / np.linalg.norm(v, axis=axis, keepdims=True), for every axis and type.
#include <math.h>

#include "helper.h"

static int normalize(const struct pipilo_tensor *view, int axis)
{
    char text[128];
    pipilo_value *value = NULL;
    snprintf(text, sizeof text,
             "pipe.input('v').map('v', 'n', ops.towhee.np_normalize(axis=%d)).output('n')", axis);
    assert_int_equal(pipilo_value_create_tensor(&value, view, &err), 0);
    return run_values(text, &value, 1);
}

static void check(const double *expected, size_t count)
{
    struct pipilo_tensor view = tensor_at(0, 0);
    for (size_t i = 0; i < count; i++) {
        double got = view.dtype == PIPILO_F32 ? (double)((const float *)view.data)[i]
                                              : ((const double *)view.data)[i];
        assert_true(fabs(got - expected[i]) < 1e-7);
    }
}

static void divides_along_an_axis(void **state)
{
    (void)state;
    const float singles[6] = { 3, 0, 8, 4, 5, 6 };
    const double doubles[6] = { 3, 0, 8, 4, 5, 6 };
    const double columns[6] = { 0.6, 0, 0.8, 0.8, 1, 0.6 };
    double rows_of[6];
    for (size_t i = 0; i < 6; i++)
        rows_of[i] = doubles[i] / sqrt(i < 3 ? 73 : 77);
    struct pipilo_tensor view = { PIPILO_F32, 2, { 2, 3 }, singles };
    assert_int_equal(normalize(&view, 0), 0);
    check(columns, 6);
    assert_int_equal(normalize(&view, 1), 0);
    check(rows_of, 6);
    assert_int_equal(normalize(&view, -1), 0);
    check(rows_of, 6);
    view = (struct pipilo_tensor){ PIPILO_F64, 2, { 2, 3 }, doubles };
    assert_int_equal(normalize(&view, -2), 0);
    check(columns, 6);
}

static void a_zero_vector_becomes_nan(void **state)
{
    (void)state;
    const float zeros[2] = { 0, 0 };
    struct pipilo_tensor view = { PIPILO_F32, 1, { 2 }, zeros };
    assert_int_equal(normalize(&view, 0), 0);
    view = tensor_at(0, 0);
    assert_true(isnan(((const float *)view.data)[0]));
}

static void refuses_other_types_and_axes(void **state)
{
    (void)state;
    const int32_t ints[2] = { 1, 2 };
    const float floats[2] = { 1, 2 };
    struct pipilo_tensor view = { PIPILO_I32, 1, { 2 }, ints };
    assert_int_equal(normalize(&view, 0), 0);
    assert_int_equal(code_at(0, 0), PIPILO_EINVALID);
    view = (struct pipilo_tensor){ PIPILO_F32, 1, { 2 }, floats };
    assert_int_equal(normalize(&view, 1), 0);
    assert_int_equal(code_at(0, 0), PIPILO_EINVALID);
    assert_int_equal(
        run_text("pipe.input('v').map('v', 'n', ops.towhee.np_normalize()).output('n')", "text"),
        0);
    assert_int_equal(code_at(0, 0), PIPILO_EINVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OPS_TEST(divides_along_an_axis),
        OPS_TEST(a_zero_vector_becomes_nan),
        OPS_TEST(refuses_other_types_and_axes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
