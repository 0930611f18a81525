// test_layout.c: layouts are remembered by model, precision and machine; what was asked for goes
// before, and a file of nonsense changes nothing. With an engine's name only: nothing is loaded.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper.h"
#include "model/layout.h"

static char folder[256];

static const char *version(void)
{
    return "1";
}

static const struct plo_engine engine = { .name = "test", .version = version };

static char *key_of(const char *sha256, enum plo_precision precision, int cores)
{
    struct plo_engine_load load = {
        .sha256 = sha256, .precision = precision, .device = "CPU", .height = 8, .width = 8
    };
    char *key = plo_layout_key(&engine, &load, cores);
    assert_non_null(key);
    return key;
}

static void layouts_are_remembered(void **state)
{
    (void)state;
    char *one = key_of("aa", PLO_PRECISION_F32, 2), *other = key_of("aa", PLO_PRECISION_BF16, 2);
    char *again = key_of("aa", PLO_PRECISION_F32, 2), *more = key_of("aa", PLO_PRECISION_F32, 4);
    struct plo_model_layout layout = { 0 };
    const struct plo_model_layout first = { 1, 2, 4 }, second = { 2, 2, 8 }, third = { 3, 3, 3 };
    assert_string_equal(one, again);
    assert_string_not_equal(one, other);
    assert_string_not_equal(one, more);
    assert_false(plo_layout_find(one, &layout));
    assert_int_equal(plo_layout_record(one, &first, NULL), 0);
    assert_int_equal(plo_layout_record(other, &second, NULL), 0);
    assert_true(plo_layout_find(one, &layout));
    assert_memory_equal(&layout, &first, sizeof layout);
    assert_true(plo_layout_find(other, &layout));
    assert_memory_equal(&layout, &second, sizeof layout);
    assert_int_equal(plo_layout_record(one, &third, NULL), 0); // in the place of the first
    assert_true(plo_layout_find(one, &layout));
    assert_memory_equal(&layout, &third, sizeof layout);
    assert_int_equal(plo_layout_record(one, NULL, NULL), 0);
    assert_false(plo_layout_find(one, &layout));
    assert_true(plo_layout_find(other, &layout));
    plo_free(one);
    plo_free(other);
    plo_free(again);
    plo_free(more);
    assert_int_equal(plo_alloc_live(), 0);
}

static void nonsense_is_passed_over(void **state)
{
    (void)state;
    struct plo_model_layout layout = { 7, 7, 7 };
    char *key = key_of("bb", PLO_PRECISION_F32, 2);
    char text[256];
    static const char *const bad[] = { "0 2 1", "1 2", "1 99999 1", "-1 1 1", "x y z", "" };
    for (size_t i = 0; i < PLO_COUNT(bad); i++) {
        snprintf(text, sizeof text, "\n%s %s\nabc", key, bad[i]);
        write_text(folder, "layouts", text);
        assert_false(plo_layout_find(key, &layout));
        assert_int_equal(layout.batch, 7);
    }
    struct pipilo_error err = { 0 };
    const struct plo_model_layout any = { 1, 1, 1 };
    setenv("PIPILO_CACHE", "0", 1);
    assert_int_equal(plo_layout_record(key, &any, &err), PIPILO_ENOTFOUND);
    assert_message(err, PIPILO_ENOTFOUND, "there is no cache folder to record it in");
    assert_false(plo_layout_find(key, &layout));
    setenv("PIPILO_CACHE", folder, 1);
    plo_free(key);
}

enum { RECORDERS = 4, EACH = 40 };

static void record_some(char letter)
{
    char key[33];
    struct plo_model_layout layout = { 1, 1, 1 };
    bool good = true;
    for (int i = 0; i < EACH; i++) {
        snprintf(key, sizeof key, "%c%031x", letter, i);
        good = good && plo_layout_record(key, &layout, NULL) == 0;
    }
    _exit(good ? 0 : 1);
}

// Nobody's line is lost to another's.
static void processes_that_record_at_once(void **state)
{
    char key[33];
    struct plo_model_layout layout;
    pid_t children[RECORDERS];
    (void)state;
    fflush(NULL);
    for (int i = 0; i < RECORDERS; i++) {
        children[i] = fork();
        if (children[i] == 0)
            record_some((char)('a' + i));
    }
    for (int i = 0; i < RECORDERS; i++) {
        int status = -1;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    for (int i = 0; i < RECORDERS * EACH; i++) {
        snprintf(key, sizeof key, "%c%031x", 'a' + i / EACH, i % EACH);
        assert_true(plo_layout_find(key, &layout));
    }
}

// What others recorded is not replaced by what could not be read.
static void a_file_that_cannot_be_read_stays(void **state)
{
    char path[300];
    const struct plo_model_layout layout = { 1, 1, 1 };
    struct stat before, after;
    (void)state;
    snprintf(path, sizeof path, "%s/layouts", getenv("PIPILO_CACHE"));
    assert_int_equal(truncate(path, (1 << 20) + 1), 0); // more than is read
    assert_int_equal(stat(path, &before), 0);
    assert_true(plo_layout_record("0123456789abcdef0123456789abcdef", &layout, NULL) < 0);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(after.st_size, before.st_size);
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    make_folder(folder);
    setenv("PIPILO_CACHE", folder, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layouts_are_remembered),
        cmocka_unit_test(nonsense_is_passed_over),
        cmocka_unit_test(processes_that_record_at_once),
        cmocka_unit_test(a_file_that_cannot_be_read_stays),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    plo_install_remove(folder);
    return failed;
}
