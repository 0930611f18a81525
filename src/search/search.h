// search.h: the nearest rows by cosine, exactly: every vector is compared, in one pass for any
// number of queries, over blocks that a callback gives. Memory is one block and k hits a query.
//
//     struct plo_search *search = NULL;
//     PLO_TRY(plo_search_create(&search, queries, count, dim, 10, err));
//     result = plo_search_run(search, rows, read, store, err);
//     const struct plo_search_hit *hits = NULL;
//     size_t found = plo_search_hits(search, 0, &hits);
//     plo_search_destroy(search);
//
// Score = q.v / (|q| |v|). Products are summed in 16 float lanes over runs of 256 values, the runs
// in double, always in the same order: the score of a row depends on nothing but the two vectors,
// and the compiler can use whatever SIMD there is.
//
// Threads: a search belongs to one thread at a time.
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

// Compares `count` vectors, rows first to first + count - 1. Those with valid[i] == 0 (valid may be
// NULL), all zeros, or with what is no finite number in them are left out. Cannot fail.
void plo_search_add(struct plo_search *search, int64_t first, size_t count, const float *vectors,
                    const uint8_t *valid);

// Fills `vectors` (count * dim) and `valid` with rows first to first + count - 1.
typedef int (*plo_search_read)(void *cookie, int64_t first, size_t count, float *vectors,
                               uint8_t *valid, struct pipilo_error *err);

// Reads rows 0 to rows - 1 block by block and compares them. Errors: those of `read`,
// PIPILO_ENOMEM.
int plo_search_run(struct plo_search *search, int64_t rows, plo_search_read read, void *cookie,
                   struct pipilo_error *err);

// The query's hits, best first, equal scores by row; at most k. Borrowed until the next call.
// More vectors may be added afterwards.
size_t plo_search_hits(struct plo_search *search, size_t query, const struct plo_search_hit **hits);

// NULL is allowed.
void plo_search_destroy(struct plo_search *search);

#endif
