// held.h: what requests hold in memory together: bodies, fetched pictures, rows of pipelines, and
// answers that wait to be read. Threads: any.
#ifndef SERVER_HELD_H
#define SERVER_HELD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct held {
    _Atomic int64_t bytes;
    int64_t most; // fixed
};

// False where it would be too much: nothing is taken then. What is too much by itself is let in
// once nothing else is held.
static inline bool held_take(struct held *held, size_t bytes)
{
    int64_t before = atomic_fetch_add(&held->bytes, (int64_t)bytes);
    if (before == 0 || before + (int64_t)bytes <= held->most)
        return true;
    atomic_fetch_sub(&held->bytes, (int64_t)bytes);
    return false;
}

static inline void held_give(struct held *held, size_t bytes)
{
    atomic_fetch_sub(&held->bytes, (int64_t)bytes);
}

#endif
