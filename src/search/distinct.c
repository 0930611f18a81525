// distinct.c: a table of hashes with open addressing, never more than half full (see distinct.h).
#include "search/distinct.h"

#include "base/alloc.h"
#include "core/fail.h"

int plo_distinct_init(struct plo_distinct *set, size_t most, struct pipilo_error *err)
{
    size_t size = 16;
    while (size / 2 < most)
        size *= 2;
    set->mask = size - 1;
    set->slots = plo_alloc0(size, sizeof *set->slots);
    return set->slots != NULL ? 0 : plo_fail_nomem(err, size * sizeof *set->slots);
}

int plo_distinct_find(struct plo_distinct *set, uint64_t hash, size_t *place,
                      int (*same)(void *cookie, size_t place), void *cookie)
{
    size_t at = (size_t)hash & set->mask;
    for (; set->slots[at] != 0; at = (at + 1) & set->mask) {
        size_t there = (size_t)(set->slots[at] & UINT32_MAX) - 1;
        int result = set->slots[at] >> 32 == hash >> 32 ? same(cookie, there) : 0;
        if (result == 1)
            *place = there;
        if (result != 0)
            return result < 0 ? result : 0;
    }
    set->slots[at] = (hash & ~(uint64_t)UINT32_MAX) | (uint64_t)(*place + 1);
    return 0;
}

void plo_distinct_reset(struct plo_distinct *set)
{
    plo_free(set->slots);
    set->slots = NULL;
}
