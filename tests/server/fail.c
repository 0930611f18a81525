// fail.c: preloaded into the server: of $FAIL_EVERY allocations one fails, by chance, from the
// first SIGUSR2 to the next.
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);

static atomic_uint threads;
static atomic_int on;
static unsigned every = 1;
static _Thread_local unsigned seed;

static int fails(void)
{
    if (!atomic_load(&on))
        return 0;
    if (seed == 0)
        seed = 1 + 7919 * atomic_fetch_add(&threads, 1);
    seed = seed * 1103515245u + 12345u;
    if ((seed >> 8) % every != 0)
        return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    return fails() ? NULL : __libc_realloc(block, size);
}

static void turn(int signal)
{
    (void)signal;
    atomic_fetch_xor(&on, 1);
}

__attribute__((constructor)) static void begin(void)
{
    struct sigaction action = { .sa_handler = turn, .sa_flags = SA_RESTART };
    every = (unsigned)strtoul(getenv("FAIL_EVERY"), NULL, 10);
    sigaction(SIGUSR2, &action, NULL);
}
