// pool.c: worker threads and the queue of runs (see pool.h).
#include "flow/pool.h"

#include <pthread.h>
#include <signal.h>

#include "base/cores.h"
#include "core/fail.h"
#include "core/fork.h"
#include "flow/run.h"

enum { MOST_THREADS = 1024 };

// Guarded by the lock below.
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static unsigned wanted; // 0: not set
static unsigned size;   // places; 0: not found yet
static unsigned active; // places taken
static unsigned started;
static bool stopping;
static pthread_t threads[MOST_THREADS];
static pipilo_run *first, *last; // queued, linked by run->next_queued

// A child of fork() has no workers and no runs.
static void begin_anew(void)
{
    active = started = size = 0;
    stopping = false;
    first = last = NULL;
    work = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
}

static struct plo_lock lock = PLO_LOCK_INIT(begin_anew);

static unsigned size_locked(void)
{
    if (size == 0)
        size = wanted > 0 ? wanted : (unsigned)plo_cores();
    return size;
}

int plo_pool_set_size(unsigned new_size, struct pipilo_error *err)
{
    if (new_size > MOST_THREADS)
        return plo_fail(err, PIPILO_EINVALID, "%u threads are more than %d", new_size,
                        MOST_THREADS);
    plo_lock_take(&lock);
    bool busy = started > 0;
    if (!busy) {
        wanted = new_size;
        size = 0;
    }
    plo_lock_release(&lock);
    return busy ? plo_fail(err, PIPILO_EBUSY, "the threads run already") : 0;
}

unsigned plo_pool_size(void)
{
    plo_lock_take(&lock);
    unsigned now = size_locked();
    plo_lock_release(&lock);
    return now;
}

// plo_pool_wanted reads it without the lock.
static void set_first(pipilo_run *run)
{
    __atomic_store_n(&first, run, __ATOMIC_RELAXED);
}

static pipilo_run *take_queued(void)
{
    pipilo_run *run = first;
    if (run != NULL) {
        set_first(run->next_queued);
        if (first == NULL)
            last = NULL;
        run->queued = false;
    }
    return run;
}

static void *worker(void *unused)
{
    (void)unused;
    plo_lock_take(&lock);
    for (;;) {
        while (!stopping && (first == NULL || active >= size))
            pthread_cond_wait(&work, &lock.mutex);
        if (stopping)
            break;
        pipilo_run *run = take_queued();
        active++;
        plo_lock_release(&lock);
        plo_run_work(run);
        plo_run_release(run);
        plo_lock_take(&lock);
        active--;
        if (first != NULL)
            pthread_cond_signal(&work);
    }
    plo_lock_release(&lock);
    return NULL;
}

// Signals are the program's: workers block them all.
static void start_locked(void)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    while (started < size_locked() && pthread_create(&threads[started], NULL, worker, NULL) == 0)
        started++;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void plo_pool_submit(pipilo_run *run)
{
    plo_lock_take(&lock);
    if (started == 0 && !stopping)
        start_locked();
    if (!run->queued && started > 0) {
        run->queued = true;
        plo_run_retain(run);
        run->next_queued = NULL;
        if (last != NULL)
            last->next_queued = run;
        else
            set_first(run);
        last = run;
        pthread_cond_signal(&work);
    }
    plo_lock_release(&lock);
}

void plo_pool_forget(pipilo_run *run)
{
    plo_lock_take(&lock);
    bool queued = run->queued;
    pipilo_run *before = NULL;
    for (pipilo_run *at = first; queued && at != run; at = at->next_queued)
        before = at;
    if (queued && before != NULL)
        before->next_queued = run->next_queued;
    else if (queued)
        set_first(run->next_queued);
    if (queued && last == run)
        last = before;
    run->queued = false;
    plo_lock_release(&lock);
    if (queued)
        plo_run_release(run);
}

bool plo_pool_wanted(void)
{
    return __atomic_load_n(&first, __ATOMIC_RELAXED) != NULL;
}

bool plo_pool_enter(const pipilo_run *run)
{
    plo_lock_take(&lock);
    bool entered = active < size_locked() && (first == NULL || first == run);
    if (!entered && started == 0 && !stopping) {
        // Where no thread can be started nobody else would do the work.
        start_locked();
        entered = started == 0;
    }
    active += entered;
    plo_lock_release(&lock);
    return entered;
}

void plo_pool_leave(void)
{
    plo_lock_take(&lock);
    active--;
    if (first != NULL)
        pthread_cond_signal(&work);
    plo_lock_release(&lock);
}

void plo_pool_stop(void)
{
    plo_lock_take(&lock);
    stopping = true;
    pthread_cond_broadcast(&work);
    unsigned count = started;
    plo_lock_release(&lock);
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    plo_lock_take(&lock);
    started = 0;
    stopping = false;
    pipilo_run *run = first;
    set_first(NULL);
    last = NULL;
    plo_lock_release(&lock);
    while (run != NULL) {
        pipilo_run *next = run->next_queued;
        run->queued = false;
        plo_run_release(run);
        run = next;
    }
}
