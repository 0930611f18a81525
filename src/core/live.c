// live.c: one atomic counter a kind of object (see live.h).
#include "core/live.h"

#include <stdatomic.h>

static _Atomic int64_t counts[PLO_LIVE_KINDS];

void plo_live_add(enum plo_live kind, int64_t change)
{
    atomic_fetch_add_explicit(&counts[kind], change, memory_order_relaxed);
}

int64_t plo_live_count(enum plo_live kind)
{
    return atomic_load(&counts[kind]);
}

const char *plo_live_name(enum plo_live kind)
{
    static const char *const names[] = {
#define XX(symbol, name) name,
        PLO_LIVE_MAP(XX)
#undef XX
    };
    return names[kind];
}
