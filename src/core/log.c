// log.c: lines to whoever asked for them (see log.h).
#include "core/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

static _Atomic(const struct pipilo_log *) current;

void pipilo_set_log(const struct pipilo_log *log)
{
    atomic_store(&current, log);
}

void plo_log(const char *format, ...)
{
    const struct pipilo_log *log = atomic_load(&current);
    char line[512];
    va_list args;
    if (log == NULL)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    log->write(log->cookie, line);
}
