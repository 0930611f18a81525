// test_resolve.c: what `-m` finds, and what it says where it finds nothing.
#include <unistd.h>

#include "helper.h"
#include "model/resolve.h"

static const char card_format[] =
    "{\"name\":\"%s\",\"task\":\"image_embedding\",\"file\":\"%s\",\"input\":{\"name\":\"in\"},"
    "\"preprocess\":{\"resize\":{\"mode\":\"exact\",\"size\":32},\"mean\":[0,0,0],"
    "\"std\":[1,1,1]},\"output\":{\"name\":\"out\",\"dim\":8}}";

static char folder[256];

static void write_card(const char *path, const char *name, const char *file)
{
    char text[600];
    snprintf(text, sizeof text, card_format, name, file);
    write_text(folder, path, text);
}

static int set_up(void **state)
{
    (void)state;
    make_folder(folder);
    setenv("PIPILO_HOME", folder, 1);
    write_card("models/resnet50/model.json", "resnet50", "model.onnx");
    write_card("models/clip/model.json", "clip", "model.onnx");
    write_card("models/.pull-x/model.json", "x", "model.onnx");
    write_text(folder, "models/stray/readme", "x");
    write_card("here/model.json", "here", "w.onnx");
    write_text(folder, "here/w.onnx", "x");
    write_card("bare/a.json", "a", "a.onnx");
    write_text(folder, "bare/a.onnx", "x");
    write_text(folder, "bare/b.onnx", "x");
    write_text(folder, "none/c.onnx", "x");
    return chdir(folder);
}

static int tear_down(void **state)
{
    (void)state;
    plo_install_remove(folder);
    return 0;
}

static void found(const char *spec, const char *name, const char *onnx)
{
    struct plo_model_files files;
    struct pipilo_error err = { 0 };
    if (plo_model_resolve(&files, spec, &err) < 0)
        fail_msg("%s: %s", spec, err.message);
    assert_string_equal(files.card.name, name);
    assert_string_equal(files.onnx_path + strlen(files.onnx_path) - strlen(onnx), onnx);
    plo_model_files_reset(&files);
}

static void finds(void **state)
{
    (void)state;
    char path[300];
    found("resnet50", "resnet50", "/models/resnet50/model.onnx");
    found("./here", "here", "./here/w.onnx");
    found("here/", "here", "here/w.onnx");
    snprintf(path, sizeof path, "%s/here", folder);
    found(path, "here", "/here/w.onnx");
    found("bare/a.onnx", "a", "bare/a.onnx");
    found("here/w.onnx", "here", "here/w.onnx");
}

static void lost(const char *spec, int code, const char *message)
{
    struct plo_model_files files;
    struct pipilo_error err = { 0 };
    assert_int_equal(plo_model_resolve(&files, spec, &err), code);
    assert_message(err, code, message);
}

static void names_the_nearest(void **state)
{
    (void)state;
    lost("resnet5", PIPILO_ENOTFOUND, "(did you mean resnet50); there are clip, resnet50");
    lost("zzzzzz", PIPILO_ENOTFOUND, "there are clip, resnet50");
    lost("bare/b.onnx", PIPILO_ENOTFOUND, "neither b.json nor model.json lies beside it");
    lost("bare/x.onnx", PIPILO_ENOTFOUND, "no such file");
    lost("./nowhere", PIPILO_ENOTFOUND, "no such folder");
    lost("./none", PIPILO_ENOTFOUND, "holds no model.json");
    lost("", PIPILO_EINVALID, "empty");
    lost("../x", PIPILO_ENOTFOUND, "no such folder");
}

static void a_card_of_another_file(void **state)
{
    (void)state;
    write_card("other/model.json", "o", "other.onnx");
    write_text(folder, "other/mine.onnx", "x");
    lost("other/mine.onnx", PIPILO_EMODEL, "is the card of other.onnx, not of mine.onnx");
}

static void lists(void **state)
{
    (void)state;
    char **names = NULL;
    assert_int_equal(plo_model_names(&names, NULL), 0);
    assert_string_equal(names[0], "clip");
    assert_string_equal(names[1], "resnet50");
    assert_null(names[2]);
    plo_model_names_free(names);
    assert_int_equal(plo_alloc_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds),
        cmocka_unit_test(names_the_nearest),
        cmocka_unit_test(a_card_of_another_file),
        cmocka_unit_test(lists),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
