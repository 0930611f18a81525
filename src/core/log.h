// log.h: a line for people about what the library does by itself (the public side is
// pipilo_set_log). Threads: any.
#ifndef PLO_CORE_LOG_H
#define PLO_CORE_LOG_H

#include <pipilo/library.h>

#include "base/alloc.h"

// Not under a lock that who writes the line could want.
void plo_log(const char *format, ...) PLO_PRINTF(1, 2);

#endif
