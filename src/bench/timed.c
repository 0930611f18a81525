// timed.c: threads that share the calls of a job, each with its own clock (see timed.h).
#include "bench/timed.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/crew.h"
#include "core/fail.h"

struct timed {
    const struct plo_timed_job *job;
    double began;
    atomic_int_fast64_t next;
    atomic_bool enough;
    pthread_mutex_t lock; // guards `failed` and `error`
    bool failed;
    struct pipilo_error error;
};

struct member {
    struct timed *timed;
    int number;
    int64_t calls;
    double seconds;
};

static double seconds_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double plo_timed_thread_seconds(void)
{
    return seconds_of(CLOCK_THREAD_CPUTIME_ID);
}

static void give_up(struct timed *timed, const struct pipilo_error *why)
{
    pthread_mutex_lock(&timed->lock);
    if (!timed->failed)
        timed->error = *why;
    timed->failed = true;
    pthread_mutex_unlock(&timed->lock);
    atomic_store(&timed->enough, true);
}

// Whether another call may begin.
static bool more(struct member *member)
{
    struct timed *timed = member->timed;
    const struct plo_timed_job *job = timed->job;
    struct pipilo_error stopped = { 0 };
    if (member->number == 0 && job->go_on != NULL && !job->go_on(job->go_on_cookie)) {
        plo_fail(&stopped, PIPILO_ECANCELED, "measuring was stopped");
        give_up(timed, &stopped);
    }
    return !atomic_load(&timed->enough);
}

// Whether call `i`, the next one, is to be made. Calls are given out in order: where one is not,
// those before it are made by whoever has them.
static bool wanted(const struct plo_timed_job *job, const struct member *member, int64_t i)
{
    if (job->calls > 0 && i >= job->calls)
        return false;
    return (job->pass > 1 && i % job->pass != 0) || member->seconds < job->seconds;
}

static void work(void *cookie)
{
    struct member *member = cookie;
    struct timed *timed = member->timed;
    const struct plo_timed_job *job = timed->job;
    while (more(member)) {
        struct pipilo_error err = { 0 };
        int64_t i = atomic_fetch_add(&timed->next, 1);
        if (!wanted(job, member, i)) {
            atomic_store(&timed->enough, true);
            break;
        }
        if (job->call(job->cookie, member->number, i, &err) < 0) {
            give_up(timed, &err);
            break;
        }
        member->calls++;
        member->seconds = seconds_of(CLOCK_MONOTONIC) - timed->began;
    }
}

static void add_up(struct plo_timed_taken *out, const struct member *members, int count)
{
    for (int i = 0; i < count; i++) {
        out->calls += members[i].calls;
        if (members[i].seconds > 0)
            out->rate += (double)members[i].calls / members[i].seconds;
        if (members[i].seconds > out->seconds)
            out->seconds = members[i].seconds;
    }
}

int plo_timed_run(struct plo_timed_taken *out, const struct plo_timed_job *job,
                  struct pipilo_error *err)
{
    *out = (struct plo_timed_taken){ 0 };
    struct timed timed = { .job = job, .lock = PTHREAD_MUTEX_INITIALIZER };
    struct member *members = plo_alloc0((size_t)job->threads, sizeof *members);
    void **cookies = plo_alloc0((size_t)job->threads, sizeof *cookies);
    if (members == NULL || cookies == NULL) {
        plo_free(members);
        plo_free(cookies);
        return plo_fail_nomem(err, (size_t)job->threads * sizeof *members);
    }
    for (int i = 0; i < job->threads; i++) {
        members[i] = (struct member){ .timed = &timed, .number = i };
        cookies[i] = &members[i];
    }
    double processor = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    timed.began = seconds_of(CLOCK_MONOTONIC);
    plo_crew_run(work, cookies, (size_t)job->threads);
    add_up(out, members, job->threads);
    out->processor = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - processor;
    plo_free(cookies);
    plo_free(members);
    if (timed.failed && err != NULL)
        *err = timed.error;
    return timed.failed ? timed.error.code : 0;
}
