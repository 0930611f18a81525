// test_fork_gate.c: a fork waits for who is inside, and leaves the gate open on both sides.
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../support/forks.h"
#include "model/engines/fork_gate.h"

static bool inside, leaves, stop; // atomic

static void *dwell(void *unused)
{
    struct timespec pause = { 0, 50000000 };
    plo_fork_gate_enter();
    __atomic_store_n(&inside, true, __ATOMIC_RELEASE);
    nanosleep(&pause, NULL);
    __atomic_store_n(&leaves, true, __ATOMIC_RELEASE);
    plo_fork_gate_leave();
    return unused;
}

// In and out without end, so that somebody is inside nearly always.
static void *pass(void *unused)
{
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        plo_fork_gate_enter();
        plo_fork_gate_leave();
    }
    return unused;
}

static int status_of(pid_t child)
{
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static pid_t fork_and_pass(void)
{
    pid_t child = fork();
    if (child == 0) {
        alarm(120);
        plo_fork_gate_enter();
        plo_fork_gate_leave();
        _exit(__atomic_load_n(&leaves, __ATOMIC_ACQUIRE) ? 0 : 1);
    }
    return child;
}

static void a_fork_waits(void **state)
{
    (void)state;
    SKIP_WHERE_ALLOCATORS_DO_NOT_FORK();
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, dwell, NULL), 0);
    while (!__atomic_load_n(&inside, __ATOMIC_ACQUIRE))
        sched_yield();
    assert_int_equal(status_of(fork_and_pass()), 0);
    pthread_join(thread, NULL);
}

static void forks_get_their_turn(void **state)
{
    (void)state;
    SKIP_WHERE_ALLOCATORS_DO_NOT_FORK();
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, pass, NULL), 0);
    for (int i = 0; i < 50; i++)
        assert_int_equal(status_of(fork_and_pass()), 0);
    __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fork_waits),
        cmocka_unit_test(forks_get_their_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
