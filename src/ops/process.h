// process.h: what is true of the whole process: its version, and what is set before its first
// thread. Threads: any.
#ifndef PLO_OPS_PROCESS_H
#define PLO_OPS_PROCESS_H

#include <pipilo/version.h>

#define PLO_TEXT_OF(x)  #x
#define PLO_TEXT(macro) PLO_TEXT_OF(macro)

// "0.1.0"
#define PLO_VERSION_TEXT           \
    PLO_TEXT(PIPILO_VERSION_MAJOR) \
    "." PLO_TEXT(PIPILO_VERSION_MINOR) "." PLO_TEXT(PIPILO_VERSION_PATCH)

// One heap for all threads: glibc otherwise gives each thread an arena that keeps what it once
// held, which adds megabytes that come and go with the threads. Costs nothing after the first call.
void plo_process_prepare(void);

#endif
