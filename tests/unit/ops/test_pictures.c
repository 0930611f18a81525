// image_decode and its variants, image_resize, image_crop: pixels right to the bit, bad rows alone.
#include "helper.h"

static void check_pixels(const struct pipilo_tensor *view, unsigned seed, unsigned left,
                         unsigned top, bool bgr)
{
    const uint8_t *pixels = view->data;
    for (size_t y = 0; y < view->shape[0]; y++) {
        for (size_t x = 0; x < view->shape[1]; x++) {
            uint8_t rgb[3];
            const uint8_t *at = pixels + 3 * (y * view->shape[1] + x);
            color(seed, left + (unsigned)x, top + (unsigned)y, rgb);
            assert_int_equal(at[0], rgb[bgr ? 2 : 0]);
            assert_int_equal(at[1], rgb[1]);
            assert_int_equal(at[2], rgb[bgr ? 0 : 2]);
        }
    }
}

// Decodes by `op` and looks at the pixels in the order `mode`.
static void decode(const char *op, const char *mode)
{
    char text[256];
    pipilo_value *pixels = NULL;
    struct pipilo_image_info info = { .struct_size = sizeof info };
    snprintf(text, sizeof text, "pipe.input('p').map('p', 'i', ops.%s).output('i')", op);
    assert_int_equal(run_text(text, "a.bmp"), 0);
    assert_int_equal(row_count, 1);
    const pipilo_value *image = pipilo_row_value(rows[0], 0);
    assert_int_equal(pipilo_value_kind(image), PIPILO_IMAGE);
    assert_int_equal(pipilo_value_image_info(&info, image, &err), 0);
    assert_int_equal(info.width, 31);
    assert_int_equal(info.height, 20);
    assert_string_equal(info.format, "pixels");
    assert_int_equal(pipilo_value_image_pixels(&pixels, image, mode, &err), 0);
    struct pipilo_tensor view;
    assert_true(pipilo_value_tensor(pixels, &view));
    assert_int_equal(view.shape[0], 20);
    check_pixels(&view, 4, 0, 0, strcmp(mode, "BGR") == 0);
    pipilo_value_unref(&pixels);
}

static void decodes_to_the_bit(void **state)
{
    (void)state;
    put_bmp("a.bmp", 31, 20, 4);
    decode("image_decode()", "RGB");
    decode("image_decode.cv2()", "BGR");
    decode("image_decode.cv2()", "RGB");
    decode("image_decode.cv2('RGB')", "RGB");
    decode("image_decode.cv2_rgb()", "RGB");
    decode("image_decode.cv2_rgb()", "BGR");
}

// What image_resize gives for a value of the picture, whatever form it has.
static void resize_value(pipilo_value *value, bool through_decode)
{
    assert_int_equal(
        run_values(through_decode
                       ? "pipe.input('p').map('p', 'i', ops.image_decode.cv2())"
                         ".map('i', 'r', ops.image_resize(width=31, height=20)).output('r')"
                       : "pipe.input('p').map('p', 'r', ops.image_resize(width=31, height=20))"
                         ".output('r')",
                   &value, 1),
        0);
    struct pipilo_tensor view = tensor_at(0, 0);
    assert_int_equal(view.dtype, PIPILO_U8);
    assert_int_equal(view.count, 3);
    assert_int_equal(view.shape[0], 20);
    assert_int_equal(view.shape[1], 31);
    check_pixels(&view, 4, 0, 0, false);
}

static void takes_a_picture_in_any_form(void **state)
{
    (void)state;
    size_t size;
    uint8_t pixels[20 * 31 * 3];
    pipilo_value *value = NULL;
    const uint8_t *data = bmp(31, 20, 4, &size);
    put("a.bmp", data, size);
    for (int through_decode = 0; through_decode < 2; through_decode++) {
        assert_int_equal(pipilo_value_create_string(&value, "a.bmp", &err), 0);
        resize_value(value, through_decode);
        assert_int_equal(pipilo_value_create_image_file(&value, "a.bmp", &err), 0);
        resize_value(value, through_decode);
        assert_int_equal(pipilo_value_create_bytes(&value, data, size, &err), 0);
        resize_value(value, through_decode);
        assert_int_equal(pipilo_value_create_image(&value, data, size, &err), 0);
        resize_value(value, through_decode);
        for (unsigned i = 0; i < 20 * 31; i++)
            color(4, i % 31, i / 31, &pixels[3 * i]);
        struct pipilo_tensor view = { PIPILO_U8, 3, { 20, 31, 3 }, pixels };
        assert_int_equal(pipilo_value_create_tensor(&value, &view, &err), 0);
        resize_value(value, through_decode);
    }
}

static void refuses_what_is_no_picture(void **state)
{
    (void)state;
    float numbers[3] = { 1, 2, 3 };
    struct pipilo_tensor view = { PIPILO_F32, 1, { 3 }, numbers };
    const char *text = "pipe.input('p').map('p', 'i', ops.image_decode()).output('i')";
    put("text.jpg", "not a picture", 13);
    put("empty.png", "", 0);
    assert_int_equal(run_text(text, "text.jpg"), 0);
    assert_int_equal(code_at(0, 0), PIPILO_EFORMAT);
    assert_int_equal(run_text(text, "empty.png"), 0);
    assert_true(code_at(0, 0) == PIPILO_ETRUNCATED || code_at(0, 0) == PIPILO_EFORMAT);
    assert_int_equal(run_text(text, "missing.png"), 0);
    assert_int_equal(code_at(0, 0), PIPILO_ENOTFOUND);
    assert_non_null(pipilo_row_error(rows[0]));
    pipilo_value *value = NULL;
    assert_int_equal(pipilo_value_create_int(&value, 3, &err), 0);
    assert_int_equal(run_values(text, &value, 1), 0);
    assert_int_equal(code_at(0, 0), PIPILO_EINVALID);
    assert_int_equal(pipilo_value_create_tensor(&value, &view, &err), 0);
    assert_int_equal(run_values(text, &value, 1), 0);
    assert_int_equal(code_at(0, 0), PIPILO_EINVALID);
}

static void resizes_and_crops(void **state)
{
    (void)state;
    put_bmp("a.bmp", 60, 40, 2);
    assert_int_equal(run_text("pipe.input('p').map('p', 'r', ops.image_resize(size=20))"
                              ".output('r')",
                              "a.bmp"),
                     0);
    assert_int_equal(tensor_at(0, 0).shape[0], 20);
    assert_int_equal(tensor_at(0, 0).shape[1], 30);
    assert_int_equal(run_text("pipe.input('p').map('p', 'r', ops.image_resize(crop=11, mode='BGR'))"
                              ".output('r')",
                              "a.bmp"),
                     0);
    // The margins 49 and 29 are odd; their halves round to even: 24 and 14.
    struct pipilo_tensor view = tensor_at(0, 0);
    check_pixels(&view, 2, 24, 14, true);
    assert_int_equal(run_text("pipe.input('p').map('p', 'r', ops.image_resize(width=4))"
                              ".output('r')",
                              "a.bmp"),
                     PIPILO_EPIPELINE);
    assert_int_equal(
        run_text("pipe.input('p').map('p', 'r', ops.image_resize()).output('r')", "a.bmp"),
        PIPILO_EPIPELINE);
}

static pipilo_value *numbers(const double *values, size_t count)
{
    pipilo_value *items[8] = { NULL }, *list = NULL;
    for (size_t i = 0; i < count; i++)
        assert_int_equal(pipilo_value_create_float(&items[i], values[i], &err), 0);
    assert_int_equal(pipilo_value_create_list(&list, items, count, &err), 0);
    for (size_t i = 0; i < count; i++)
        pipilo_value_unref(&items[i]);
    return list;
}

static int crop(const char *op, const double boxes[][4], size_t count)
{
    char text[256];
    pipilo_value *in[2] = { NULL }, *lists[8] = { NULL };
    snprintf(text, sizeof text, "pipe.input('p', 'b').map(('p', 'b'), 'c', ops.%s).output('c')",
             op);
    for (size_t i = 0; i < count; i++)
        lists[i] = numbers(boxes[i], 4);
    assert_int_equal(pipilo_value_create_string(&in[0], "a.bmp", &err), 0);
    assert_int_equal(pipilo_value_create_list(&in[1], lists, count, &err), 0);
    for (size_t i = 0; i < count; i++)
        pipilo_value_unref(&lists[i]);
    return run_values(text, in, 2);
}

static void cuts_boxes(void **state)
{
    (void)state;
    const double inside[][4] = { { 1, 2, 9, 5 }, { 10.9, 0, 12.2, 40 } };
    const double beyond[][4] = { { -5, 30, 4, 90 } };
    put_bmp("a.bmp", 60, 40, 9);
    for (int other = 0; other < 2; other++) {
        assert_int_equal(crop(other ? "utils.image_crop()" : "image_crop()", inside, 2), 0);
        const pipilo_value *list = pipilo_row_value(rows[0], 0);
        assert_int_equal(pipilo_value_list_count(list), 2);
        for (size_t i = 0; i < 2; i++) {
            pipilo_value *pixels = NULL;
            struct pipilo_tensor view;
            assert_int_equal(
                pipilo_value_image_pixels(&pixels, pipilo_value_list_item(list, i), "RGB", &err),
                0);
            assert_true(pipilo_value_tensor(pixels, &view));
            assert_int_equal(view.shape[1], i == 0 ? 8 : 2);
            assert_int_equal(view.shape[0], i == 0 ? 3 : 40);
            check_pixels(&view, 9, i == 0 ? 1 : 10, i == 0 ? 2 : 0, false);
            pipilo_value_unref(&pixels);
        }
    }
    assert_int_equal(crop("image_crop()", beyond, 1), 0);
    assert_int_equal(code_at(0, 0), PIPILO_EINVALID);
    assert_int_equal(crop("image_crop(clamp=True)", beyond, 1), 0);
    assert_int_equal(code_at(0, 0), 0);
    assert_int_equal(crop("image_crop()", NULL, 0), 0);
    assert_int_equal(pipilo_value_list_count(pipilo_row_value(rows[0], 0)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OPS_TEST(decodes_to_the_bit),
        OPS_TEST(takes_a_picture_in_any_form),
        OPS_TEST(refuses_what_is_no_picture),
        OPS_TEST(resizes_and_crops),
        OPS_TEST(cuts_boxes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
