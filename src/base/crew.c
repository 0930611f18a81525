// crew.c: threads for one job (see crew.h).
#include "base/crew.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#include "base/alloc.h"

struct member {
    void (*work)(void *cookie);
    void *cookie;
    pthread_t thread;
    bool started;
};

static void *begin(void *own)
{
    struct member *member = own;
    member->work(member->cookie);
    return NULL;
}

static void start_all(struct member *members, size_t count)
{
    sigset_t every, before;
    sigfillset(&every);
    // A thread inherits what is blocked: signals are for the program's own threads.
    bool blocked = pthread_sigmask(SIG_SETMASK, &every, &before) == 0;
    for (size_t i = 1; i < count; i++)
        members[i].started = pthread_create(&members[i].thread, NULL, begin, &members[i]) == 0;
    if (blocked)
        pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void plo_crew_run(void (*work)(void *cookie), void *const *cookies, size_t count)
{
    struct member *members = count > 1 ? plo_alloc0(count, sizeof *members) : NULL;
    for (size_t i = 0; members != NULL && i < count; i++)
        members[i] = (struct member){ .work = work, .cookie = cookies[i] };
    if (members != NULL)
        start_all(members, count);
    work(cookies[0]);
    for (size_t i = 1; i < count; i++) {
        if (members != NULL && members[i].started)
            pthread_join(members[i].thread, NULL);
        else
            work(cookies[i]);
    }
    plo_free(members);
}
