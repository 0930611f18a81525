// fork_gate.c: a count of threads inside, and the handlers of fork() (see fork_gate.h).
#include "model/engines/fork_gate.h"

#include <pthread.h>
#include <stdbool.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; // guards what follows
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static unsigned inside;
static bool closed; // somebody forks, or waits to: nobody else comes in, or it would wait for ever

static void before(void)
{
    pthread_mutex_lock(&lock);
    closed = true;
    while (inside > 0)
        pthread_cond_wait(&moved, &lock);
}

static void in_parent(void)
{
    closed = false;
    pthread_cond_broadcast(&moved);
    pthread_mutex_unlock(&lock);
}

static void in_child(void)
{
    closed = false;
    moved = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    pthread_mutex_unlock(&lock);
}

static void handle_forks(void)
{
    pthread_atfork(before, in_parent, in_child);
}

void plo_fork_gate_enter(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, handle_forks);
    pthread_mutex_lock(&lock);
    while (closed)
        pthread_cond_wait(&moved, &lock);
    inside++;
    pthread_mutex_unlock(&lock);
}

void plo_fork_gate_leave(void)
{
    pthread_mutex_lock(&lock);
    if (--inside == 0 && closed)
        pthread_cond_broadcast(&moved);
    pthread_mutex_unlock(&lock);
}
