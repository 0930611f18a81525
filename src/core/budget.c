// budget.c: the process's budget of bytes (see budget.h). One lock guards everything; it is held
// for a few instructions and never while a waiter is woken.
#include "core/budget.h"

#include <stdatomic.h>
#include <stddef.h>

#include "base/alloc.h"
#include "base/memory_use.h"
#include "core/fork.h"
#include "core/memory_marks.h"

// Guarded by the lock below.
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER; // a waiter's wake has returned
static uint64_t limit;                                  // 0: the default
static uint64_t reserved;                               // by rows at work
static int64_t charged; // by what lives long; below 0 while a give-back has overtaken its charge
static uint64_t peak;
static struct plo_budget_waiter *first;
static struct plo_budget_waiter **last = &first;

static _Atomic uint64_t by_default;          // 0: not yet found
static _Atomic enum plo_admission admission; // changes under the lock

// A child of fork() owes nothing, and nobody waits in it.
static void begin_anew(void)
{
    admission = PLO_ADMIT_ALL;
    reserved = 0;
    charged = 0;
    first = NULL;
    last = &first;
    woken = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
}

static struct plo_lock lock = PLO_LOCK_INIT(begin_anew);

// Found without the lock: it reads files.
static uint64_t default_limit(void)
{
    uint64_t bytes = by_default;
    if (bytes == 0) {
        struct plo_memory_use use;
        plo_memory_use_read(&use);
        bytes = plo_memory_limit(0, &use);
        plo_memory_marks_complain();
        by_default = bytes;
        plo_lock_take(&lock);
        uint64_t most = limit != 0 ? limit : bytes;
        plo_lock_release(&lock);
        plo_alloc_fit(most);
    }
    return bytes;
}

static uint64_t used_locked(void)
{
    return reserved + (charged > 0 ? (uint64_t)charged : 0);
}

static void note_peak(void)
{
    if (used_locked() > peak)
        peak = used_locked();
}

static void enqueue(struct plo_budget_waiter *waiter)
{
    if (waiter == NULL || waiter->queued)
        return;
    waiter->queued = true;
    waiter->next = NULL;
    *last = waiter;
    last = &waiter->next;
}

// Wakes everyone who waits: each asks again and the first to fit goes on. There is at most one
// waiter a run.
static void wake_all(void)
{
    size_t count = 0;
    plo_lock_take(&lock);
    // Who queues again meanwhile waits for the next bytes.
    for (struct plo_budget_waiter *waiter = first; waiter != NULL; waiter = waiter->next)
        count++;
    for (; count > 0 && first != NULL; count--) {
        struct plo_budget_waiter *waiter = first;
        first = waiter->next;
        if (first == NULL)
            last = &first;
        waiter->queued = false;
        waiter->waking++;
        plo_lock_release(&lock);
        waiter->wake(waiter);
        plo_lock_take(&lock);
        waiter->waking--;
        pthread_cond_broadcast(&woken);
    }
    plo_lock_release(&lock);
}

void plo_budget_set(uint64_t bytes)
{
    plo_lock_take(&lock);
    limit = bytes;
    by_default = 0;
    plo_lock_release(&lock);
    (void)default_limit(); // and the heap fits the new one
    wake_all();
}

void plo_budget_admit(enum plo_admission what)
{
    plo_lock_take(&lock);
    admission = what;
    plo_lock_release(&lock);
    wake_all();
}

enum plo_admission plo_budget_admission(void)
{
    return atomic_load_explicit(&admission, memory_order_relaxed);
}

uint64_t plo_budget_limit(void)
{
    uint64_t otherwise = default_limit();
    plo_lock_take(&lock);
    uint64_t bytes = limit != 0 ? limit : otherwise;
    plo_lock_release(&lock);
    return bytes;
}

uint64_t plo_budget_used(void)
{
    plo_lock_take(&lock);
    uint64_t bytes = used_locked();
    plo_lock_release(&lock);
    return bytes;
}

uint64_t plo_budget_peak(void)
{
    plo_lock_take(&lock);
    uint64_t bytes = peak;
    plo_lock_release(&lock);
    return bytes;
}

// Whether bytes that fit the budget may be had now, with the lock held.
static enum plo_grant grant_locked(uint64_t bytes, uint64_t most, bool begun)
{
    enum plo_admission now = admission;
    if (reserved == 0)
        return now == PLO_ADMIT_NONE && !begun ? PLO_REFUSED : PLO_GRANTED;
    if (now >= PLO_ADMIT_ONE)
        return PLO_WAIT;
    most = now == PLO_ADMIT_HALF ? most / 2 : most;
    return bytes + used_locked() > most ? PLO_WAIT : PLO_GRANTED;
}

static enum plo_grant reserve(uint64_t bytes, bool begun, struct plo_budget_waiter *waiter)
{
    if (bytes == 0)
        return PLO_GRANTED;
    uint64_t otherwise = default_limit();
    plo_lock_take(&lock);
    uint64_t most = limit != 0 ? limit : otherwise;
    enum plo_grant grant = bytes > most ? PLO_NEVER : grant_locked(bytes, most, begun);
    if (grant == PLO_GRANTED)
        reserved += bytes;
    else if (grant == PLO_WAIT)
        enqueue(waiter);
    note_peak();
    plo_lock_release(&lock);
    return grant;
}

enum plo_grant plo_budget_reserve(uint64_t bytes, struct plo_budget_waiter *waiter)
{
    return reserve(bytes, false, waiter);
}

enum plo_grant plo_budget_reserve_begun(uint64_t bytes, struct plo_budget_waiter *waiter)
{
    return reserve(bytes, true, waiter);
}

void plo_budget_release(uint64_t bytes)
{
    plo_lock_take(&lock);
    reserved -= bytes < reserved ? bytes : reserved;
    bool waiting = first != NULL;
    plo_lock_release(&lock);
    if (waiting)
        wake_all();
}

void plo_budget_forget(struct plo_budget_waiter *waiter)
{
    plo_lock_take(&lock);
    if (waiter->queued) {
        struct plo_budget_waiter **link = &first;
        while (*link != waiter)
            link = &(*link)->next;
        *link = waiter->next;
        if (last == &waiter->next)
            last = link;
        waiter->queued = false;
    }
    while (waiter->waking > 0)
        pthread_cond_wait(&woken, &lock.mutex);
    plo_lock_release(&lock);
}

bool plo_budget_charge(uint64_t bytes)
{
    uint64_t otherwise = default_limit();
    plo_lock_take(&lock);
    uint64_t most = limit != 0 ? limit : otherwise;
    bool fits = bytes <= INT64_MAX && charged + (int64_t)bytes <= (int64_t)most;
    if (fits)
        charged += (int64_t)bytes;
    note_peak();
    plo_lock_release(&lock);
    return fits;
}

void plo_budget_adjust(int64_t bytes)
{
    plo_lock_take(&lock);
    charged += bytes;
    note_peak();
    plo_lock_release(&lock);
    if (bytes < 0)
        wake_all();
}
