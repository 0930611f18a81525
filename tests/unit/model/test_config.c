// test_config.c: others' configuration files, and what their own code makes of them.
#include "helper.h"
#include "model/config.h"

static int parse(struct plo_card *card, const char *text, struct pipilo_error *err)
{
    *card = (struct plo_card){ .preprocess = PLO_PREPROCESS_INIT };
    *err = (struct pipilo_error){ 0 };
    return plo_config_parse(card, text, strlen(text), err);
}

#define VALUES "\"image_mean\":[0.5,0.5,0.5],\"image_std\":[0.25,0.5,0.5]"

static void hugging_face(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct plo_preprocess wanted;
    } cases[] = {
        // ViT squashes; a plain number is both sides; its default filter is bilinear.
        { "{\"image_processor_type\":\"ViTImageProcessor\",\"size\":224," VALUES "}",
          { .mode = PLO_RESIZE_EXACT,
            .width = 224,
            .height = 224,
            .filter = PLO_FILTER_BILINEAR } },
        { "{\"feature_extractor_type\":\"ViTFeatureExtractor\",\"resample\":3,"
          "\"size\":{\"height\":384,\"width\":320}," VALUES "}",
          { .mode = PLO_RESIZE_EXACT, .width = 320, .height = 384, .filter = PLO_FILTER_BICUBIC } },
        // CLIP keeps the aspect and crops; a plain number is the shortest edge.
        { "{\"image_processor_type\":\"CLIPImageProcessor\",\"size\":224,\"crop_size\":224," VALUES
          "}",
          { .mode = PLO_RESIZE_SHORTEST_EDGE,
            .width = 224,
            .height = 224,
            .crop_width = 224,
            .crop_height = 224 } },
        { "{\"image_processor_type\":\"CLIPImageProcessorFast\",\"size\":{\"shortest_edge\":224},"
          "\"crop_size\":{\"height\":200,\"width\":210},\"resample\":1," VALUES "}",
          { .mode = PLO_RESIZE_SHORTEST_EDGE,
            .width = 224,
            .height = 224,
            .crop_width = 210,
            .crop_height = 200,
            .filter = PLO_FILTER_LANCZOS } },
        // DINOv2.
        { "{\"image_processor_type\":\"BitImageProcessor\",\"size\":{\"shortest_edge\":256},"
          "\"crop_size\":{\"height\":224,\"width\":224},\"resample\":3," VALUES "}",
          { .mode = PLO_RESIZE_SHORTEST_EDGE,
            .width = 256,
            .height = 256,
            .crop_width = 224,
            .crop_height = 224 } },
        // ConvNext: below 384 pixels a crop of int(224 / 0.875), from 384 on squashed.
        { "{\"feature_extractor_type\":\"ConvNextFeatureExtractor\",\"crop_pct\":0.875,"
          "\"size\":{\"shortest_edge\":224}," VALUES "}",
          { .mode = PLO_RESIZE_SHORTEST_EDGE,
            .width = 256,
            .height = 256,
            .crop_width = 224,
            .crop_height = 224 } },
        { "{\"image_processor_type\":\"ConvNextImageProcessor\",\"size\":{\"shortest_edge\":384},"
          "\"crop_pct\":null," VALUES "}",
          { .mode = PLO_RESIZE_EXACT, .width = 384, .height = 384 } },
        { "{\"image_processor_type\":\"SiglipImageProcessor\",\"size\":{\"height\":224,"
          "\"width\":224},\"resample\":2," VALUES "}",
          { .mode = PLO_RESIZE_EXACT,
            .width = 224,
            .height = 224,
            .filter = PLO_FILTER_BILINEAR } },
    };
    for (size_t i = 0; i < PLO_COUNT(cases); i++) {
        struct plo_card card;
        struct pipilo_error err;
        if (parse(&card, cases[i].text, &err) < 0)
            fail_msg("%s: %s", cases[i].text, err.message);
        const struct plo_preprocess *p = &card.preprocess, *w = &cases[i].wanted;
        assert_int_equal(p->mode, w->mode);
        assert_int_equal(p->width, w->width);
        assert_int_equal(p->height, w->height);
        assert_int_equal(p->filter, w->filter);
        assert_int_equal(p->crop_width, w->crop_width);
        assert_int_equal(p->crop_height, w->crop_height);
        assert_int_equal(p->crop_rounding, PLO_CROP_FLOOR);
        assert_true(p->scale == 1.0 / 255.0);
        assert_true(p->mean[0] == 0.5 && p->std[0] == 0.25);
    }
}

static void hugging_face_values(void **state)
{
    (void)state;
    struct plo_card card;
    struct pipilo_error err;
    // EfficientNet with include_top (the default) divides by std once more.
    assert_int_equal(parse(&card,
                           "{\"image_processor_type\":\"EfficientNetImageProcessor\",\"size\":224,"
                           "\"resample\":2," VALUES "}",
                           &err),
                     0);
    assert_true(card.preprocess.std[0] == 0.0625);
    assert_int_equal(parse(&card,
                           "{\"image_processor_type\":\"ViTImageProcessor\",\"size\":224,"
                           "\"do_normalize\":false,\"rescale_factor\":0.5}",
                           &err),
                     0);
    assert_true(card.preprocess.scale == 0.5 && card.preprocess.std[0] == 1);
    assert_int_equal(parse(&card,
                           "{\"image_processor_type\":\"ViTImageProcessor\",\"size\":224,"
                           "\"do_rescale\":false,\"do_flip_channel_order\":true," VALUES "}",
                           &err),
                     0);
    assert_true(card.preprocess.scale == 1);
    assert_int_equal(card.preprocess.color, PLO_COLOR_BGR);
}

static void timm(void **state)
{
    (void)state;
    struct plo_card card;
    struct pipilo_error err;
    static const char format[] =
        "{\"architecture\":\"x\",\"num_features\":1280,\"pretrained_cfg\":{\"input_size\":[3,%s],"
        "\"interpolation\":\"%s\",\"crop_pct\":%s,\"crop_mode\":\"%s\",\"license\":\"mit\","
        "\"mean\":[0.485,0.456,0.406],\"std\":[0.229,0.224,0.225]}}";
    char text[600];
    snprintf(text, sizeof text, format, "224,224", "bicubic", "0.9", "center");
    assert_int_equal(parse(&card, text, &err), 0);
    assert_int_equal(card.preprocess.mode, PLO_RESIZE_SHORTEST_EDGE);
    assert_int_equal(card.preprocess.width, 248); // floor(224 / 0.9)
    assert_int_equal(card.preprocess.crop_width, 224);
    assert_int_equal(card.preprocess.crop_rounding, PLO_CROP_HALF_EVEN);
    assert_int_equal(card.output.dim, 1280);
    assert_string_equal(card.license, "mit");
    snprintf(text, sizeof text, format, "384,320", "bilinear", "1.0", "squash");
    assert_int_equal(parse(&card, text, &err), 0);
    assert_int_equal(card.preprocess.mode, PLO_RESIZE_EXACT);
    assert_int_equal(card.preprocess.height, 384);
    assert_int_equal(card.preprocess.width, 320);
    snprintf(text, sizeof text, format, "224,224", "lanczos", "0.875", "border");
    assert_int_equal(parse(&card, text, &err), 0);
    assert_int_equal(card.preprocess.mode, PLO_RESIZE_LONGEST_EDGE);
    assert_true(card.preprocess.pad);
    assert_int_equal(card.preprocess.pad_color[0], 124); // round(255 * 0.485)
    snprintf(text, sizeof text, format, "384,320", "bicubic", "0.9", "center");
    assert_int_equal(parse(&card, text, &err), PIPILO_EMODEL);
}

static void refuses_what_it_cannot_do(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        { "{\"image_processor_type\":\"ViTImageProcessor\",\"size\":224,\"resample\":0," VALUES "}",
          "resample: filter 0 (nearest) is not there" },
        { "{\"image_processor_type\":\"OwlViTImageProcessor\",\"size\":224," VALUES "}",
          "'OwlViTImageProcessor' is none of ViT, CLIP" },
        { "{\"image_processor_type\":\"CLIPImageProcessor\",\"size\":{\"longest_edge\":9}," VALUES
          "}",
          "size.longest_edge" },
        { "{\"image_processor_type\":\"ViTImageProcessor\",\"size\":224}", "image_mean" },
        { "{\"image_processor_type\":\"ViTImageProcessor\",\"size\":224.5," VALUES "}",
          "size: expected a size in pixels" },
        { "{\"image_processor_type\":\"ViTImageProcessor\",\"size\":224,"
          "\"image_mean\":[0.5,0.5,0.5],\"image_std\":[0,0.5,0.5]}",
          "cannot be done" },
        { "{\"model_type\":\"vit\",\"hidden_size\":768}", "preprocessor_config.json does" },
        { "{}", "image_processor_type: is required" },
        { "nonsense", "no valid JSON" },
    };
    for (size_t i = 0; i < PLO_COUNT(cases); i++) {
        struct plo_card card;
        struct pipilo_error err;
        assert_int_equal(parse(&card, cases[i].text, &err), PIPILO_EMODEL);
        assert_message(err, PIPILO_EMODEL, cases[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hugging_face),
        cmocka_unit_test(hugging_face_values),
        cmocka_unit_test(timm),
        cmocka_unit_test(refuses_what_it_cannot_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
