// store_index_search.c: the nearest rows by an index. The index names a few more rows than are
// wanted; those are compared exactly, with the store's own vectors.
#include <string.h>

#include "api/store_parts.h"
#include "base/crew.h"
#include "core/fail.h"
#include "flow/pool.h"

enum {
    SPARE = 16,   // rows compared beyond those wanted: 16 bits may have turned their order
    GROUP = 1024, // queries at a time
};

// One thread's share: queries first, first + step, ... of a group.
struct share {
    const struct plo_index *index;
    const float *queries;
    size_t count, dim, wanted, first, step;
    int64_t *rows; // `wanted` places a query
    size_t *found;
    int result;
    struct pipilo_error err;
};

static void search_share(void *cookie)
{
    struct share *share = cookie;
    for (size_t i = share->first; share->result == 0 && i < share->count; i += share->step)
        share->result =
            plo_index_search(share->index, share->queries + i * share->dim, share->wanted,
                             share->rows + i * share->wanted, &share->found[i], &share->err);
}

static int search_all(const struct share *job, struct pipilo_error *err)
{
    size_t threads = plo_pool_size() < job->count ? plo_pool_size() : job->count;
    struct share *shares = plo_alloc0(threads, sizeof *shares);
    void **cookies = plo_alloc0(threads, sizeof *cookies);
    int result = shares == NULL || cookies == NULL ? plo_fail_nomem(err, 0) : 0;
    for (size_t i = 0; result == 0 && i < threads; i++) {
        shares[i] = *job;
        shares[i].first = i;
        shares[i].step = threads;
        cookies[i] = &shares[i];
    }
    if (result == 0)
        plo_crew_run(search_share, cookies, threads);
    for (size_t i = 0; result == 0 && i < threads; i++)
        if (shares[i].result < 0)
            result = plo_fail(err, shares[i].result, "%s", shares[i].err.message);
    plo_free(shares);
    plo_free(cookies);
    return result;
}

// The exact scores of one query's candidates, which are in the order of their rows.
static int compare(struct plo_search_hit *hits, size_t *found, pipilo_store *store,
                   const float *query, const int64_t *rows, size_t count, size_t limit,
                   float *vectors, struct pipilo_error *err)
{
    struct plo_search *search = NULL;
    struct plo_search_source source = { .rows = (int64_t)count, .mapped = vectors };
    size_t dim = store->info.dim;
    for (size_t i = 0; i < count; i++) {
        uint8_t valid = 0;
        PLO_TRY(plo_table_vectors(store->table, rows[i], 1, vectors + i * dim, &valid, err));
        if (!valid)
            memset(vectors + i * dim, 0, dim * sizeof *vectors);
    }
    PLO_TRY(plo_search_create(&search, query, 1, dim, limit, err));
    int result = plo_search_run(search, &source, 1, err);
    const struct plo_search_hit *sorted = NULL;
    *found = result == 0 ? plo_search_hits(search, 0, &sorted) : 0;
    for (size_t i = 0; i < *found; i++)
        hits[i] = (struct plo_search_hit){ rows[sorted[i].row], sorted[i].score };
    plo_search_destroy(search);
    return result;
}

static int search_group(struct plo_search_hit *hits, pipilo_store *store, struct share *job,
                        size_t *found, size_t limit, float *vectors, struct pipilo_error *err)
{
    PLO_TRY(search_all(job, err));
    for (size_t i = 0; i < job->count; i++)
        PLO_TRY(compare(hits + i * limit, &found[i], store, job->queries + i * job->dim,
                        job->rows + i * job->wanted, job->found[i], limit, vectors, err));
    return 0;
}

int plo_store_search_index(struct plo_search_hit *hits, size_t *found, pipilo_store *store,
                           const pipilo_index *index, const float *queries, size_t count,
                           size_t limit, struct pipilo_error *err)
{
    size_t group = count < GROUP ? count : GROUP;
    struct share job = { .index = index->file, .dim = store->info.dim, .wanted = limit + SPARE };
    float *vectors = plo_alloc_aligned(job.wanted * job.dim * sizeof *vectors);
    job.rows = plo_alloc0(group * job.wanted, sizeof *job.rows);
    job.found = plo_alloc0(group, sizeof *job.found);
    int result = vectors == NULL || job.rows == NULL || job.found == NULL
                     ? plo_fail_nomem(err, job.wanted * job.dim * sizeof *vectors)
                     : 0;
    for (size_t first = 0; result == 0 && first < count; first += group) {
        job.queries = queries + first * job.dim;
        job.count = count - first < group ? count - first : group;
        result =
            search_group(hits + first * limit, store, &job, found + first, limit, vectors, err);
    }
    plo_free(vectors);
    plo_free(job.rows);
    plo_free(job.found);
    return result;
}
