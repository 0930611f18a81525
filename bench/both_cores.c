// both_cores.c: see both_cores.h.
#include "both_cores.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct share {
    int (*work)(void *cookie, int thread, long i);
    void *cookie;
    long count;
    atomic_long next;
    atomic_int threads;
};

int cores(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count < BENCH_THREADS_MAX ? count : BENCH_THREADS_MAX;
}

static void *run(void *cookie)
{
    struct share *share = cookie;
    int thread = atomic_fetch_add(&share->threads, 1);
    for (long i; (i = atomic_fetch_add(&share->next, 1)) < share->count;)
        if (share->work(share->cookie, thread, i) != 0)
            exit(1);
    return NULL;
}

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct taken measure(int threads, long count, int (*work)(void *cookie, int thread, long i),
                     void *cookie)
{
    struct share share = { .work = work, .cookie = cookie, .count = count };
    pthread_t others[BENCH_THREADS_MAX];
    double began = seconds(CLOCK_MONOTONIC), processor = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 1; i < threads; i++) {
        if (pthread_create(&others[i], NULL, run, &share) != 0) {
            fputs("a thread cannot be started\n", stderr);
            exit(1);
        }
    }
    run(&share);
    for (int i = 1; i < threads; i++)
        pthread_join(others[i], NULL);
    return (struct taken){
        .rate = (double)count / (seconds(CLOCK_MONOTONIC) - began),
        .processor = (seconds(CLOCK_PROCESS_CPUTIME_ID) - processor) / (double)count * 1e3,
    };
}
