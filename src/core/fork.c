// fork.c: the parts' handlers, called in a fixed order at each fork (see fork.h).
#include "core/fork.h"

#include <pthread.h>
#include <stddef.h>

enum { MOST_PARTS = 16 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; // guards what follows
static void (*parts[MOST_PARTS])(enum plo_fork stage);
static size_t count;

static unsigned generation; // changes only in a new child

static void before(void)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < count; i++)
        parts[i](PLO_FORK_BEFORE);
}

static void in_parent(void)
{
    for (size_t i = count; i > 0; i--)
        parts[i - 1](PLO_FORK_PARENT);
    pthread_mutex_unlock(&lock);
}

static void in_child(void)
{
    generation++;
    for (size_t i = count; i > 0; i--)
        parts[i - 1](PLO_FORK_CHILD);
    lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
}

unsigned plo_fork_generation(void)
{
    return generation;
}

static void watch(void)
{
    pthread_atfork(before, in_parent, in_child);
}

void plo_fork_add(void (*handler)(enum plo_fork stage))
{
    // Not under the lock: a fork in between would leave it held in the child.
    static pthread_once_t watched = PTHREAD_ONCE_INIT;
    pthread_once(&watched, watch);
    pthread_mutex_lock(&lock);
    size_t i = 0;
    while (i < count && parts[i] != handler)
        i++;
    if (i == count && count < MOST_PARTS)
        parts[count++] = handler;
    pthread_mutex_unlock(&lock);
}
