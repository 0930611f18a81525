// process.c: the settings of the process (see process.h).
#include "ops/process.h"

#include <pthread.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void prepare(void)
{
#if defined(__GLIBC__)
    mallopt(M_ARENA_MAX, 1);
#endif
}

void plo_process_prepare(void)
{
    pthread_once(&once, prepare);
}
