// Pictures as values: lazy until somebody asks, and then right.
#include "../ops/helper.h"

static void a_file_is_read_when_it_is_asked_for(void **state)
{
    (void)state;
    pipilo_value *image = NULL, *pixels = NULL;
    struct pipilo_image_info info = { .struct_size = sizeof info };
    struct pipilo_tensor view;
    assert_int_equal(pipilo_value_create_image_file(&image, "late.bmp", &err), 0);
    assert_int_equal(pipilo_value_kind(image), PIPILO_IMAGE);
    assert_int_equal(pipilo_value_image_info(&info, image, &err), PIPILO_ENOTFOUND);
    pipilo_value_unref(&image);
    put_bmp("late.bmp", 12, 7, 3);
    assert_int_equal(pipilo_value_create_image_file(&image, "late.bmp", &err), 0);
    assert_int_equal(pipilo_value_image_info(&info, image, &err), 0);
    assert_int_equal(info.width, 12);
    assert_int_equal(info.height, 7);
    assert_int_equal(info.orientation, 1);
    assert_string_equal(info.format, "bmp");
    assert_string_equal(info.path, "late.bmp");
    assert_int_equal(pipilo_value_image_pixels(&pixels, image, NULL, &err), 0);
    assert_true(pipilo_value_tensor(pixels, &view));
    assert_int_equal(view.dtype, PIPILO_U8);
    assert_int_equal(view.shape[0], 7);
    assert_int_equal(view.shape[1], 12);
    uint8_t rgb[3];
    color(3, 5, 2, rgb);
    assert_memory_equal((const uint8_t *)view.data + 3 * (2 * 12 + 5), rgb, 3);
    pipilo_value_unref(&pixels);
    assert_int_equal(pipilo_value_image_pixels(&pixels, image, "CMYK", &err), PIPILO_EINVALID);
    pipilo_value_unref(&image);
}

static void bytes_are_copied(void **state)
{
    (void)state;
    size_t size;
    pipilo_value *image = NULL;
    struct pipilo_image_info info = { .struct_size = offsetof(struct pipilo_image_info, format) };
    uint8_t *copy = malloc(4096);
    const uint8_t *data = bmp(9, 8, 1, &size);
    memcpy(copy, data, size);
    assert_int_equal(pipilo_value_create_image(&image, copy, size, &err), 0);
    memset(copy, 0, size);
    free(copy);
    info.format = "untouched";
    assert_int_equal(pipilo_value_image_info(&info, image, &err), 0);
    assert_int_equal(info.width, 9);
    assert_string_equal(info.format, "untouched");
    assert_true(pipilo_value_size(image) >= size);
    pipilo_value_unref(&image);
}

static void other_values_are_no_images(void **state)
{
    (void)state;
    pipilo_value *text = NULL, *pixels = NULL;
    struct pipilo_image_info info = { .struct_size = sizeof info };
    assert_int_equal(pipilo_value_create_string(&text, "a.bmp", &err), 0);
    assert_int_equal(pipilo_value_image_info(&info, text, &err), PIPILO_EINVALID);
    assert_int_equal(pipilo_value_image_pixels(&pixels, text, NULL, &err), PIPILO_EINVALID);
    pipilo_value_unref(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OPS_TEST(a_file_is_read_when_it_is_asked_for),
        OPS_TEST(bytes_are_copied),
        OPS_TEST(other_values_are_no_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
