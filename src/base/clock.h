// clock.h: monotonic time. Threads: any.
#ifndef PLO_BASE_CLOCK_H
#define PLO_BASE_CLOCK_H

#include <stdint.h>

// Nanoseconds since an arbitrary start; never goes back.
int64_t plo_clock_ns(void);

#endif
