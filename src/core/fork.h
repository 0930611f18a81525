// fork.h: what becomes of the library in a child of fork(). Its threads are gone and any of its
// locks could be held for good, so everything the child inherits is abandoned: never used, never
// freed. State of the whole process stands behind a struct plo_lock, which is taken around each
// fork, so that the state is whole, and begins anew in the child; an object remembers the
// generation it was made in, and one of another generation is left alone.
//
// Threads: any; the generation changes only while there is one thread.
#ifndef PLO_CORE_FORK_H
#define PLO_CORE_FORK_H

#include <pthread.h>
#include <stdbool.h>

// The members are private, but for `mutex`: a condition variable waits with it.
struct plo_lock {
    pthread_mutex_t mutex;
    void (*begin_anew)(void);
    bool watched; // atomic: known to the handlers of fork()
    struct plo_lock *next;
};

// A static lock. `begin_anew` (may be NULL: the state holds in the child, too) is called in the
// child of each fork, before anything else is done there, with the lock held.
#define PLO_LOCK_INIT(begin_anew)                          \
    {                                                      \
        PTHREAD_MUTEX_INITIALIZER, begin_anew, false, NULL \
    }

void plo_lock_take(struct plo_lock *lock);
void plo_lock_release(struct plo_lock *lock);

// How many calls of fork() lie between the process that first asked or took a lock and this one.
unsigned plo_fork_generation(void);

#endif
