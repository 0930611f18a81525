// index.h: an index file: the distinct vectors of a store in 16 bits and of length 1, the rows that
// have each, and a graph over them (graph.h). docs/file-formats.md says how it is laid out.
//
// Threads: an open index may be searched from several.
#ifndef PLO_SEARCH_INDEX_H
#define PLO_SEARCH_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipilo/error.h>

#include "search/graph.h"

// The store an index is of, as it was when the index was made.
struct plo_index_store {
    uint64_t rows, dim;
    uint64_t size;        // of the file that holds the vectors
    int64_t mtime_ns;     // of that file
    uint64_t log_size;    // of the log beside it
    int64_t log_mtime_ns; // of that log
    char fingerprint[64];
};

enum { PLO_INDEX_HEADER = 4096 };

// Bytes that `count` vectors take in the file: what follows them is aligned.
uint64_t plo_index_vectors_size(uint64_t count, uint64_t dim);

struct plo_index_sizes {
    uint64_t count; // vectors
    uint64_t rows;  // that have one
    uint64_t graph; // bytes
};

// The first bytes of the file, written last. `checksum` is plo_checksum of what follows the
// vectors, all in 64 bits: for each vector where its rows end in the list of them, and that list;
// then the graph.
void plo_index_header(uint8_t header[PLO_INDEX_HEADER], const struct plo_index_store *store,
                      const struct plo_index_sizes *sizes, uint64_t checksum);

// 1 where the file begins as an index does, whatever else is wrong with it; 0 where it does not.
// Errors: PIPILO_EIO.
int plo_index_is_one(const char *path, struct pipilo_error *err);

struct plo_index;

// Opens, checks and maps an index. Errors: PIPILO_ENOTFOUND, PIPILO_EIO, PIPILO_ECORRUPT;
// PIPILO_EMISMATCH where `store` is not as it was; PIPILO_EBUDGET, PIPILO_ENOMEM.
int plo_index_open(struct plo_index **out, const char *path, const struct plo_index_store *store,
                   struct pipilo_error *err);

// Writes the numbers of about the nearest rows to `rows`, at most `wanted` of them, ascending; of
// rows with the same vector, the lowest. The query is as in plo_search_create. Errors:
// PIPILO_EINVALID; PIPILO_ECORRUPT where the file has shrunk since it was opened; PIPILO_EIO,
// PIPILO_ENOMEM.
int plo_index_search(const struct plo_index *index, const float *query, size_t wanted,
                     int64_t *rows, size_t *found, struct pipilo_error *err);

// Scales a vector to length 1, in halves; false where it has no direction.
bool plo_index_unit(uint16_t *out, const float *vector, size_t dim);

// NULL is allowed.
void plo_index_close(struct plo_index *index);

#endif
