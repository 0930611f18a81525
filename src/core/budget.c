// budget.c: the process's budget of bytes (see budget.h). One lock guards everything; it is held
// for a few instructions and never while a waiter is woken.
#include "core/budget.h"

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER; // a waiter's wake has returned
static uint64_t limit;                                  // 0: not yet found
static uint64_t reserved;                               // by rows at work
static int64_t charged; // by what lives long; below 0 while a give-back has overtaken its charge
static uint64_t peak;
static struct plo_budget_waiter *first;
static struct plo_budget_waiter **last = &first;

// The number in a cgroup file, or UINT64_MAX where there is none ("max", no file).
static uint64_t cgroup_number(const char *path)
{
    unsigned long long number = 0;
    FILE *file = fopen(path, "re");
    bool found = file != NULL && fscanf(file, "%llu", &number) == 1;
    if (file != NULL)
        fclose(file);
    return found ? number : UINT64_MAX;
}

// The smallest memory limit on the way from this process's cgroup to the root. Lines of
// /proc/self/cgroup read "0::/path" (v2) or "N:memory:/path" (v1).
static uint64_t cgroup_limit(void)
{
    uint64_t smallest = UINT64_MAX;
    char line[512], path[640];
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *group = strchr(line, ':');
        char *own = group != NULL ? strchr(group + 1, ':') : NULL;
        if (own == NULL)
            continue;
        *own++ = '\0';
        bool unified = group[1] == '\0';
        if (!unified && strstr(group + 1, "memory") == NULL)
            continue;
        for (char *end = own + strlen(own); end != NULL; end = strrchr(own, '/')) {
            *end = '\0';
            snprintf(path, sizeof path,
                     unified ? "/sys/fs/cgroup%s/memory.max"
                             : "/sys/fs/cgroup/memory%s/memory.limit_in_bytes",
                     own);
            uint64_t number = cgroup_number(path);
            smallest = number < smallest ? number : smallest;
        }
    }
    if (file != NULL)
        fclose(file);
    return smallest;
}

static uint64_t default_limit(void)
{
    uint64_t ram = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t group = cgroup_limit();
    return (group < ram ? group : ram) / 2;
}

static uint64_t limit_locked(void)
{
    if (limit == 0)
        limit = default_limit();
    return limit;
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
    pthread_mutex_lock(&lock);
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
        pthread_mutex_unlock(&lock);
        waiter->wake(waiter);
        pthread_mutex_lock(&lock);
        waiter->waking--;
        pthread_cond_broadcast(&woken);
    }
    pthread_mutex_unlock(&lock);
}

void plo_budget_fork(enum plo_fork stage)
{
    if (stage == PLO_FORK_BEFORE) {
        pthread_mutex_lock(&lock);
        return;
    }
    if (stage == PLO_FORK_CHILD) {
        reserved = 0;
        charged = 0;
        first = NULL;
        last = &first;
        woken = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    }
    pthread_mutex_unlock(&lock);
}

void plo_budget_set(uint64_t bytes)
{
    pthread_mutex_lock(&lock);
    limit = bytes;
    pthread_mutex_unlock(&lock);
    wake_all();
}

uint64_t plo_budget_limit(void)
{
    pthread_mutex_lock(&lock);
    uint64_t bytes = limit_locked();
    pthread_mutex_unlock(&lock);
    return bytes;
}

uint64_t plo_budget_used(void)
{
    pthread_mutex_lock(&lock);
    uint64_t bytes = used_locked();
    pthread_mutex_unlock(&lock);
    return bytes;
}

uint64_t plo_budget_peak(void)
{
    pthread_mutex_lock(&lock);
    uint64_t bytes = peak;
    pthread_mutex_unlock(&lock);
    return bytes;
}

enum plo_grant plo_budget_reserve(uint64_t bytes, struct plo_budget_waiter *waiter)
{
    enum plo_grant grant = PLO_GRANTED;
    pthread_mutex_lock(&lock);
    uint64_t most = limit_locked();
    if (bytes > most)
        grant = PLO_NEVER;
    else if (reserved > 0 && bytes + used_locked() > most)
        grant = PLO_WAIT;
    if (grant == PLO_GRANTED)
        reserved += bytes;
    else if (grant == PLO_WAIT)
        enqueue(waiter);
    note_peak();
    pthread_mutex_unlock(&lock);
    return grant;
}

void plo_budget_release(uint64_t bytes)
{
    pthread_mutex_lock(&lock);
    reserved -= bytes < reserved ? bytes : reserved;
    bool waiting = first != NULL;
    pthread_mutex_unlock(&lock);
    if (waiting)
        wake_all();
}

void plo_budget_forget(struct plo_budget_waiter *waiter)
{
    pthread_mutex_lock(&lock);
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
        pthread_cond_wait(&woken, &lock);
    pthread_mutex_unlock(&lock);
}

bool plo_budget_charge(uint64_t bytes)
{
    pthread_mutex_lock(&lock);
    bool fits = bytes <= INT64_MAX && charged + (int64_t)bytes <= (int64_t)limit_locked();
    if (fits)
        charged += (int64_t)bytes;
    note_peak();
    pthread_mutex_unlock(&lock);
    return fits;
}

void plo_budget_adjust(int64_t bytes)
{
    pthread_mutex_lock(&lock);
    charged += bytes;
    note_peak();
    pthread_mutex_unlock(&lock);
    if (bytes < 0)
        wake_all();
}
