// Output sizes and crops as torchvision, timm and Hugging Face compute them; numbers from their
// code.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/preprocess.h"

static struct plo_preprocess_plan plan_of(const struct plo_preprocess *p, uint32_t w, uint32_t h)
{
    struct plo_preprocess_plan plan;
    assert_int_equal(plo_preprocess_plan(p, w, h, &plan, NULL), 0);
    return plan;
}

static void shortest_edge_truncates(void **test)
{
    (void)test;
    struct plo_preprocess p = PLO_PREPROCESS_INIT;
    p.mode = PLO_RESIZE_SHORTEST_EDGE;
    p.width = p.height = 256;
    p.crop_width = p.crop_height = 224;
    struct plo_preprocess_plan plan = plan_of(&p, 500, 375);
    assert_int_equal(plan.resize_width, 341); // 256 * 500 / 375 = 341.33
    assert_int_equal(plan.resize_height, 256);
    assert_int_equal(plan.left, 58); // round(58.5) to even
    assert_int_equal(plan.top, 16);
    p.crop_rounding = PLO_CROP_FLOOR;
    assert_int_equal(plan_of(&p, 500, 375).left, 58);
    assert_int_equal(plan_of(&p, 503, 375).left, 59); // (343 - 224) / 2 = 59.5
    p.crop_rounding = PLO_CROP_HALF_EVEN;
    assert_int_equal(plan_of(&p, 503, 375).left, 60);
}

static void crop_larger_than_the_picture(void **test)
{
    (void)test;
    struct plo_preprocess p = PLO_PREPROCESS_INIT;
    p.mode = PLO_RESIZE_NONE;
    p.crop_width = p.crop_height = 10;
    struct plo_preprocess_plan plan = plan_of(&p, 7, 20);
    assert_int_equal(plan.left, -1); // torchvision pads (10 - 7) / 2 = 1 on the left
    assert_int_equal(plan.top, 5);
    p.crop_rounding = PLO_CROP_FLOOR;
    assert_int_equal(plan_of(&p, 7, 20).left, -2); // Hugging Face pads ceil(3 / 2)
}

static void longest_edge_pads(void **test)
{
    (void)test;
    struct plo_preprocess p = PLO_PREPROCESS_INIT;
    p.mode = PLO_RESIZE_LONGEST_EDGE;
    p.width = p.height = 100;
    struct plo_preprocess_plan plan = plan_of(&p, 400, 301);
    assert_int_equal(plan.resize_width, 100);
    assert_int_equal(plan.resize_height, 75);
    assert_int_equal(plan.height, 75);
    p.pad = true;
    plan = plan_of(&p, 400, 301);
    assert_int_equal(plan.height, 100);
    assert_int_equal(plan.top, -12);
    assert_int_equal(plan_of(&p, 100000, 1).resize_height, 1);
}

static void refuses_what_cannot_be(void **test)
{
    (void)test;
    struct plo_preprocess p = PLO_PREPROCESS_INIT;
    assert_int_equal(plo_preprocess_check(&p, NULL), 0);
    p.std[1] = 0;
    assert_int_equal(plo_preprocess_check(&p, NULL), PIPILO_EINVALID);
    p = PLO_PREPROCESS_INIT;
    p.crop_width = 5;
    assert_int_equal(plo_preprocess_check(&p, NULL), PIPILO_EINVALID);
    p = PLO_PREPROCESS_INIT;
    p.width = 0;
    assert_int_equal(plo_preprocess_check(&p, NULL), PIPILO_EINVALID);
    p = PLO_PREPROCESS_INIT;
    p.mode = PLO_RESIZE_SHORTEST_EDGE;
    p.width = 5;
    assert_int_equal(plo_preprocess_check(&p, NULL), PIPILO_EINVALID);
    p.width = p.height = 65536;
    struct plo_preprocess_plan plan;
    assert_int_equal(plo_preprocess_plan(&p, 1, 262144, &plan, NULL), PIPILO_ELIMIT);
}

static void table_is_float32_arithmetic(void **test)
{
    (void)test;
    struct plo_preprocess p = PLO_PREPROCESS_INIT;
    float table[3][256];
    p.mean[0] = 0.485;
    p.std[0] = 0.229;
    plo_preprocess_table(&p, table);
    for (int v = 0; v < 256; v++) {
        float scaled = (float)v / 255.0F;
        assert_true(table[0][v] == (scaled - 0.485F) / 0.229F);
        assert_true(table[1][v] == scaled);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shortest_edge_truncates),
        cmocka_unit_test(crop_larger_than_the_picture),
        cmocka_unit_test(longest_edge_pads),
        cmocka_unit_test(refuses_what_cannot_be),
        cmocka_unit_test(table_is_float32_arithmetic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
