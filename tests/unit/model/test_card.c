// test_card.c: cards are read back as written, and each mistake is named by its path.
#include "helper.h"
#include "model/card.h"

static const char good[] =
    "{\"name\":\"m\",\"task\":\"image_embedding\",\"file\":\"model.onnx\","
    "\"sha256\":\"c35aebb3824e275da7238c9420f181f77f9c11a7a2f3906e81b4fcd3baa2c92a\","
    "\"license\":\"Apache-2.0\",\"source\":\"here\","
    "\"input\":{\"name\":\"in\",\"layout\":\"nhwc\",\"dtype\":\"f32\"},"
    "\"preprocess\":{\"resize\":{\"mode\":\"exact\",\"size\":[240,320],\"filter\":\"lanczos\"},"
    "\"crop\":[200,224],\"crop_rounding\":\"floor\",\"pad\":[1,2,3],\"color\":\"bgr\","
    "\"scale\":0.00392156862745098,\"mean\":[0.1,0.2,0.3],\"std\":[1,2,3.5]},"
    "\"output\":{\"name\":\"out\",\"pool\":\"token0\",\"dim\":384,\"normalize\":true},"
    "\"precision\":{\"bf16\":{\"worst_cosine\":0.9991,\"mean_cosine\":0.9999,\"pictures\":64,"
    "\"speed\":1.75}}}";

// The good card with `from` replaced by `to`.
static int parse_with(struct plo_card *card, const char *from, const char *to,
                      struct pipilo_error *err)
{
    char text[2048];
    const char *at = strstr(good, from);
    assert_non_null(at);
    int length =
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
    *err = (struct pipilo_error){ 0 };
    return plo_card_parse(card, text, (size_t)length, err);
}

static void reads_every_field(void **state)
{
    (void)state;
    struct plo_card c;
    struct pipilo_error err = { 0 };
    assert_int_equal(plo_card_parse(&c, good, strlen(good), &err), 0);
    assert_string_equal(c.name, "m");
    assert_string_equal(c.input.name, "in");
    assert_int_equal(c.preprocess.layout, PLO_LAYOUT_NHWC);
    assert_int_equal(c.preprocess.mode, PLO_RESIZE_EXACT);
    assert_int_equal(c.preprocess.width, 320);
    assert_int_equal(c.preprocess.height, 240);
    assert_int_equal(c.preprocess.filter, PLO_FILTER_LANCZOS);
    assert_int_equal(c.preprocess.crop_width, 224);
    assert_int_equal(c.preprocess.crop_height, 200);
    assert_int_equal(c.preprocess.crop_rounding, PLO_CROP_FLOOR);
    assert_int_equal(c.preprocess.color, PLO_COLOR_BGR);
    assert_int_equal(c.preprocess.pad_color[2], 3);
    assert_true(c.preprocess.std[2] == 3.5);
    assert_int_equal(c.output.pool, PLO_POOL_TOKEN0);
    assert_int_equal(c.output.dim, 384);
    assert_true(c.output.normalize);
    assert_int_equal(c.bf16.pictures, 64);
    assert_true(c.bf16.speed == 1.75);
}

static void writes_what_it_reads(void **state)
{
    (void)state;
    struct plo_card a, b;
    struct pipilo_error err = { 0 };
    assert_int_equal(plo_card_parse(&a, good, strlen(good), &err), 0);
    struct plo_str first = PLO_STR_INIT, second = PLO_STR_INIT;
    plo_card_format(&a, &first);
    assert_int_equal(plo_card_parse(&b, first.data, first.length, &err), 0);
    plo_card_format(&b, &second);
    assert_string_equal(first.data, second.data);
    assert_true(a.preprocess.scale == b.preprocess.scale);
    assert_true(a.preprocess.mean[0] == b.preprocess.mean[0]);
    plo_str_reset(&first);
    plo_str_reset(&second);
}

static void names_every_mistake(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *message;
    } cases[] = {
        { "\"lanczos\"", "\"bicubc\"",
          "preprocess.resize.filter: 'bicubc' is none of bicubic, bilinear, lanczos (did you mean "
          "bicubic)" },
        { "\"crop\":", "\"corp\":", "preprocess.corp: no such field (did you mean crop)" },
        { "\"layout\"", "\"blabla\"", "input.blabla: no such field in input" },
        { "\"dim\":384", "\"dim\":0", "output.dim: 0 is not between 1 and 65536" },
        { "\"dim\":384", "\"dim\":\"x\"", "output.dim: expected a whole number, found a string" },
        { "[240,320]", "[240]", "preprocess.resize.size: expected [height, width]" },
        { "[240,320]", "0", "preprocess.resize.size: 0 is not between 1 and 65536" },
        { "[0.1,0.2,0.3]", "[0.1,0.2]", "preprocess.mean: expected three numbers" },
        { "[1,2,3.5]", "[1,0,1]", "std" },
        { "\"file\":\"model.onnx\"", "\"file\":\"../x.onnx\"",
          "file: '../x.onnx' is no file name" },
        { "c35a", "C35A", "sha256: expected 64 lower-case hex digits" },
        { "\"name\":\"m\"", "\"name\":\"a/b\"", "name: 'a/b' may hold" },
        { "image_embedding", "speech", "task: 'speech'" },
        { "\"f32\"", "\"f16\"", "input.dtype: 'f16' is none of f32" },
        { "0.9991", "7", "precision.bf16" },
        { "1.75", "-1", "precision.bf16.speed" },
        { "\"token0\"", "null,\"x\":1", "output.x: no such field" },
        { "\"input\":{\"name\":\"in\"", "\"input\":{\"nom\":\"in\"", "input.nom" },
        { "{\"name\":\"m\"", "[{\"name\":\"m\"", "the model card is no valid JSON: line 1" },
        { "[1,2,3]", "[1,2,300]", "preprocess.pad: each part" },
    };
    for (size_t i = 0; i < PLO_COUNT(cases); i++) {
        struct plo_card card;
        struct pipilo_error err;
        assert_int_equal(parse_with(&card, cases[i].from, cases[i].to, &err), PIPILO_EMODEL);
        assert_message(err, PIPILO_EMODEL, cases[i].message);
    }
}

static void refuses_pictures_of_no_fixed_size(void **state)
{
    (void)state;
    struct plo_card card;
    struct pipilo_error err;
    parse_with(&card, "\"crop\":[200,224]", "\"crop\":null", &err);
    assert_int_equal(card.preprocess.crop_width, 0); // exact: the size is known
    assert_int_equal(err.code, 0);
    assert_int_equal(parse_with(&card,
                                "\"mode\":\"exact\",\"size\":[240,320],\"filter\":\"lanczos\"},"
                                "\"crop\":[200,224]",
                                "\"mode\":\"shortest_edge\",\"size\":224},\"crop\":null", &err),
                     PIPILO_EMODEL);
    assert_message(err, PIPILO_EMODEL, "different sizes");
}

static void refuses_deep_and_double(void **state)
{
    (void)state;
    struct plo_card card;
    struct pipilo_error err = { 0 };
    char deep[200];
    memset(deep, '[', sizeof deep);
    assert_int_equal(plo_card_parse(&card, deep, sizeof deep, &err), PIPILO_EMODEL);
    assert_message(err, PIPILO_EMODEL, "brackets within brackets");
    const char twice[] = "{\"name\":\"a\",\"name\":\"b\"}";
    assert_int_equal(plo_card_parse(&card, twice, strlen(twice), &err), PIPILO_EMODEL);
}

static void files_have_a_ceiling(void **state)
{
    (void)state;
    char folder[256], path[300];
    make_folder(folder);
    char *big = plo_alloc0(1, PLO_CARD_CEILING + 10);
    memset(big, ' ', PLO_CARD_CEILING + 9);
    write_text(folder, "model.json", big);
    plo_free(big);
    snprintf(path, sizeof path, "%s/model.json", folder);
    struct plo_card card;
    struct pipilo_error err = { 0 };
    assert_int_equal(plo_card_read(&card, path, &err), PIPILO_ELIMIT);
    snprintf(path, sizeof path, "%s/none.json", folder);
    assert_int_equal(plo_card_read(&card, path, &err), PIPILO_ENOTFOUND);
    plo_install_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_field),
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(names_every_mistake),
        cmocka_unit_test(refuses_pictures_of_no_fixed_size),
        cmocka_unit_test(refuses_deep_and_double),
        cmocka_unit_test(files_have_a_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
