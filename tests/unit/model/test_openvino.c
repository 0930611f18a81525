// test_openvino.c: the real engine on the real model, where both were fetched (PIPILO_DEPS): the
// same bytes over every batch, stream and place, and what it says of what does not fit.
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/budget.h"
#include "core/live.h"
#include "helper.h"
#include "model/compiled/compiled.h"
#include "model/compiled/compiled_cache.h"
#include "model/engine.h"
#include "model/import.h"
#include "model/model.h"

static char model_folder[512], folder[256];

static bool there(void)
{
    const char *deps = getenv("PIPILO_DEPS");
    if (deps == NULL)
        return false;
    snprintf(model_folder, sizeof model_folder, "%s/models/efficientnet-lite0", deps);
    return access(model_folder, R_OK) == 0 && plo_model_devices(NULL, folder, 64, NULL) == 0;
}

static struct plo_model *open_model(struct plo_model_options options)
{
    struct plo_model *model = NULL;
    struct pipilo_error err = { 0 };
    if (plo_model_open(&model, model_folder, &options, &err) < 0)
        fail_msg("%s", err.message);
    return model;
}

enum { ROWS = 6, DIM = 1280 };

static float *make_input(void)
{
    size_t count = (size_t)ROWS * 3 * 224 * 224;
    float *input = plo_alloc_aligned(count * sizeof *input);
    unsigned seed = 1;
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        input[i] = (float)(seed >> 24) / 128.0f - 1.0f;
    }
    return input;
}

static void vectors_are_the_same_everywhere(void **state)
{
    (void)state;
    float *input = make_input(), wanted[ROWS * DIM], output[ROWS * DIM];
    size_t floats = 3 * 224 * 224;
    static const struct plo_model_options layouts[] = {
        { .streams = 1, .threads = 1 },
        { .streams = 2, .threads = 2 },
        { .streams = 1, .threads = 2 },
        { .streams = 2, .threads = 2, .batch = 4 },
    };
    for (size_t i = 0; i < PLO_COUNT(layouts); i++) {
        struct plo_model *model = open_model(layouts[i]);
        assert_int_equal(plo_model_dim(model), DIM);
        assert_int_equal(plo_model_input_floats(model), floats);
        assert_int_equal(plo_model_embed(model, input, ROWS, output, NULL), 0);
        if (i == 0)
            memcpy(wanted, output, sizeof wanted);
        assert_memory_equal(output, wanted, sizeof wanted);
        // Alone, out of order, and twice.
        for (size_t row = ROWS; row-- > 0;) {
            assert_int_equal(plo_model_embed(model, input + row * floats, 1, output, NULL), 0);
            assert_memory_equal(output, wanted + row * DIM, DIM * sizeof *output);
        }
        assert_true(plo_model_bytes(model) > 0);
        plo_model_unref(&model);
        plo_model_cache_drop();
        assert_int_equal(plo_budget_used(), 0);
    }
    plo_free(input);
}

static void names_what_does_not_fit(void **state)
{
    (void)state;
    static const struct {
        const char *output, *input;
        int size, dim, code;
        const char *message;
    } cases[] = {
        { "embeding", "input", 224, 1280, PIPILO_EMODEL,
          "no output 'embeding' (did you mean embedding); it has embedding, logits" },
        { "embedding", "pixels", 224, 1280, PIPILO_EMODEL, "the card's input is 'pixels'" },
        { "embedding", "input", 192, 1280, PIPILO_EMODEL,
          "input 'input' is f32 [n, 3, 224, 224], the card gives f32 [n, 3, 192, 192]" },
        { "logits", "input", 224, 1280, PIPILO_EMODEL, "output 'logits' is [1, 1000]" },
        { "logits", "input", 224, 1000, 0, "" },
    };
    char path[600], text[700];
    snprintf(path, sizeof path, "%s/model.onnx", model_folder);
    make_folder(folder);
    char link_path[300];
    snprintf(link_path, sizeof link_path, "%s/model.onnx", folder);
    assert_int_equal(symlink(path, link_path), 0);
    for (size_t i = 0; i < PLO_COUNT(cases); i++) {
        snprintf(text, sizeof text,
                 "{\"name\":\"t\",\"task\":\"image_embedding\",\"file\":\"model.onnx\","
                 "\"input\":{\"name\":\"%s\"},\"preprocess\":{\"resize\":{\"mode\":\"exact\","
                 "\"size\":%d},\"mean\":[0,0,0],\"std\":[1,1,1]},"
                 "\"output\":{\"name\":\"%s\",\"dim\":%d}}",
                 cases[i].input, cases[i].size, cases[i].output, cases[i].dim);
        write_text(folder, "model.json", text);
        struct plo_model *model = NULL;
        struct pipilo_error err = { 0 };
        assert_int_equal(plo_model_open(&model, folder, NULL, &err), cases[i].code);
        assert_message(err, cases[i].code, cases[i].message);
        plo_model_unref(&model);
    }
    struct plo_model *model = NULL;
    struct pipilo_error err = { 0 };
    struct plo_model_options options = { .device = "NPU7" };
    assert_int_equal(plo_model_open(&model, model_folder, &options, &err), PIPILO_ENOTFOUND);
    assert_message(err, PIPILO_ENOTFOUND, "there is no device 'NPU7'; there is CPU");
    plo_budget_set(20 << 20);
    assert_int_equal(plo_model_open(&model, model_folder, NULL, &err), PIPILO_EBUDGET);
    plo_budget_set(0);
    plo_install_remove(folder);
}

static void imports(void **state)
{
    (void)state;
    static const char config[] =
        "{\"image_processor_type\":\"CLIPImageProcessor\",\"size\":{\"shortest_edge\":224},"
        "\"crop_size\":{\"height\":224,\"width\":224},\"image_mean\":[0.5,0.5,0.5],"
        "\"image_std\":[0.5,0.5,0.5]}";
    char path[300], onnx[600], *made = NULL;
    make_folder(folder);
    snprintf(onnx, sizeof onnx, "%s/model.onnx", model_folder);
    write_text(folder, "preprocessor_config.json", config);
    snprintf(path, sizeof path, "%s/preprocessor_config.json", folder);
    struct plo_import_options options = { .home = folder, .name = "x", .config = path };
    struct pipilo_error err = { 0 };
    if (plo_model_import(&made, onnx, &options, &err) < 0)
        fail_msg("%s", err.message);
    struct plo_model *model = NULL;
    assert_int_equal(plo_model_open(&model, made, NULL, &err), 0);
    const struct plo_card *card = plo_model_card(model);
    assert_string_equal(card->name, "x");
    assert_string_equal(card->output.name, "embedding"); // of several, by its usual name
    assert_int_equal(card->output.dim, DIM);
    assert_int_equal(card->preprocess.width, 224);
    assert_int_equal(card->preprocess.crop_rounding, PLO_CROP_FLOOR);
    assert_int_equal(strlen(card->sha256), 64);
    plo_model_unref(&model);
    plo_free(made);
    assert_int_equal(plo_model_import(&made, onnx, &options, &err), PIPILO_EEXISTS);
    options.force = true;
    options.output = "logits";
    assert_int_equal(plo_model_import(&made, onnx, &options, &err), 0);
    plo_free(made);
    options.crop_width = 200;
    assert_int_equal(plo_model_import(&made, onnx, &options, &err), PIPILO_EMODEL);
    assert_message(err, PIPILO_EMODEL,
                   "pictures come out as 200 x 200 (height x width), the model "
                   "takes 224 x 224");
    write_text(folder, "bad/model.onnx", "this is no model");
    snprintf(onnx, sizeof onnx, "%s/bad", folder);
    assert_int_equal(plo_model_import(&made, onnx, &options, &err), PIPILO_EMODEL);
    plo_install_remove(folder);
}

static void a_child_opens_its_own(void **state)
{
    (void)state;
    struct plo_model_options options = { .streams = 1, .threads = 1 };
    struct plo_model *model = open_model(options);
    float *input = make_input(), here[DIM];
    assert_int_equal(plo_model_embed(model, input, 1, here, NULL), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        float output[DIM];
        struct plo_model *own = NULL;
        plo_model_unref(&model);
        int bad = plo_model_open(&own, model_folder, &options, NULL) != 0;
        bad |= own == NULL || plo_model_embed(own, input, 1, output, NULL) != 0;
        bad |= memcmp(here, output, sizeof here) != 0;
        _exit(bad);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    plo_free(input);
    plo_model_unref(&model);
}

// Opens, embeds and drops everything; gives whether the model came from the cache.
static bool embeds_from_cache(struct plo_model_options options, const float *input, float *output)
{
    int64_t hits = plo_compiled_hits();
    struct plo_model *model = open_model(options);
    assert_int_equal(plo_model_embed(model, (float *)(uintptr_t)input, ROWS, output, NULL), 0);
    plo_model_unref(&model);
    plo_model_cache_drop();
    return plo_compiled_hits() > hits;
}

static void the_cache_changes_no_bit(void **state)
{
    (void)state;
    static const struct plo_model_options layouts[] = {
        { .streams = 2, .threads = 2 },
        { .streams = 1, .threads = 2, .batch = 4 },
        { .streams = 2, .threads = 2, .precision = PLO_PRECISION_BF16 },
    };
    float *input = make_input(), fresh[ROWS * DIM], kept[ROWS * DIM];
    const struct plo_engine *engine;
    assert_int_equal(plo_engine_find(&engine, NULL, NULL), 0);
    make_folder(folder);
    for (size_t i = 0; i < PLO_COUNT(layouts); i++) {
        if (layouts[i].precision == PLO_PRECISION_BF16 && !engine->has_bf16("CPU"))
            continue;
        setenv("PIPILO_CACHE", "0", 1);
        assert_false(embeds_from_cache(layouts[i], input, fresh));
        setenv("PIPILO_CACHE", folder, 1);
        assert_false(embeds_from_cache(layouts[i], input, kept));
        assert_memory_equal(kept, fresh, sizeof fresh);
        memset(kept, 0, sizeof kept);
        assert_true(embeds_from_cache(layouts[i], input, kept));
        assert_memory_equal(kept, fresh, sizeof fresh);
    }
    setenv("PIPILO_CACHE", "0", 1);
    assert_null(plo_compiled_cache_trouble());
    plo_install_remove(folder);
    plo_free(input);
}

static void loads_and_drops_leave_nothing(void **state)
{
    (void)state;
    struct plo_model_options options = { .streams = 1, .threads = 1 };
    for (int i = 0; i < 3; i++) {
        struct plo_model *model = open_model(options);
        plo_model_unref(&model);
        plo_model_cache_drop();
    }
    assert_int_equal(plo_live_count(PLO_LIVE_MODEL), 0);
    assert_int_equal(plo_alloc_live(), 0);
    assert_int_equal(plo_budget_used(), 0);
}

int main(void)
{
    if (!there()) {
        print_message("skipped: no OpenVINO or no model in PIPILO_DEPS\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_are_the_same_everywhere),
        cmocka_unit_test(names_what_does_not_fit),
        cmocka_unit_test(imports),
        cmocka_unit_test(a_child_opens_its_own),
        cmocka_unit_test(the_cache_changes_no_bit),
        cmocka_unit_test(loads_and_drops_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
