// best.h: the k best hits of many, kept in a heap with the worst on top: a hit that is no better
// than that costs one comparison. Which hits are kept depends on the hits alone, not on the order
// they come in: equal scores go by row. Threads: one at a time.
#ifndef PLO_SEARCH_BEST_H
#define PLO_SEARCH_BEST_H

#include <stdbool.h>
#include <stddef.h>

#include "search/search.h"

struct plo_best {
    struct plo_search_hit *hits; // room for `limit`, lent by the owner
    size_t found, limit;
};

// The slow half of plo_best_offer: the hit is among the best so far.
void plo_best_add(struct plo_best *best, struct plo_search_hit hit);

// True where `a` is a worse hit than `b`: lower, or as high and later.
static inline bool plo_best_worse(const struct plo_search_hit *a, const struct plo_search_hit *b)
{
    return a->score < b->score || (a->score == b->score && a->row > b->row);
}

static inline void plo_best_offer(struct plo_best *best, struct plo_search_hit hit)
{
    if (best->found < best->limit || plo_best_worse(&best->hits[0], &hit))
        plo_best_add(best, hit);
}

// Puts the best first; the heap is none any more.
void plo_best_sort(struct plo_search_hit *hits, size_t count);

#endif
