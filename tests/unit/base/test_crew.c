// test_crew.c: each cookie is worked on once, by as many threads as there are cookies.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/crew.h"

enum { MOST = 9 };

struct task {
    int calls;
    pthread_t by;
};

static void work(void *cookie)
{
    struct task *task = cookie;
    task->calls++;
    task->by = pthread_self();
}

static void test_each_once(void **state)
{
    (void)state;
    for (size_t count = 1; count <= MOST; count++) {
        struct task tasks[MOST] = { { 0 } };
        void *cookies[MOST];
        for (size_t i = 0; i < count; i++)
            cookies[i] = &tasks[i];
        plo_crew_run(work, cookies, count);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(tasks[i].calls, 1);
        assert_true(pthread_equal(tasks[0].by, pthread_self()));
        assert_true(count == 1 || !pthread_equal(tasks[1].by, pthread_self()));
    }
}

static void test_without_memory(void **state)
{
    (void)state;
    struct task tasks[MOST] = { { 0 } };
    void *cookies[MOST];
    for (size_t i = 0; i < MOST; i++)
        cookies[i] = &tasks[i];
    plo_alloc_fail_nth(1);
    plo_crew_run(work, cookies, MOST);
    plo_alloc_fail_nth(0);
    for (size_t i = 0; i < MOST; i++)
        assert_int_equal(tasks[i].calls, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_once),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
