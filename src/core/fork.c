// fork.c: the locks of the process's state, all taken around each fork (see fork.h).
#include "core/fork.h"

#include <stddef.h>

static pthread_mutex_t list = PTHREAD_MUTEX_INITIALIZER; // guards what follows
static struct plo_lock *locks;

static unsigned generation; // changes only in a new child

static void before(void)
{
    pthread_mutex_lock(&list);
    for (struct plo_lock *lock = locks; lock != NULL; lock = lock->next)
        pthread_mutex_lock(&lock->mutex);
}

static void in_parent(void)
{
    for (struct plo_lock *lock = locks; lock != NULL; lock = lock->next)
        pthread_mutex_unlock(&lock->mutex);
    pthread_mutex_unlock(&list);
}

static void in_child(void)
{
    generation++;
    for (struct plo_lock *lock = locks; lock != NULL; lock = lock->next) {
        if (lock->begin_anew != NULL)
            lock->begin_anew();
        pthread_mutex_unlock(&lock->mutex);
    }
    pthread_mutex_unlock(&list);
}

static void handle_forks(void)
{
    pthread_atfork(before, in_parent, in_child);
}

static void watch_forks(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, handle_forks);
}

unsigned plo_fork_generation(void)
{
    watch_forks();
    return generation;
}

// A child of fork() never finds the lock held: the handlers know it before it is first taken.
static void watch(struct plo_lock *lock)
{
    // Not under the list's lock: a fork in between would leave that held in the child.
    watch_forks();
    pthread_mutex_lock(&list);
    if (!lock->watched) {
        lock->next = locks;
        locks = lock;
        __atomic_store_n(&lock->watched, true, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&list);
}

void plo_lock_take(struct plo_lock *lock)
{
    if (!__atomic_load_n(&lock->watched, __ATOMIC_ACQUIRE))
        watch(lock);
    pthread_mutex_lock(&lock->mutex);
}

void plo_lock_release(struct plo_lock *lock)
{
    pthread_mutex_unlock(&lock->mutex);
}
