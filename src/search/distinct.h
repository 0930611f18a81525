// distinct.h: which vectors of a store are the same, bit for bit, so that an index holds each once.
// The set knows vectors by their places and hashes only; who asks compares them.
// Threads: one at a time.
#ifndef PLO_SEARCH_DISTINCT_H
#define PLO_SEARCH_DISTINCT_H

#include <stddef.h>
#include <stdint.h>

#include <pipilo/error.h>

struct plo_distinct {
    uint64_t *slots; // the hash's upper half, and the place + 1; 0 is free
    size_t mask;
};

// For `most` vectors (below 2^32), at up to 32 bytes each. Errors: PIPILO_ENOMEM.
int plo_distinct_init(struct plo_distinct *set, size_t most, struct pipilo_error *err);

// Sets `*place` to that of the vector that `same` says is this one, and keeps `*place` for this one
// where there is none. `same` gives 1, 0 or an error, which is returned.
int plo_distinct_find(struct plo_distinct *set, uint64_t hash, size_t *place,
                      int (*same)(void *cookie, size_t place), void *cookie);

void plo_distinct_reset(struct plo_distinct *set);

#endif
