// search.c: exact cosine search (see search.h). The rows are dealt out in blocks; each thread keeps
// the best hits of those it got, and at the end the best of all threads are the answer.
#include "search/search.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/crew.h"
#include "base/half.h"
#include "core/fail.h"
#include "search/best.h"
#include "search/dot.h"

enum {
    BLOCK_FLOATS = 1 << 18, // of a block, about what stays in a core's cache
    BLOCK_ROWS = 4096,
    TILE_FLOATS = 1 << 14, // of the rows that are compared with all queries before the next ones
    TILE_ROWS = 16,
};

struct plo_search {
    const struct plo_dot_kernels *kernels;
    float *queries;
    double *norms; // of the queries
    size_t count;
    size_t dim;
    size_t k;
    struct plo_search_hit *hits; // `limit` places a query, sorted after a run
    size_t *found;
    size_t limit;
};

// What the threads of a run share.
struct job {
    const struct plo_search *search;
    const struct plo_search_source *source;
    size_t block, tile;          // rows
    const struct worker *caller; // the calling thread's
    pthread_mutex_t lock;
    int64_t next;             // guarded by the lock, as the source's reading is
    int result;               // guarded by the lock
    struct pipilo_error *err; // guarded by the lock
};

struct worker {
    struct job *job;
    struct plo_best *best; // one a query
    struct plo_search_hit *hits;
    float *block; // what is read
    uint8_t *valid;
    float *tile; // halves as floats
};

// A row of the tile under work; a norm of 0 leaves it out.
struct row {
    const float *values;
    int64_t number;
    double norm;
    bool wide;
};

// In double throughout, for values whose squares leave a float's range.
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

// --- queries -------------------------------------------------------------------------------------

// Brings a query of odd size near 1 by a power of two, which changes no score.
static void scale(float *query, size_t dim)
{
    float most = 0;
    int exponent = 0;
    for (size_t i = 0; i < dim; i++)
        most = fmaxf(most, fabsf(query[i]));
    (void)frexpf(most, &exponent);
    for (size_t i = 0; i < dim; i++)
        query[i] = ldexpf(query[i], -exponent);
}

static int copy_queries(struct plo_search *search, const float *queries, struct pipilo_error *err)
{
    size_t dim = search->dim;
    memcpy(search->queries, queries, search->count * dim * sizeof *queries);
    for (size_t i = 0; i < search->count; i++) {
        float *query = search->queries + i * dim;
        double squares = dot_wide(query, query, dim);
        if (!isfinite(squares) || squares == 0)
            return plo_fail(err, PIPILO_EINVALID,
                            "the query's vector is all zeros or holds what is no number");
        if (!in_range(squares)) {
            scale(query, dim);
            squares = dot_wide(query, query, dim);
        }
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
    search->kernels = plo_dot_kernels();
    search->count = count;
    search->dim = dim;
    search->k = k;
    search->queries = plo_alloc_aligned(count * dim * sizeof *search->queries);
    search->norms = plo_alloc0(count, sizeof *search->norms);
    search->found = plo_alloc0(count, sizeof *search->found);
    int result = 0;
    if (search->queries == NULL || search->norms == NULL || search->found == NULL)
        result = plo_fail_nomem(err, count * dim * sizeof(float));
    else
        result = copy_queries(search, queries, err);
    if (result < 0) {
        plo_search_destroy(search);
        return result;
    }
    *out = search;
    return 0;
}

// --- comparing -----------------------------------------------------------------------------------

static void offer_all(struct worker *worker, const struct row *row, size_t first, size_t count,
                      const double *products)
{
    const struct plo_search *search = worker->job->search;
    for (size_t i = 0; i < count; i++) {
        size_t query = first + i;
        double product = products[i];
        if (row->wide)
            product = dot_wide(search->queries + query * search->dim, row->values, search->dim);
        // Rounded products of what points the same way go beyond 1 by a little.
        double score = product / search->norms[query] / row->norm;
        score = score > 1 ? 1 : score < -1 ? -1 : score;
        plo_best_offer(&worker->best[query],
                       (struct plo_search_hit){ .row = row->number, .score = (float)score });
    }
}

// The products of a row with itself and with the first queries, in one go.
static void begin_row(struct worker *worker, struct row *row, size_t queries)
{
    const struct plo_search *search = worker->job->search;
    const float *others[PLO_DOT_FEW] = { row->values };
    double products[PLO_DOT_FEW];
    for (size_t i = 0; i < queries; i++)
        others[i + 1] = search->queries + i * search->dim;
    search->kernels->few(products, row->values, others, queries + 1, search->dim);
    double squares = products[0];
    row->wide = !in_range(squares);
    if (row->wide)
        squares = dot_wide(row->values, row->values, search->dim);
    row->norm = isfinite(squares) ? sqrt(squares) : 0;
    if (row->norm > 0)
        offer_all(worker, row, 0, queries, products + 1);
}

static void compare_tile(struct worker *worker, struct row *rows, size_t count)
{
    const struct plo_search *search = worker->job->search;
    size_t first = search->count < PLO_DOT_FEW - 1 ? search->count : PLO_DOT_FEW - 1;
    for (size_t i = 0; i < count; i++)
        begin_row(worker, &rows[i], first);
    for (size_t query = first; query < search->count; query += PLO_DOT_FEW) {
        const float *others[PLO_DOT_FEW];
        double products[PLO_DOT_FEW];
        size_t left = search->count - query, few = left < PLO_DOT_FEW ? left : PLO_DOT_FEW;
        for (size_t i = 0; i < few; i++)
            others[i] = search->queries + (query + i) * search->dim;
        for (size_t i = 0; i < count; i++) {
            if (rows[i].norm == 0)
                continue;
            search->kernels->few(products, rows[i].values, others, few, search->dim);
            offer_all(worker, &rows[i], query, few, products);
        }
    }
}

static void compare_block(struct worker *worker, int64_t first, size_t count, const void *vectors,
                          const uint8_t *valid)
{
    size_t dim = worker->job->search->dim, filled = 0;
    bool halves = vectors != worker->block && worker->job->source->halves;
    struct row rows[TILE_ROWS];
    for (size_t i = 0; i < count; i++) {
        if (valid == NULL || valid[i] != 0) {
            const float *values = (const float *)vectors + i * dim;
            if (halves) {
                float *floats = worker->tile + filled * dim;
                plo_half_to_floats(floats, (const uint16_t *)vectors + i * dim, dim);
                values = floats;
            }
            rows[filled++] = (struct row){ .values = values, .number = first + (int64_t)i };
        }
        if (filled == worker->job->tile || (i + 1 == count && filled > 0)) {
            compare_tile(worker, rows, filled);
            filled = 0;
        }
    }
}

// --- the pass ------------------------------------------------------------------------------------

static void look_whether_wanted(struct job *job, const struct worker *worker)
{
    const struct plo_search_source *source = job->source;
    if (worker == job->caller && source->progress != NULL && job->result == 0 &&
        source->progress(source->progress_cookie, job->next, source->rows) != 0)
        job->result = plo_fail(job->err, PIPILO_ECANCELED, "the search was ended");
}

// The next block's rows; false where there are none, or somebody failed. What is read is read under
// the lock: one thread reads while the others compare.
static bool take_block(struct worker *worker, int64_t *first, size_t *count)
{
    struct job *job = worker->job;
    const struct plo_search_source *source = job->source;
    pthread_mutex_lock(&job->lock);
    look_whether_wanted(job, worker);
    int64_t left = source->rows - job->next;
    *first = job->next;
    *count = left < (int64_t)job->block ? (size_t)left : job->block;
    bool taken = job->result == 0 && left > 0;
    if (taken && source->mapped == NULL) {
        job->result =
            source->read(source->cookie, *first, *count, worker->block, worker->valid, job->err);
        taken = job->result == 0;
    }
    job->next += taken ? (int64_t)*count : 0;
    pthread_mutex_unlock(&job->lock);
    return taken;
}

static void work(void *cookie)
{
    struct worker *worker = cookie;
    const struct plo_search_source *source = worker->job->source;
    size_t row_bytes =
        worker->job->search->dim * (source->halves ? sizeof(uint16_t) : sizeof(float));
    int64_t first = 0;
    size_t count = 0;
    while (take_block(worker, &first, &count)) {
        if (source->mapped == NULL)
            compare_block(worker, first, count, worker->block, worker->valid);
        else
            compare_block(worker, first, count,
                          (const uint8_t *)source->mapped + (size_t)first * row_bytes, NULL);
    }
}

static void free_workers(struct worker *workers, size_t count)
{
    for (size_t i = 0; workers != NULL && i < count; i++) {
        plo_free(workers[i].best);
        plo_free(workers[i].hits);
        plo_free(workers[i].block);
        plo_free(workers[i].valid);
        plo_free(workers[i].tile);
    }
    plo_free(workers);
}

static int make_worker(struct worker *worker, struct job *job, struct pipilo_error *err)
{
    const struct plo_search *search = job->search;
    bool reads = job->source->mapped == NULL;
    worker->job = job;
    worker->best = plo_alloc0(search->count, sizeof *worker->best);
    worker->hits = plo_alloc0(search->count * search->limit, sizeof *worker->hits);
    worker->tile = plo_alloc_aligned(job->tile * search->dim * sizeof *worker->tile);
    worker->block = reads ? plo_alloc_aligned(job->block * search->dim * sizeof(float)) : NULL;
    worker->valid = reads ? plo_alloc0(job->block, 1) : NULL;
    if (worker->best == NULL || worker->hits == NULL || worker->tile == NULL ||
        (reads && (worker->block == NULL || worker->valid == NULL)))
        return plo_fail_nomem(err, search->count * search->limit * sizeof *worker->hits +
                                       job->block * search->dim * sizeof(float));
    for (size_t i = 0; i < search->count; i++)
        worker->best[i] =
            (struct plo_best){ .hits = worker->hits + i * search->limit, .limit = search->limit };
    return 0;
}

// The best of all threads' best, in the first worker's places, which the search keeps.
static void join(struct plo_search *search, struct worker *workers, size_t count)
{
    for (size_t query = 0; query < search->count; query++) {
        struct plo_best *best = &workers[0].best[query];
        for (size_t i = 1; i < count; i++)
            for (size_t k = 0; k < workers[i].best[query].found; k++)
                plo_best_offer(best, workers[i].best[query].hits[k]);
        plo_best_sort(best->hits, best->found);
        search->found[query] = best->found;
    }
    search->hits = workers[0].hits;
    workers[0].hits = NULL;
}

static size_t between(size_t least, size_t wanted, size_t most)
{
    return wanted < least ? least : wanted > most ? most : wanted;
}

int plo_search_run(struct plo_search *search, const struct plo_search_source *source,
                   size_t threads, struct pipilo_error *err)
{
    struct job job = { .search = search, .source = source, .err = err };
    job.block = between(1, BLOCK_FLOATS / search->dim, BLOCK_ROWS);
    job.tile = between(1, TILE_FLOATS / search->dim, TILE_ROWS);
    // A row that meets all queries at once is best made floats just before.
    if (source->halves && search->count < PLO_DOT_FEW)
        job.tile = 1;
    size_t rows = source->rows > 0 ? (size_t)source->rows : 0;
    // To start a thread takes as long as to compare a block.
    threads = between(1, rows / job.block / 2, threads > 0 ? threads : 1);
    plo_free(search->hits);
    search->hits = NULL;
    memset(search->found, 0, search->count * sizeof *search->found);
    search->limit = search->k < rows ? search->k : rows;
    struct worker *workers = plo_alloc0(threads, sizeof *workers);
    void **cookies = plo_alloc0(threads, sizeof *cookies);
    int result = workers == NULL || cookies == NULL ? plo_fail_nomem(err, 0) : 0;
    for (size_t i = 0; result == 0 && i < threads; i++) {
        result = make_worker(&workers[i], &job, err);
        cookies[i] = &workers[i];
    }
    if (result == 0) {
        pthread_mutex_init(&job.lock, NULL);
        job.caller = &workers[0];
        plo_crew_run(work, cookies, threads);
        pthread_mutex_destroy(&job.lock);
        result = job.result;
    }
    if (result == 0)
        join(search, workers, threads);
    free_workers(workers, threads);
    plo_free(cookies);
    return result;
}

size_t plo_search_hits(struct plo_search *search, size_t query, const struct plo_search_hit **hits)
{
    *hits = search->found[query] > 0 ? search->hits + query * search->limit : NULL;
    return search->found[query];
}

void plo_search_destroy(struct plo_search *search)
{
    if (search == NULL)
        return;
    plo_free(search->queries);
    plo_free(search->norms);
    plo_free(search->hits);
    plo_free(search->found);
    plo_free(search);
}
