// live.h: how many objects of each kind are alive, so that closing the library can prove them gone.
// Threads: any.
#ifndef PLO_CORE_LIVE_H
#define PLO_CORE_LIVE_H

#include <stdint.h>

// XX(symbol, name); the names show in pipilo_stats and in messages.
#define PLO_LIVE_MAP(XX)      \
    XX(VALUE, "values")       \
    XX(IMAGE, "images")       \
    XX(PIPELINE, "pipelines") \
    XX(RUN, "runs")           \
    XX(MODEL, "models")       \
    XX(SOURCE, "sources")     \
    XX(TABLE, "tables")

enum plo_live {
#define XX(symbol, name) PLO_LIVE_##symbol,
    PLO_LIVE_MAP(XX)
#undef XX
        PLO_LIVE_KINDS
};

void plo_live_add(enum plo_live kind, int64_t change);
int64_t plo_live_count(enum plo_live kind);
const char *plo_live_name(enum plo_live kind);

#endif
