// crew.c: threads that share the calls of a job, each with its own clock (see crew.h).
#include "bench/crew.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#include "core/fail.h"

struct crew {
    const struct plo_crew_job *job;
    double began;
    atomic_int_fast64_t next;
    atomic_bool enough;
    pthread_mutex_t lock; // guards `failed` and `error`
    bool failed;
    struct pipilo_error error;
};

struct member {
    struct crew *crew;
    pthread_t thread;
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

double plo_crew_thread_seconds(void)
{
    return seconds_of(CLOCK_THREAD_CPUTIME_ID);
}

static void give_up(struct crew *crew, const struct pipilo_error *why)
{
    pthread_mutex_lock(&crew->lock);
    if (!crew->failed)
        crew->error = *why;
    crew->failed = true;
    pthread_mutex_unlock(&crew->lock);
    atomic_store(&crew->enough, true);
}

// Whether another call may begin.
static bool more(struct member *member)
{
    struct crew *crew = member->crew;
    const struct plo_crew_job *job = crew->job;
    struct pipilo_error stopped = { 0 };
    if (member->number == 0 && job->go_on != NULL && !job->go_on(job->go_on_cookie)) {
        plo_fail(&stopped, PIPILO_ECANCELED, "measuring was stopped");
        give_up(crew, &stopped);
    }
    return !atomic_load(&crew->enough);
}

// Whether call `i`, the next one, is to be made. Calls are given out in order: where one is not,
// those before it are made by whoever has them.
static bool wanted(const struct plo_crew_job *job, const struct member *member, int64_t i)
{
    if (job->calls > 0 && i >= job->calls)
        return false;
    return (job->pass > 1 && i % job->pass != 0) || member->seconds < job->seconds;
}

static void *work(void *cookie)
{
    struct member *member = cookie;
    struct crew *crew = member->crew;
    const struct plo_crew_job *job = crew->job;
    while (more(member)) {
        struct pipilo_error err = { 0 };
        int64_t i = atomic_fetch_add(&crew->next, 1);
        if (!wanted(job, member, i)) {
            atomic_store(&crew->enough, true);
            break;
        }
        if (job->call(job->cookie, member->number, i, &err) < 0) {
            give_up(crew, &err);
            break;
        }
        member->calls++;
        member->seconds = seconds_of(CLOCK_MONOTONIC) - crew->began;
    }
    return NULL;
}

// Starts all but the first; gives how many there are then.
static int start(struct member *members, int threads)
{
    sigset_t all, before;
    int count = 1;
    // Signals are the program's.
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (count < threads &&
           pthread_create(&members[count].thread, NULL, work, &members[count]) == 0)
        count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return count;
}

static void add_up(struct plo_crew_taken *out, const struct member *members, int count)
{
    for (int i = 0; i < count; i++) {
        out->calls += members[i].calls;
        if (members[i].seconds > 0)
            out->rate += (double)members[i].calls / members[i].seconds;
        if (members[i].seconds > out->seconds)
            out->seconds = members[i].seconds;
    }
}

int plo_crew_work(struct plo_crew_taken *out, const struct plo_crew_job *job,
                  struct pipilo_error *err)
{
    *out = (struct plo_crew_taken){ 0 };
    struct crew crew = { .job = job, .lock = PTHREAD_MUTEX_INITIALIZER };
    struct member *members = plo_alloc0((size_t)job->threads, sizeof *members);
    if (members == NULL)
        return plo_fail_nomem(err, (size_t)job->threads * sizeof *members);
    for (int i = 0; i < job->threads; i++) {
        members[i].crew = &crew;
        members[i].number = i;
    }
    double processor = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    crew.began = seconds_of(CLOCK_MONOTONIC);
    int count = start(members, job->threads);
    struct pipilo_error missing = { 0 };
    if (count < job->threads) {
        plo_fail(&missing, PIPILO_ENOMEM, "only %d of %d threads could be started", count,
                 job->threads);
        give_up(&crew, &missing);
    }
    work(&members[0]);
    for (int i = 1; i < count; i++)
        pthread_join(members[i].thread, NULL);
    add_up(out, members, count);
    out->processor = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - processor;
    plo_free(members);
    if (crew.failed && err != NULL)
        *err = crew.error;
    return crew.failed ? crew.error.code : 0;
}
