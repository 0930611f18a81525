// clock.h: the time since the machine started, in nanoseconds. Threads: any.
#ifndef SERVER_CLOCK_H
#define SERVER_CLOCK_H

#include <stdint.h>
#include <time.h>

#define MILLISECOND INT64_C(1000000)
#define SECOND      INT64_C(1000000000)

static inline int64_t clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SECOND + now.tv_nsec;
}

#endif
