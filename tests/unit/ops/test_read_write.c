// read_dir and write_*: one row an input, in order, the bad ones too; what an update passes over;
// nothing left of a run that was stopped.
#include <math.h>

#include "helper.h"

// embed's own pipeline: `read` and `write` are the operators' calls.
static int embed(const char *read, const char *write, const char *const *inputs, size_t count)
{
    char text[640];
    pipilo_value *names[16] = { NULL }, *list = NULL;
    snprintf(text, sizeof text,
             "pipe.input('inputs').flat_map('inputs', ('source', 'image', 'item'), ops.%s)"
             ".map('image', 'vec', ops.image_embedding.timm('null:24'))"
             ".map(('item', 'image', 'vec'), 'row', ops.%s).output('source', 'row')",
             read, write);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(pipilo_value_create_string(&names[i], inputs[i], &err), 0);
    assert_int_equal(pipilo_value_create_list(&list, names, count, &err), 0);
    for (size_t i = 0; i < count; i++)
        pipilo_value_unref(&names[i]);
    return run_values(text, &list, 1);
}

static const char *source_at(size_t row)
{
    assert_true(row < row_count);
    return pipilo_value_string(pipilo_row_value(rows[row], 0));
}

static void make_folder(void)
{
    assert_int_equal(mkdir("in", 0777), 0);
    put_bmp("in/a.bmp", 40, 30, 1);
    put("in/b.jpg", "no picture", 10);
    put_bmp("in/c.bmp", 41, 31, 2);
    put("in/notes.txt", "other", 5);
    put_bmp("in/.hidden.bmp", 4, 4, 2);
}

static void check_store(const char *path)
{
    pipilo_store *store = NULL;
    struct pipilo_store_row row;
    float vectors[4 * 24];
    const struct pipilo_store_count *counts;
    size_t count;
    assert_int_equal(pipilo_store_open(&store, path, &err), 0);
    const struct pipilo_store_info *info = pipilo_store_info(store);
    assert_int_equal(info->rows, 4);
    assert_int_equal(info->dim, 24);
    assert_string_equal(info->model_spec, "null:24");
    assert_int_equal(strlen(info->fingerprint), 16);
    assert_int_equal(pipilo_store_row(&row, store, 0, &err), 0);
    assert_string_equal(row.source, "in/a.bmp");
    assert_null(row.code);
    assert_int_equal(row.width, 40);
    assert_int_equal(row.height, 30);
    assert_int_equal(pipilo_store_row(&row, store, 1, &err), 0);
    assert_string_equal(row.code, "unsupported_format");
    assert_int_equal(pipilo_store_row(&row, store, 3, &err), 0);
    assert_string_equal(row.code, "not_found");
    assert_int_equal(pipilo_store_row(&row, store, 4, &err), PIPILO_ENOTFOUND);
    assert_int_equal(pipilo_store_vectors(vectors, store, 0, 4, &err), 0);
    assert_true(isfinite(vectors[0]) && isnan(vectors[24]) && isfinite(vectors[48]));
    assert_int_equal(pipilo_store_errors(&counts, &count, store, &err), 0);
    assert_int_equal(count, 2);
    assert_string_equal(counts[0].code, "not_found");
    assert_int_equal(counts[0].rows, 1);
    pipilo_store_close(&store);
}

static void writes_a_row_for_each_input(void **state)
{
    (void)state;
    const char *const inputs[] = { "in", "missing.png" };
    struct pipilo_stats was = { .struct_size = sizeof was }, is = was;
    make_folder();
    for (int db = 0; db < 2; db++) {
        pipilo_stats(&was);
        assert_int_equal(
            embed("read_dir()",
                  db ? "write_sqlite('o.db', model='null:24')" : "write_npy('o.npy', 'null:24')",
                  inputs, 2),
            0);
        assert_int_equal(row_count, 4);
        assert_string_equal(source_at(0), "in/a.bmp");
        assert_int_equal(pipilo_value_int(pipilo_row_value(rows[0], 1)), 0);
        assert_int_equal(code_at(1, 1), PIPILO_EFORMAT);
        assert_int_equal(pipilo_value_int(pipilo_row_value(rows[2], 1)), 2);
        assert_int_equal(code_at(3, 1), PIPILO_ENOTFOUND);
        check_store(db ? "o.db" : "o.npy");
        pipilo_stats(&is);
        assert_int_equal(is.skipped_hidden - was.skipped_hidden, 1);
        assert_int_equal(is.skipped_other - was.skipped_other, 1);
    }
    assert_int_equal(embed("read_dir()", "write_jsonl('lines.jsonl', 'null:24')", inputs, 2), 0);
    assert_int_equal(row_count, 4);
}

static void refuses_an_output_that_is_there(void **state)
{
    (void)state;
    const char *const inputs[] = { "in" };
    make_folder();
    assert_int_equal(embed("read_dir()", "write_npy('o.npy', 'null:24')", inputs, 1), 0);
    assert_int_equal(embed("read_dir()", "write_npy('o.npy', 'null:24')", inputs, 1),
                     PIPILO_EEXISTS);
    assert_int_equal(embed("read_dir()", "write_npy('o.npy', 'null:24', force=True)", inputs, 1),
                     0);
    assert_int_equal(row_count, 3);
}

static void an_update_adds_what_is_new(void **state)
{
    (void)state;
    const char *const inputs[] = { "in" };
    struct pipilo_stats was = { .struct_size = sizeof was }, is = was;
    make_folder();
    assert_int_equal(embed("read_dir()", "write_sqlite('o.db', 'null:24')", inputs, 1), 0);
    put_bmp("in/b.jpg", 20, 20, 5);
    put_bmp("in/d.bmp", 21, 20, 5);
    pipilo_stats(&was);
    assert_int_equal(
        embed("read_dir(update='o.db')", "write_sqlite('o.db', 'null:24', update=True)", inputs, 1),
        0);
    pipilo_stats(&is);
    assert_int_equal(is.skipped_unchanged - was.skipped_unchanged, 2);
    assert_int_equal(row_count, 2);
    assert_string_equal(source_at(0), "in/b.jpg");
    assert_int_equal(pipilo_value_int(pipilo_row_value(rows[0], 1)), 1);
    assert_string_equal(source_at(1), "in/d.bmp");
    assert_int_equal(pipilo_value_int(pipilo_row_value(rows[1], 1)), 3);
    // Other settings make other vectors.
    assert_int_equal(embed("read_dir(update='o.db')",
                           "write_sqlite('o.db', 'null:24', update=True, fast=True)", inputs, 1),
                     PIPILO_EMISMATCH);
    assert_non_null(strstr(err.message, "fingerprint"));
}

// Rows whose source is a string: what `write` makes of a picture called so.
static int64_t write_named(const char *write, const char *name, const char *picture)
{
    char text[512];
    pipilo_value *inputs[2] = { NULL };
    snprintf(text, sizeof text,
             "pipe.input('source', 'path').map('path', 'image', ops.image_decode())"
             ".map('image', 'vec', ops.image_embedding.timm('null:24'))"
             ".map(('source', 'vec'), 'row', ops.%s).output('source', 'row')",
             write);
    assert_int_equal(pipilo_value_create_string(&inputs[0], name, &err), 0);
    assert_int_equal(pipilo_value_create_string(&inputs[1], picture, &err), 0);
    assert_int_equal(run_values(text, inputs, 2), 0);
    assert_int_equal(row_count, 1);
    assert_int_equal(code_at(0, 1), 0);
    return pipilo_value_int(pipilo_row_value(rows[0], 1));
}

static void an_update_replaces_the_row_of_a_name(void **state)
{
    (void)state;
    static const char *const kinds[] = { "write_sqlite('o.db', 'null:24'",
                                         "write_npy('o.npy', 'null:24'",
                                         "write_jsonl('other.jsonl', 'null:24'" };
    make_folder();
    for (size_t i = 0; i < 3; i++) {
        char update[64], append[64];
        snprintf(update, sizeof update, "%s, update=True)", kinds[i]);
        snprintf(append, sizeof append, "%s, append=True)", kinds[i]);
        assert_int_equal(write_named(update, "one", "in/a.bmp"), 0);
        assert_int_equal(write_named(update, "two", "in/a.bmp"), 1);
        assert_int_equal(write_named(update, "one", "in/c.bmp"), 0);
        assert_int_equal(write_named(append, "one", "in/c.bmp"), 2);
        assert_int_equal(write_named(update, "three", "in/c.bmp"), 3);
    }
    pipilo_store *store = NULL;
    float vectors[4 * 24];
    assert_int_equal(pipilo_store_open(&store, "o.db", &err), 0);
    assert_int_equal(pipilo_store_info(store)->rows, 4);
    assert_int_equal(pipilo_store_vectors(vectors, store, 0, 4, &err), 0);
    pipilo_store_close(&store);
    assert_memory_equal(vectors, vectors + 2 * 24, 24 * sizeof(float));
    assert_memory_not_equal(vectors, vectors + 24, 24 * sizeof(float));
    const char *const inputs[] = { "in" };
    assert_int_equal(
        embed("read_dir()", "write_sqlite('o.db', 'null:24', append=True, update=True)", inputs, 1),
        PIPILO_EPIPELINE);
}

static void an_update_without_a_table_is_an_error(void **state)
{
    (void)state;
    make_folder();
    assert_int_equal(run_text("pipe.input('i').flat_map('i', ('s', 'p', 'm'),"
                              " ops.read_dir(update='o.db')).output('s')",
                              "in"),
                     0);
    assert_int_equal(row_count, 1);
    assert_int_equal(code_at(0, 0), PIPILO_EPIPELINE);
}

static void half_a_table_is_none(void **state)
{
    (void)state;
    const char *const inputs[] = { "in" };
    make_folder();
    assert_int_equal(
        embed("read_dir(files_from='nowhere')", "write_npy('o.npy', 'null:24')", inputs, 1),
        PIPILO_ENOTFOUND);
    assert_int_equal(run_text("pipe.input('s').map('s', 'r', ops.write_npy('o.npy', 'null:24'))"
                              ".output('r')",
                              "a"),
                     PIPILO_EINVALID);
    assert_int_equal(access("o.npy", F_OK), -1);
}

static void keeps_thumbnails(void **state)
{
    (void)state;
    const char *const inputs[] = { "in" };
    pipilo_store *store = NULL;
    struct pipilo_store_row row;
    make_folder();
    put_bmp("in/d.bmp", 400, 200, 5);
    assert_int_equal(
        embed("read_dir()", "write_sqlite('o.db', 'null:24', thumbnails=True)", inputs, 1), 0);
    assert_int_equal(pipilo_store_open(&store, "o.db", &err), 0);
    for (int64_t i = 0; i < 4; i++) {
        pipilo_value *image = NULL;
        struct pipilo_image_info info = { .struct_size = sizeof info };
        assert_int_equal(pipilo_store_row(&row, store, i, &err), 0);
        if (i == 1) {
            assert_null(row.thumbnail);
            continue;
        }
        assert_int_equal(pipilo_value_create_image(&image, row.thumbnail, row.thumbnail_size, &err),
                         0);
        assert_int_equal(pipilo_value_image_info(&info, image, &err), 0);
        assert_string_equal(info.format, "jpeg");
        assert_int_equal(info.width, i == 0 ? 40 : i == 2 ? 41 : 160);
        assert_int_equal(info.height, i == 0 ? 30 : i == 2 ? 31 : 80);
        pipilo_value_unref(&image);
    }
    pipilo_store_close(&store);
}

static void no_input_gives_an_empty_table(void **state)
{
    (void)state;
    pipilo_store *store = NULL;
    assert_int_equal(embed("read_dir()", "write_npy('o.npy', 'null:24')", NULL, 0), 0);
    assert_int_equal(row_count, 0);
    assert_int_equal(pipilo_store_open(&store, "o.npy", &err), 0);
    assert_int_equal(pipilo_store_info(store)->rows, 0);
    pipilo_store_close(&store);
}

// Far more inputs than can be done before the run is stopped.
static pipilo_value *many_inputs(void)
{
    enum { MANY = 20000 };
    static pipilo_value *names[MANY];
    pipilo_value *name = NULL, *list = NULL;
    assert_int_equal(pipilo_value_create_string(&name, "in/a.bmp", &err), 0);
    for (size_t i = 0; i < MANY; i++)
        names[i] = name;
    assert_int_equal(pipilo_value_create_list(&list, names, MANY, &err), 0);
    pipilo_value_unref(&name);
    return list;
}

static void a_stopped_run_leaves_nothing(void **state)
{
    (void)state;
    pipilo_pipeline *pipeline = NULL;
    pipilo_run *run = NULL;
    pipilo_row *row = NULL;
    pipilo_value *value = many_inputs();
    make_folder();
    assert_int_equal(
        pipilo_pipeline_parse(
            &pipeline,
            "pipe.input('i').flat_map('i', ('s', 'p', 'm'), ops.read_dir())"
            ".map('p', 'v', ops.image_embedding.timm('null:24'))"
            ".map(('m', 'p', 'v'), 'r', ops.write_npy('o.npy', 'null:24')).output('r')",
            &err),
        0);
    assert_int_equal(pipilo_pipeline_start(&run, pipeline, &value, 1, &err), 0);
    assert_int_equal(pipilo_run_next(run, &row, &err), 0);
    assert_non_null(row);
    pipilo_row_unref(&row);
    pipilo_run_cancel(run);
    pipilo_run_unref(&run);
    pipilo_pipeline_unref(&pipeline);
    pipilo_value_unref(&value);
    // The pool may let the run go a moment later.
    assert_int_equal(pipilo_close(&err), 0);
    assert_int_equal(access("o.npy", F_OK), -1);
    assert_int_equal(system("test -z \"$(ls -A | grep -v '^in$')\""), 0);
}

static void keeps_vectors_of_any_source(void **state)
{
    (void)state;
    pipilo_value *in[2] = { NULL };
    const float numbers[24] = { 1, 2, 3 };
    struct pipilo_tensor view = { PIPILO_F32, 1, { 24 }, numbers };
    const char *text = "pipe.input('s', 'v').map(('s', 'v'), 'r', ops.write_npy('o.npy', 'null:24',"
                       " force=True)).output('r')";
    assert_int_equal(pipilo_value_create_string(&in[0], "anything", &err), 0);
    assert_int_equal(pipilo_value_create_tensor(&in[1], &view, &err), 0);
    assert_int_equal(run_values(text, in, 2), 0);
    assert_int_equal(code_at(0, 0), 0);
    view.shape[0] = 23;
    assert_int_equal(pipilo_value_create_string(&in[0], "anything", &err), 0);
    assert_int_equal(pipilo_value_create_tensor(&in[1], &view, &err), 0);
    assert_int_equal(run_values(text, in, 2), 0);
    assert_int_equal(code_at(0, 0), PIPILO_EINVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OPS_TEST(writes_a_row_for_each_input),
        OPS_TEST(refuses_an_output_that_is_there),
        OPS_TEST(an_update_replaces_the_row_of_a_name),
        OPS_TEST(an_update_adds_what_is_new),
        OPS_TEST(an_update_without_a_table_is_an_error),
        OPS_TEST(half_a_table_is_none),
        OPS_TEST(keeps_thumbnails),
        OPS_TEST(no_input_gives_an_empty_table),
        OPS_TEST(a_stopped_run_leaves_nothing),
        OPS_TEST(keeps_vectors_of_any_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
