// Every operator describes itself in full: help, documentation and bindings are made from that.
#include <pipilo/sys/op.h>

#include "helper.h"

static void describes_a_parameter(const struct pipilo_operator *op,
                                  const struct pipilo_param *param)
{
    if (param->help == NULL || param->help[0] == '\0')
        fail_msg("%s: the parameter %s has no help", op->name, param->name);
    if (param->choices != NULL)
        assert_int_equal(param->type, PIPILO_PARAM_STRING);
    bool number = param->type == PIPILO_PARAM_INT || param->type == PIPILO_PARAM_FLOAT;
    if (number && param->min >= param->max)
        fail_msg("%s: the parameter %s has no bounds", op->name, param->name);
    for (const struct pipilo_param *other = op->params; other != param; other++)
        assert_string_not_equal(other->name, param->name);
}

static void all_describe_themselves(void **state)
{
    (void)state;
    size_t count = 0;
    const struct pipilo_operator *op;
    while ((op = pipilo_operator_at(count)) != NULL) {
        assert_non_null(op->summary);
        assert_non_null(op->inputs);
        assert_non_null(op->output);
        for (const struct pipilo_param *p = op->params; p != NULL && p->name != NULL; p++)
            describes_a_parameter(op, p);
        assert_ptr_equal(pipilo_operator_find(op->name), op);
        count++;
    }
    assert_true(count >= 13);
}

static void are_known_by_towhees_names(void **state)
{
    (void)state;
    const char *const names[] = { "image_decode",         "image_decode.cv2",
                                  "image_decode.cv2_rgb", "image_embedding.timm",
                                  "image_crop",           "utils.image_crop",
                                  "towhee.np_normalize",  "utils.np_normalize" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_non_null(pipilo_operator_find(names[i]));
    assert_null(pipilo_operator_find("image_embedding.tim"));
    assert_string_equal(pipilo_operator_nearest("image_embedding.tim"), "image_embedding.timm");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OPS_TEST(all_describe_themselves),
        OPS_TEST(are_known_by_towhees_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
