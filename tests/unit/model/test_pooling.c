// test_pooling.c: from an output tensor to a vector.
#include "helper.h"
#include "model/pooling.h"

static struct plo_card card_of(enum plo_pool pool, size_t dim, enum plo_layout layout)
{
    struct plo_card card = { .preprocess = PLO_PREPROCESS_INIT };
    snprintf(card.output.name, sizeof card.output.name, "out");
    card.output.pool = pool;
    card.output.dim = dim;
    card.preprocess.layout = layout;
    return card;
}

static const float numbers[12] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };

static void check(enum plo_pool pool, size_t dim, enum plo_layout layout,
                  struct plo_engine_output output, size_t row, float first, float last)
{
    struct plo_card card = card_of(pool, dim, layout);
    struct pipilo_error err = { 0 };
    float vector[12];
    output.data = numbers;
    assert_int_equal(plo_pooling_check(&card, output.shape, output.count, &err), 0);
    plo_pooling_row(&card, &output, row, vector);
    assert_true(vector[0] == first);
    assert_true(vector[dim - 1] == last);
}

static void pools(void **state)
{
    (void)state;
    check(PLO_POOL_NONE, 6, PLO_LAYOUT_NCHW, (struct plo_engine_output){ 2, { 2, 6 }, NULL }, 1, 6,
          11);
    check(PLO_POOL_NONE, 6, PLO_LAYOUT_NCHW, (struct plo_engine_output){ 4, { 2, 6, 1, 1 }, NULL },
          0, 0, 5);
    check(PLO_POOL_TOKEN0, 3, PLO_LAYOUT_NCHW, (struct plo_engine_output){ 3, { 2, 2, 3 }, NULL },
          1, 6, 8);
    check(PLO_POOL_MEAN_TOKENS, 3, PLO_LAYOUT_NCHW,
          (struct plo_engine_output){ 3, { 2, 2, 3 }, NULL }, 0, 1.5f, 3.5f);
    check(PLO_POOL_AVG, 3, PLO_LAYOUT_NCHW, (struct plo_engine_output){ 4, { 1, 3, 2, 2 }, NULL },
          0, 1.5f, 9.5f);
    check(PLO_POOL_AVG, 3, PLO_LAYOUT_NHWC, (struct plo_engine_output){ 4, { 1, 2, 2, 3 }, NULL },
          0, 4.5f, 6.5f);
}

static void refuses_other_shapes(void **state)
{
    (void)state;
    struct plo_card card = card_of(PLO_POOL_NONE, 768, PLO_LAYOUT_NCHW);
    struct pipilo_error err = { 0 };
    const size_t shape[] = { 1, 197, 768 };
    assert_int_equal(plo_pooling_check(&card, shape, 3, &err), PIPILO_EMODEL);
    assert_message(
        err, PIPILO_EMODEL,
        "output 'out' is [1, 197, 768], which pool none does not turn into 768 numbers a "
        "row; it would fit pool token0 or mean_tokens");
}

static void normalizes(void **state)
{
    (void)state;
    float vector[] = { 3, 4 }, zero[] = { 0, 0 };
    plo_pooling_normalize(vector, 2);
    assert_true(vector[0] == 0.6f && vector[1] == 0.8f);
    plo_pooling_normalize(zero, 2);
    assert_true(zero[0] == 0 && zero[1] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pools),
        cmocka_unit_test(refuses_other_shapes),
        cmocka_unit_test(normalizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
