// image_embedding.timm: vectors from every form of picture, rows together and alone, one load for
// any number of pipelines.
#include <math.h>

#include "helper.h"

#define EMBED(arguments) \
    "pipe.input('p').map('p', 'v', ops.image_embedding.timm(" arguments ")).output('v')"

static void keep(float *out, size_t row)
{
    struct pipilo_tensor view = tensor_at(row, 0);
    assert_int_equal(view.dtype, PIPILO_F32);
    assert_int_equal(view.count, 1);
    assert_int_equal(view.shape[0], 24);
    memcpy(out, view.data, 24 * sizeof(float));
}

static void gives_one_vector_for_any_form(void **state)
{
    (void)state;
    size_t size;
    float by_path[24], other[24];
    pipilo_value *value = NULL;
    const uint8_t *data = bmp(90, 70, 3, &size);
    put("a.bmp", data, size);
    assert_int_equal(run_text(EMBED("'null:24'"), "a.bmp"), 0);
    keep(by_path, 0);
    assert_int_equal(pipilo_value_create_bytes(&value, data, size, &err), 0);
    assert_int_equal(run_values(EMBED("'null:24'"), &value, 1), 0);
    keep(other, 0);
    assert_memory_equal(by_path, other, sizeof other);
    assert_int_equal(pipilo_value_create_image_file(&value, "a.bmp", &err), 0);
    assert_int_equal(run_values(EMBED("model_name='null:24', device='CPU'"), &value, 1), 0);
    keep(other, 0);
    assert_memory_equal(by_path, other, sizeof other);
    // Decoded before, in either order of channels.
    assert_int_equal(run_text("pipe.input('p').map('p', 'i', ops.image_decode.cv2())"
                              ".map('i', 'v', ops.image_embedding.timm('null:24')).output('v')",
                              "a.bmp"),
                     0);
    keep(other, 0);
    assert_memory_equal(by_path, other, sizeof other);
    assert_int_equal(run_text(EMBED("'resnet50', checkpoint_path='null:24'"), "a.bmp"), 0);
    keep(other, 0);
    assert_memory_equal(by_path, other, sizeof other);
}

// Whether a picture is decoded at once (somebody sees it) or later (nobody does), the vector is the
// same and a failure is the decoding node's.
static void decodes_now_or_later(void **state)
{
    (void)state;
    float now[24], later[24];
    const char *texts[] = { "pipe.input('p').map('p', 'i', ops.image_decode.cv2())"
                            ".map('i', 'v', ops.image_embedding.timm('null:24')).output('v', 'i')",
                            "pipe.input('p').map('p', 'i', ops.image_decode.cv2())"
                            ".map('i', 'v', ops.image_embedding.timm('null:24')).output('v')" };
    put_bmp("a.bmp", 90, 70, 3);
    put("text.jpg", "text", 4);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(run_text(texts[i], "a.bmp"), 0);
        keep(i == 0 ? now : later, 0);
        assert_int_equal(run_text(texts[i], "text.jpg"), 0);
        assert_int_equal(code_at(0, 0), PIPILO_EFORMAT);
        assert_string_equal(pipilo_row_error(rows[0])->where, "image_decode.cv2-0");
    }
    assert_memory_equal(now, later, sizeof now);
}

static void a_vector_does_not_depend_on_the_batch(void **state)
{
    (void)state;
    char name[32], text[256];
    float alone[12][24], together[24];
    pipilo_value *names[12] = { NULL }, *list = NULL;
    for (unsigned i = 0; i < 12; i++) {
        snprintf(name, sizeof name, "%u.bmp", i);
        if (i == 5)
            put(name, "text", 4);
        else
            put_bmp(name, 20 + i, 30, i);
        assert_int_equal(pipilo_value_create_string(&names[i], name, &err), 0);
        assert_int_equal(run_text(EMBED("'null:24'"), name), 0);
        if (i != 5)
            keep(alone[i], 0);
    }
    for (int batch = 1; batch <= 8; batch *= 2) {
        assert_int_equal(pipilo_value_create_list(&list, names, 12, &err), 0);
        snprintf(text, sizeof text,
                 "pipe.input('l').flat_map('l', ('s', 'p', 'i'), ops.read_dir())"
                 ".map('p', 'v', ops.image_embedding.timm('null:24', batch=%d)).output('v')",
                 batch);
        assert_int_equal(run_values(text, &list, 1), 0);
        assert_int_equal(row_count, 12);
        for (size_t i = 0; i < 12; i++) {
            assert_int_equal(code_at(i, 0), i == 5 ? PIPILO_EFORMAT : 0);
            if (i == 5)
                continue;
            keep(together, i);
            assert_memory_equal(together, alone[i], sizeof together);
        }
    }
    for (size_t i = 0; i < 12; i++)
        pipilo_value_unref(&names[i]);
}

static void a_list_gives_a_list(void **state)
{
    (void)state;
    pipilo_value *names[5] = { NULL }, *list = NULL;
    float alone[24];
    put_bmp("a.bmp", 50, 60, 1);
    assert_int_equal(run_text(EMBED("'null:24'"), "a.bmp"), 0);
    keep(alone, 0);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(pipilo_value_create_string(&names[i], "a.bmp", &err), 0);
    assert_int_equal(pipilo_value_create_list(&list, names, 5, &err), 0);
    assert_int_equal(run_values(EMBED("'null:24', batch=2"), &list, 1), 0);
    const pipilo_value *vectors = pipilo_row_value(rows[0], 0);
    assert_int_equal(pipilo_value_list_count(vectors), 5);
    for (size_t i = 0; i < 5; i++) {
        struct pipilo_tensor view;
        assert_true(pipilo_value_tensor(pipilo_value_list_item(vectors, i), &view));
        assert_memory_equal(view.data, alone, sizeof alone);
    }
    // One bad picture fails the row it is in.
    pipilo_value_unref(&names[3]);
    assert_int_equal(pipilo_value_create_string(&names[3], "none.bmp", &err), 0);
    assert_int_equal(pipilo_value_create_list(&list, names, 5, &err), 0);
    assert_int_equal(run_values(EMBED("'null:24', batch=2"), &list, 1), 0);
    assert_int_equal(code_at(0, 0), PIPILO_ENOTFOUND);
    assert_int_equal(pipilo_value_create_list(&list, names, 0, &err), 0);
    assert_int_equal(run_values(EMBED("'null:24'"), &list, 1), 0);
    assert_int_equal(pipilo_value_list_count(pipilo_row_value(rows[0], 0)), 0);
    for (size_t i = 0; i < 5; i++)
        pipilo_value_unref(&names[i]);
}

static void normalizes(void **state)
{
    (void)state;
    float plain[24], unit[24], by_op[24];
    double sum = 0;
    put_bmp("a.bmp", 50, 60, 1);
    assert_int_equal(run_text(EMBED("'null:24'"), "a.bmp"), 0);
    keep(plain, 0);
    assert_int_equal(run_text(EMBED("'null:24', normalize=True"), "a.bmp"), 0);
    keep(unit, 0);
    for (const char *const *op = (const char *const[]){ "towhee", "utils", NULL }; *op != NULL;
         op++) {
        char text[256];
        snprintf(text, sizeof text,
                 "pipe.input('p').map('p', 'v', ops.image_embedding.timm('null:24'))"
                 ".map('v', 'v', ops.%s.np_normalize()).output('v')",
                 *op);
        assert_int_equal(run_text(text, "a.bmp"), 0);
        keep(by_op, 0);
        sum = 0;
        for (size_t i = 0; i < 24; i++) {
            assert_true(fabsf(by_op[i] - unit[i]) < 1e-6f);
            sum += (double)by_op[i] * by_op[i];
        }
        assert_true(fabs(sum - 1) < 1e-6);
    }
}

static void takes_tensors_as_they_are(void **state)
{
    (void)state;
    static float input[3 * 224 * 224];
    struct pipilo_tensor view = { PIPILO_F32, 3, { 3, 224, 224 }, input };
    pipilo_value *value = NULL;
    assert_int_equal(pipilo_value_create_tensor(&value, &view, &err), 0);
    assert_int_equal(run_values(EMBED("'null:24', skip_preprocess=True"), &value, 1), 0);
    assert_int_equal(tensor_at(0, 0).shape[0], 24);
    view.shape[0] = 1;
    assert_int_equal(pipilo_value_create_tensor(&value, &view, &err), 0);
    assert_int_equal(run_values(EMBED("'null:24', skip_preprocess=True"), &value, 1), 0);
    assert_int_equal(code_at(0, 0), PIPILO_EINVALID);
}

// What the model sees, made by one step and embedded by another, gives the vector of one step that
// does both; so do the options that change what it sees.
static void preprocesses_as_embedding_does(void **state)
{
    (void)state;
    static const char *const options[] = { "", ", exif='ignore'", ", fast=True" };
    float at_once[24], in_two[24];
    char text[256];
    put_bmp("a.bmp", 300, 260, 3);
    put("text.jpg", "text", 4);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        snprintf(text, sizeof text, EMBED("'null:24'%s"), options[i]);
        assert_int_equal(run_text(text, "a.bmp"), 0);
        keep(at_once, 0);
        snprintf(text, sizeof text,
                 "pipe.input('p').map('p', 't', ops.image_preprocess('null:24'%s))"
                 ".map('t', 'v', ops.image_embedding.timm('null:24', skip_preprocess=True))"
                 ".output('v', 't')",
                 options[i]);
        assert_int_equal(run_text(text, "a.bmp"), 0);
        keep(in_two, 0);
        assert_memory_equal(at_once, in_two, sizeof at_once);
        struct pipilo_tensor tensor = tensor_at(0, 1);
        assert_int_equal(tensor.dtype, PIPILO_F32);
        assert_int_equal(tensor.count, 3);
        assert_int_equal(tensor.shape[0], 3);
        assert_int_equal(tensor.shape[1], 224);
        assert_int_equal(tensor.shape[2], 224);
        assert_int_equal(run_text(text, "text.jpg"), 0);
        assert_int_equal(code_at(0, 0), PIPILO_EFORMAT);
        assert_string_equal(pipilo_row_error(rows[0])->where, "image_preprocess-0");
    }
    assert_int_equal(run_text("pipe.input('p').map('p', 't', ops.image_preprocess('no-model'))"
                              ".output('t')",
                              "a.bmp"),
                     PIPILO_ENOTFOUND);
}

// What is alive once the pool has let the last run go, of which it holds a block for a moment more.
static void settle(struct pipilo_stats *stats, int64_t allocations)
{
    drop_rows();
    pipilo_stats(stats);
    for (int i = 0;
         i < 60000 && (stats->runs + stats->pipelines > 0 || stats->allocations > allocations);
         i++) {
        usleep(1000);
        pipilo_stats(stats);
    }
}

static void loads_once(void **state)
{
    (void)state;
    struct pipilo_stats first = { .struct_size = sizeof first }, last = first;
    put_bmp("a.bmp", 50, 60, 1);
    assert_int_equal(run_text(EMBED("'null:24'"), "a.bmp"), 0);
    settle(&first, INT64_MAX);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(run_text(EMBED("'null:24'"), "a.bmp"), 0);
        drop_rows();
    }
    settle(&last, first.allocations);
    assert_int_equal(last.model_loads, first.model_loads);
    assert_true(last.allocations <= first.allocations);
    assert_int_equal(last.values, 0);
    assert_int_equal(last.images, 0);
    assert_int_equal(last.pipelines, 0);
    assert_int_equal(last.runs, 0);
}

static void refuses_bad_arguments(void **state)
{
    (void)state;
    assert_true(run_text(EMBED(""), "a.bmp") < 0);
    assert_int_equal(err.code, PIPILO_EPIPELINE);
    assert_int_equal(run_text(EMBED("'no-such-model'"), "a.bmp"), PIPILO_ENOTFOUND);
    assert_int_equal(run_text(EMBED("'null:24', device='TPU'"), "a.bmp"), PIPILO_ENOTFOUND);
    assert_int_equal(run_text(EMBED("'null:24', precision='f8'"), "a.bmp"), PIPILO_EPIPELINE);
    assert_int_equal(run_text(EMBED("'null:24', batch=-1"), "a.bmp"), PIPILO_EPIPELINE);
    assert_int_equal(run_text(EMBED("'null:24', exiff='apply'"), "a.bmp"), PIPILO_EPIPELINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OPS_TEST(gives_one_vector_for_any_form),
        OPS_TEST(decodes_now_or_later),
        OPS_TEST(a_vector_does_not_depend_on_the_batch),
        OPS_TEST(a_list_gives_a_list),
        OPS_TEST(normalizes),
        OPS_TEST(takes_tensors_as_they_are),
        OPS_TEST(preprocesses_as_embedding_does),
        OPS_TEST(loads_once),
        OPS_TEST(refuses_bad_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
