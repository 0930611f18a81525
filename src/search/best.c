// best.c: a bounded heap of hits (see best.h).
#include "search/best.h"

#include <stdlib.h>

static void swap(struct plo_search_hit *a, struct plo_search_hit *b)
{
    struct plo_search_hit kept = *a;
    *a = *b;
    *b = kept;
}

static void sift_up(struct plo_search_hit *heap, size_t at)
{
    for (; at > 0 && plo_best_worse(&heap[at], &heap[(at - 1) / 2]); at = (at - 1) / 2)
        swap(&heap[at], &heap[(at - 1) / 2]);
}

static void sift_down(struct plo_search_hit *heap, size_t count)
{
    for (size_t at = 0, child = 1; child < count; at = child, child = 2 * child + 1) {
        if (child + 1 < count && plo_best_worse(&heap[child + 1], &heap[child]))
            child++;
        if (!plo_best_worse(&heap[child], &heap[at]))
            break;
        swap(&heap[child], &heap[at]);
    }
}

void plo_best_add(struct plo_best *best, struct plo_search_hit hit)
{
    if (best->found < best->limit) {
        best->hits[best->found] = hit;
        sift_up(best->hits, best->found++);
    } else {
        best->hits[0] = hit;
        sift_down(best->hits, best->found);
    }
}

static int best_first(const void *a, const void *b)
{
    return plo_best_worse(a, b) ? 1 : plo_best_worse(b, a) ? -1 : 0;
}

void plo_best_sort(struct plo_search_hit *hits, size_t count)
{
    if (count > 1)
        qsort(hits, count, sizeof *hits, best_first);
}
