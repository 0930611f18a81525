// search.h: the nearest rows by cosine, exactly: every vector is compared, in one pass for any
// number of queries, by several threads. Each row is read from memory once, and compared with every
// query while it is in the cache.
//
//     struct plo_search *search = NULL;
//     struct plo_search_source source = { .rows = rows, .mapped = vectors };
//     PLO_TRY(plo_search_create(&search, queries, count, dim, 10, err));
//     result = plo_search_run(search, &source, threads, err);
//     const struct plo_search_hit *hits = NULL;
//     size_t found = plo_search_hits(search, 0, &hits);
//     plo_search_destroy(search);
//
// Score = q.v / (|q| |v|), summed as dot.h says: the score of a row depends on nothing but the two
// vectors, and the hits on nothing but the scores and row numbers.
//
// Threads: a search belongs to one thread at a time; plo_search_run starts helpers of its own.
#ifndef PLO_SEARCH_SEARCH_H
#define PLO_SEARCH_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipilo/error.h>

struct plo_search;

struct plo_search_hit {
    int64_t row;
    float score; // -1 to 1
};

// `queries` holds count * dim values, which are copied. Errors: PIPILO_EINVALID for a count, dim or
// k of 0 and for a query that is all zeros or holds what is no finite number; PIPILO_ENOMEM.
int plo_search_create(struct plo_search **out, const float *queries, size_t count, size_t dim,
                      size_t k, struct pipilo_error *err);

// Fills `vectors` (count * dim) and `valid` (0: the row has none) with rows first to first + count
// - 1. Called by one thread at a time, rows in order.
typedef int (*plo_search_read)(void *cookie, int64_t first, size_t count, float *vectors,
                               uint8_t *valid, struct pipilo_error *err);

// Where the vectors come from: all in memory, or read.
struct plo_search_source {
    int64_t rows;
    const void *mapped; // rows * dim numbers; NULL: they are read
    bool halves;        // what is mapped are numbers of 16 bits
    plo_search_read read;
    void *cookie;
    // Called by the calling thread every now and then; other than 0 ends the pass. May be NULL.
    int (*progress)(void *cookie, int64_t done, int64_t rows);
    void *progress_cookie;
};

// Compares rows 0 to rows - 1, as numbers 0 to rows - 1. Those without a vector, all zeros, or with
// what is no finite number in them are left out. `threads` is the most that may work. Memory: a
// megabyte a thread where rows are read, and k hits a thread and query. Errors: those of `read`,
// PIPILO_ECANCELED (source.progress), PIPILO_ENOMEM.
int plo_search_run(struct plo_search *search, const struct plo_search_source *source,
                   size_t threads, struct pipilo_error *err);

// The query's hits, best first, equal scores by row; at most k. Borrowed until the search goes.
size_t plo_search_hits(struct plo_search *search, size_t query, const struct plo_search_hit **hits);

// NULL is allowed.
void plo_search_destroy(struct plo_search *search);

#endif
