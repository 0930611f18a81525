// Libraries opened at their first use: what fails is named, and tried again.
#include "core/late.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "core/fail.h"
#include "forks.h"

enum { THREADS = 8 };

static const char *(*version)(void);
static atomic_int starts;
static int refusals;

static int start(struct pipilo_error *err)
{
    atomic_fetch_add(&starts, 1);
    if (refusals == 0)
        return 0;
    refusals--;
    return plo_fail(err, PIPILO_EFORMAT, "the library does not start");
}

static const char *const names[] = PLO_LIBARCHIVE;
static const struct plo_dynlib_symbol symbols[] = {
    { "archive_version_string", (void **)(void *)&version },
};

#define LATE                                                                                  \
    {                                                                                         \
        .names = names, .symbols = symbols, .count = PLO_COUNT(symbols),                      \
        .needed_for = "this test needs libarchive", .code = PIPILO_ENOTFOUND, .start = start, \
        .lock = PLO_LOCK_INIT(NULL)                                                           \
    }

// A library that is open stays so: each test is a process of its own.
static void apart(void (*test)(void))
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        test();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void limit(int resource, rlim_t most)
{
    struct rlimit now;
    assert_int_equal(getrlimit(resource, &now), 0);
    now.rlim_cur = most == RLIM_INFINITY ? now.rlim_max : most;
    assert_int_equal(setrlimit(resource, &now), 0);
}

static void without_descriptors(void)
{
    static struct plo_late late = LATE;
    struct pipilo_error err;
    limit(RLIMIT_NOFILE, 3);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(plo_late_open(&late, &err), PIPILO_EIO);
        assert_non_null(strstr(err.message, "this test needs libarchive: "));
        assert_non_null(strstr(err.message, "ulimit -n"));
    }
    assert_int_equal(starts, 0);
    limit(RLIMIT_NOFILE, RLIM_INFINITY);
    assert_int_equal(plo_late_open(&late, &err), 0);
    assert_non_null(strstr(version(), "libarchive 3"));
    limit(RLIMIT_NOFILE, 3);
    assert_int_equal(plo_late_open(&late, &err), 0);
    assert_int_equal(starts, 1);
}

static void test_descriptors(void **state)
{
    (void)state;
    apart(without_descriptors);
}

static void refused(void)
{
    static struct plo_late late = LATE;
    struct pipilo_error err;
    refusals = 1;
    assert_int_equal(plo_late_open(&late, &err), PIPILO_EFORMAT);
    assert_string_equal(err.message, "the library does not start");
    assert_int_equal(plo_late_open(&late, &err), 0);
    assert_int_equal(starts, 2);
}

static void test_start(void **state)
{
    (void)state;
    apart(refused);
}

static struct plo_late shared = LATE;

static void *use(void *cookie)
{
    struct plo_late *late = cookie;
    return plo_late_open(late, NULL) == 0 && version() != NULL ? late : NULL;
}

// A child that is made while threads open it finds it open or opens it, and waits for nobody.
static void in_the_child(void)
{
    alarm(60);
    assert_int_equal(plo_late_open(&shared, NULL), 0);
    assert_non_null(version());
    assert_int_equal(starts, 1);
}

static void open_at_once(bool with_child)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use, &shared), 0);
    if (with_child)
        apart(in_the_child);
    for (int i = 0; i < THREADS; i++) {
        void *result = NULL;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, &shared);
    }
    assert_int_equal(starts, 1);
}

static void many(void)
{
    open_at_once(false);
}

static void many_and_a_child(void)
{
    open_at_once(true);
}

static void test_threads(void **state)
{
    (void)state;
    apart(many);
}

static void test_fork(void **state)
{
    (void)state;
    SKIP_WHERE_ALLOCATORS_DO_NOT_FORK();
    apart(many_and_a_child);
}

static void test_none(void **state)
{
    (void)state;
    static const char *const nowhere[] = { "libpipilo-none.so", NULL };
    static struct plo_late late = { .names = nowhere,
                                    .needed_for = "a test needs it",
                                    .code = PIPILO_EFORMAT,
                                    .lock = PLO_LOCK_INIT(NULL) };
    struct pipilo_error err;
    assert_int_equal(plo_late_open(&late, &err), PIPILO_EFORMAT);
    assert_non_null(strstr(err.message, "libpipilo-none.so"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_descriptors), cmocka_unit_test(test_start),
        cmocka_unit_test(test_threads),     cmocka_unit_test(test_fork),
        cmocka_unit_test(test_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
