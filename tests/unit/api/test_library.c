// The process-wide side: what is alive, settings, closing.
#include <pthread.h>
#include <stdbool.h>
#include <sys/wait.h>

#include "../../support/forks.h"
#include "../ops/helper.h"

static void closing_names_what_is_left(void **state)
{
    (void)state;
    pipilo_value *value = NULL;
    assert_int_equal(pipilo_value_create_int(&value, 1, &err), 0);
    assert_int_equal(pipilo_close(&err), PIPILO_EBUSY);
    assert_non_null(strstr(err.message, "1 values"));
    pipilo_value_unref(&value);
    assert_int_equal(pipilo_close(&err), 0);
    // And it begins anew.
    assert_non_null(pipilo_operator_find("image_decode"));
    assert_int_equal(pipilo_close(&err), 0);
}

static void stats_know_their_size(void **state)
{
    (void)state;
    struct pipilo_stats stats;
    memset(&stats, 0x55, sizeof stats);
    stats.struct_size = offsetof(struct pipilo_stats, images);
    pipilo_stats(&stats);
    assert_int_equal(stats.values, 0);
    assert_int_equal(stats.images, 0x5555555555555555);
    assert_int_equal(stats.struct_size, offsetof(struct pipilo_stats, images));
    stats.struct_size = sizeof stats;
    pipilo_stats(&stats);
    assert_true(stats.budget_limit > 0);
    assert_true(stats.memory_anonymous > 0);
    assert_int_equal(stats.skipped_hidden, 0);
}

static void memory_is_the_budget(void **state)
{
    (void)state;
    struct pipilo_stats stats = { .struct_size = sizeof stats };
    pipilo_set_memory(123 << 20);
    pipilo_stats(&stats);
    assert_int_equal(stats.budget_limit, 123 << 20);
    // A picture that does not fit is a row that says so; the next one goes through.
    put_bmp("large.bmp", 500, 400, 1);
    put_bmp("small.bmp", 16, 16, 1);
    pipilo_set_memory(1000000);
    const char *text = "pipe.input('p').map('p', 'i', ops.image_decode()).output('i')";
    assert_int_equal(run_text(text, "large.bmp"), 0);
    assert_int_equal(code_at(0, 0), PIPILO_EBUDGET);
    assert_int_equal(run_text(text, "small.bmp"), 0);
    assert_int_equal(code_at(0, 0), 0);
    pipilo_set_memory(0);
}

static void *ask(void *stop)
{
    struct pipilo_stats stats = { .struct_size = sizeof stats };
    while (!__atomic_load_n((bool *)stop, __ATOMIC_RELAXED))
        pipilo_stats(&stats);
    return NULL;
}

// A program that has so far only asked: no child finds a lock held.
static void children_of_a_program_that_only_asks(void **state)
{
    pthread_t threads[2];
    bool stop = false;
    (void)state;
    SKIP_WHERE_ALLOCATORS_DO_NOT_FORK();
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &stop), 0);
    int good = 0;
    for (int i = 0; i < 400; i++) {
        pid_t child = fork();
        if (child == 0) {
            struct pipilo_stats stats = { .struct_size = sizeof stats };
            alarm(120);
            pipilo_stats(&stats);
            _exit(0);
        }
        int status = -1;
        assert_int_equal(waitpid(child, &status, 0), child);
        good += status == 0;
        if (status != 0)
            break;
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(good, 400);
}

static void threads_are_set_before_the_first_run(void **state)
{
    (void)state;
    assert_int_equal(pipilo_set_threads(5000, &err), PIPILO_EINVALID);
    assert_int_equal(pipilo_set_threads(2, &err), 0);
    assert_int_equal(pipilo_set_threads(0, &err), 0);
}

static void trimming_drops_idle_models(void **state)
{
    (void)state;
    struct pipilo_stats stats = { .struct_size = sizeof stats };
    put_bmp("a.bmp", 16, 16, 1);
    assert_int_equal(run_text("pipe.input('p').map('p', 'v', ops.image_embedding.timm('null:8'))"
                              ".output('v')",
                              "a.bmp"),
                     0);
    drop_rows();
    pipilo_stats(&stats);
    for (int i = 0; i < 60000 && stats.pipelines > 0; i++) {
        usleep(1000);
        pipilo_stats(&stats);
    }
    assert_int_equal(stats.models, 1);
    assert_int_equal(pipilo_trim(), 1);
    pipilo_stats(&stats);
    assert_int_equal(stats.models, 0);
    assert_int_equal(pipilo_trim(), 0);
}

static void the_version_is_the_headers(void **state)
{
    (void)state;
    char text[64];
    snprintf(text, sizeof text, "%d.%d.%d", PIPILO_VERSION_MAJOR, PIPILO_VERSION_MINOR,
             PIPILO_VERSION_PATCH);
    assert_string_equal(pipilo_version(), text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        // The first to ask anything of the library.
        cmocka_unit_test(children_of_a_program_that_only_asks),
        OPS_TEST(closing_names_what_is_left),
        OPS_TEST(stats_know_their_size),
        OPS_TEST(memory_is_the_budget),
        OPS_TEST(threads_are_set_before_the_first_run),
        OPS_TEST(trimming_drops_idle_models),
        OPS_TEST(the_version_is_the_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
