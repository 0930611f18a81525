// What can be measured: every part gives what was asked for, and nothing is left behind.
#include "../ops/helper.h"

static pipilo_bench *bench;

static void open_made_up(void)
{
    struct pipilo_bench_options options = PIPILO_BENCH_OPTIONS_INIT;
    options.model = "null:8";
    options.folder = ".";
    assert_int_equal(pipilo_bench_open(&bench, &options, &err), 0);
}

static void says_what_it_measures_with(void **state)
{
    (void)state;
    open_made_up();
    const struct pipilo_bench_info *info = pipilo_bench_info(bench);
    char *folder = strdup(info->folder);
    assert_true(info->made_up);
    assert_int_equal(info->dim, 8);
    assert_int_equal(info->width, 224);
    assert_int_equal(info->picture_count, 32);
    assert_int_equal(info->pixels, 32 * 500 * 375);
    assert_int_equal(info->unreadable, 0);
    // About as large as photographs of that size are at quality 90.
    assert_in_range(info->bytes / 32, 30000, 120000);
    assert_true(info->cores >= 1);
    assert_int_equal(access(info->pictures[31], R_OK), 0);
    pipilo_bench_close(&bench);
    assert_null(bench);
    assert_int_equal(access(folder, F_OK), -1);
    free(folder);
}

static void measures_every_part(void **state)
{
    (void)state;
    open_made_up();
    for (int what = PIPILO_BENCH_PEAK; what <= PIPILO_BENCH_ROWS; what++) {
        struct pipilo_bench_task task = PIPILO_BENCH_TASK_INIT;
        struct pipilo_bench_result result = PIPILO_BENCH_RESULT_INIT;
        task.what = (enum pipilo_bench_what)what;
        task.count = 40;
        task.threads = 2;
        task.seconds = 600;
        assert_int_equal(pipilo_bench_measure(&result, bench, &task, &err), 0);
        if (what == PIPILO_BENCH_PEAK)
            assert_true(result.count >= 40);
        else
            assert_int_equal(result.count, 40);
        assert_true(result.rate > 0 && result.seconds > 0);
        assert_int_equal(result.threads, what == PIPILO_BENCH_ROWS ? 1 : 2);
    }
    pipilo_bench_close(&bench);
}

static void lays_inference_out_as_asked(void **state)
{
    (void)state;
    open_made_up();
    struct pipilo_bench_task task = PIPILO_BENCH_TASK_INIT;
    struct pipilo_bench_result result = PIPILO_BENCH_RESULT_INIT;
    task.what = PIPILO_BENCH_INFERENCE;
    task.count = 30;
    task.streams = 3;
    task.batch = 4;
    assert_int_equal(pipilo_bench_measure(&result, bench, &task, &err), 0);
    assert_int_equal(result.streams, 3);
    assert_int_equal(result.batch, 4);
    assert_string_equal(result.precision, "f32");
    // Whole batches, the first number of them that is enough.
    assert_int_equal(result.count, 32);
    pipilo_bench_close(&bench);
}

static bool never(void *cookie)
{
    (void)cookie;
    return false;
}

static void refuses_by_name(void **state)
{
    (void)state;
    struct pipilo_bench_options options = PIPILO_BENCH_OPTIONS_INIT;
    struct pipilo_bench_result result = PIPILO_BENCH_RESULT_INIT;
    const char *inputs[] = { "nowhere" };
    assert_int_equal(pipilo_bench_open(&bench, &options, &err), PIPILO_EINVALID);
    options.model = "no-such-model";
    assert_int_equal(pipilo_bench_open(&bench, &options, &err), PIPILO_ENOTFOUND);
    options.model = "null:8";
    options.inputs = inputs;
    options.input_count = 1;
    assert_int_equal(pipilo_bench_open(&bench, &options, &err), PIPILO_ENOTFOUND);
    options.input_count = 0;
    options.folder = "nowhere";
    assert_int_equal(pipilo_bench_open(&bench, &options, &err), PIPILO_ENOTFOUND);
    assert_null(bench);

    open_made_up();
    struct pipilo_bench_task task = PIPILO_BENCH_TASK_INIT;
    task.what = PIPILO_BENCH_INFERENCE;
    task.precision = "f8";
    assert_int_equal(pipilo_bench_measure(&result, bench, &task, &err), PIPILO_EINVALID);
    task.precision = NULL;
    task.threads = 5000;
    assert_int_equal(pipilo_bench_measure(&result, bench, &task, &err), PIPILO_EINVALID);
    task.threads = 1;
    task.go_on = never;
    assert_int_equal(pipilo_bench_measure(&result, bench, &task, &err), PIPILO_ECANCELED);
    task = (struct pipilo_bench_task)PIPILO_BENCH_TASK_INIT;
    task.seconds = 0;
    assert_int_equal(pipilo_bench_measure(&result, bench, &task, &err), PIPILO_EINVALID);
    pipilo_bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(says_what_it_measures_with, enter, leave),
        cmocka_unit_test_setup_teardown(measures_every_part, enter, leave),
        cmocka_unit_test_setup_teardown(lays_inference_out_as_asked, enter, leave),
        cmocka_unit_test_setup_teardown(refuses_by_name, enter, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
