// search.c: exact cosine search with a bounded heap for each query (see search.h).
#include "search/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/fail.h"

enum {
    LANES = 16,
    RUN = 256,              // values summed in float before they go to double
    BLOCK_FLOATS = 1 << 18, // of a block, about what stays in a core's cache
    BLOCK_ROWS = 4096,
};

struct plo_search {
    float *queries;
    double *norms; // of the queries
    size_t count;
    size_t dim;
    size_t k;
    // k places a query, a heap with the worst hit on top.
    struct plo_search_hit *hits;
    size_t *found;
    struct plo_search_hit *sorted;
};

// Sum of products. The lanes make the order of additions the compiler's to vectorise without leave
// to reorder any.
static double dot(const float *a, const float *b, size_t n)
{
    double sum = 0;
    size_t i = 0;
    while (n - i >= LANES) {
        float lanes[LANES] = { 0 };
        size_t end = n - i > RUN ? i + RUN : i + (n - i) / LANES * LANES;
        for (; i < end; i += LANES)
            for (size_t j = 0; j < LANES; j++)
                lanes[j] += a[i + j] * b[i + j];
        for (size_t j = 0; j < LANES; j++)
            sum += (double)lanes[j];
    }
    for (; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

// The same in double throughout, for values whose squares leave a float's range.
static double dot_wide(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

static bool in_range(double squares)
{
    return squares > 1e-20 && squares < 1e30;
}

// True where `a` is a worse hit than `b`: lower, or as high and later.
static bool worse(const struct plo_search_hit *a, const struct plo_search_hit *b)
{
    return a->score < b->score || (a->score == b->score && a->row > b->row);
}

static void swap(struct plo_search_hit *a, struct plo_search_hit *b)
{
    struct plo_search_hit kept = *a;
    *a = *b;
    *b = kept;
}

static void sift_up(struct plo_search_hit *heap, size_t at)
{
    for (; at > 0 && worse(&heap[at], &heap[(at - 1) / 2]); at = (at - 1) / 2)
        swap(&heap[at], &heap[(at - 1) / 2]);
}

static void sift_down(struct plo_search_hit *heap, size_t count)
{
    for (size_t at = 0, child = 1; child < count; at = child, child = 2 * child + 1) {
        if (child + 1 < count && worse(&heap[child + 1], &heap[child]))
            child++;
        if (!worse(&heap[child], &heap[at]))
            break;
        swap(&heap[child], &heap[at]);
    }
}

static void offer(struct plo_search *search, size_t query, struct plo_search_hit hit)
{
    struct plo_search_hit *heap = search->hits + query * search->k;
    size_t *found = &search->found[query];
    if (*found < search->k) {
        heap[*found] = hit;
        sift_up(heap, (*found)++);
    } else if (worse(&heap[0], &hit)) {
        heap[0] = hit;
        sift_down(heap, *found);
    }
}

static int copy_queries(struct plo_search *search, const float *queries, struct pipilo_error *err)
{
    memcpy(search->queries, queries, search->count * search->dim * sizeof *queries);
    for (size_t i = 0; i < search->count; i++) {
        const float *query = search->queries + i * search->dim;
        double squares = dot_wide(query, query, search->dim);
        if (!isfinite(squares) || squares == 0)
            return plo_fail(err, PIPILO_EINVALID,
                            "the query's vector is all zeros or holds what is no number");
        search->norms[i] = sqrt(squares);
    }
    return 0;
}

int plo_search_create(struct plo_search **out, const float *queries, size_t count, size_t dim,
                      size_t k, struct pipilo_error *err)
{
    if (count == 0 || dim == 0 || k == 0 || count > SIZE_MAX / sizeof(float) / dim ||
        count > SIZE_MAX / sizeof(struct plo_search_hit) / k)
        return plo_fail(err, PIPILO_EINVALID, "a search needs a query, a dim and a number of hits");
    struct plo_search *search = plo_alloc0(1, sizeof *search);
    if (search == NULL)
        return plo_fail_nomem(err, sizeof *search);
    search->count = count;
    search->dim = dim;
    search->k = k;
    search->queries = plo_alloc_aligned(count * dim * sizeof *search->queries);
    search->norms = plo_alloc0(count, sizeof *search->norms);
    search->hits = plo_alloc0(count * k, sizeof *search->hits);
    search->found = plo_alloc0(count, sizeof *search->found);
    search->sorted = plo_alloc0(k, sizeof *search->sorted);
    int result = 0;
    if (search->queries == NULL || search->norms == NULL || search->hits == NULL ||
        search->found == NULL || search->sorted == NULL)
        result = plo_fail_nomem(err, count * (dim * sizeof(float) + k * sizeof *search->hits));
    else
        result = copy_queries(search, queries, err);
    if (result < 0) {
        plo_search_destroy(search);
        return result;
    }
    *out = search;
    return 0;
}

void plo_search_add(struct plo_search *search, int64_t first, size_t count, const float *vectors,
                    const uint8_t *valid)
{
    size_t dim = search->dim;
    for (size_t i = 0; i < count; i++) {
        const float *vector = vectors + i * dim;
        if (valid != NULL && valid[i] == 0)
            continue;
        double squares = dot(vector, vector, dim);
        bool wide = !in_range(squares);
        if (wide)
            squares = dot_wide(vector, vector, dim);
        if (!isfinite(squares) || squares == 0)
            continue;
        double norm = sqrt(squares);
        for (size_t q = 0; q < search->count; q++) {
            const float *query = search->queries + q * dim;
            bool query_wide = !in_range(search->norms[q] * search->norms[q]);
            double product =
                wide || query_wide ? dot_wide(query, vector, dim) : dot(query, vector, dim);
            float score = (float)(product / search->norms[q] / norm);
            offer(search, q, (struct plo_search_hit){ .row = first + (int64_t)i, .score = score });
        }
    }
}

int plo_search_run(struct plo_search *search, int64_t rows, plo_search_read read, void *cookie,
                   struct pipilo_error *err)
{
    size_t block = BLOCK_FLOATS / search->dim;
    block = block < 1 ? 1 : block > BLOCK_ROWS ? BLOCK_ROWS : block;
    float *vectors = plo_alloc_aligned(block * search->dim * sizeof *vectors);
    uint8_t *valid = plo_alloc0(block, 1);
    int result = 0;
    if (vectors == NULL || valid == NULL)
        result = plo_fail_nomem(err, block * search->dim * sizeof *vectors);
    for (int64_t first = 0; result == 0 && first < rows; first += (int64_t)block) {
        size_t count = rows - first < (int64_t)block ? (size_t)(rows - first) : block;
        result = read(cookie, first, count, vectors, valid, err);
        if (result == 0)
            plo_search_add(search, first, count, vectors, valid);
    }
    plo_free(vectors);
    plo_free(valid);
    return result;
}

static int best_first(const void *a, const void *b)
{
    return worse(a, b) ? 1 : worse(b, a) ? -1 : 0;
}

size_t plo_search_hits(struct plo_search *search, size_t query, const struct plo_search_hit **hits)
{
    size_t found = search->found[query];
    memcpy(search->sorted, search->hits + query * search->k, found * sizeof *search->sorted);
    if (found > 1)
        qsort(search->sorted, found, sizeof *search->sorted, best_first);
    *hits = search->sorted;
    return found;
}

void plo_search_destroy(struct plo_search *search)
{
    if (search == NULL)
        return;
    plo_free(search->queries);
    plo_free(search->norms);
    plo_free(search->hits);
    plo_free(search->found);
    plo_free(search->sorted);
    plo_free(search);
}
