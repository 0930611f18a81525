// store.h: reading what write_npy and write_sqlite have made: rows, errors, and the nearest
// vectors.
//
//     pipilo_store *store = NULL;
//     struct pipilo_query query = PIPILO_QUERY_INIT;
//     struct pipilo_hits *hits = NULL;
//     pipilo_store_open(&store, "photos.db", &err);
//     pipilo_value_create_image_file(&query.picture, "beach.jpg", &err);
//     if (pipilo_store_search(&hits, store, &query, 1, 10, NULL, &err) == 0)
//         for (size_t i = 0; i < hits[0].count; i++)
//             printf("%.4f %s\n", hits[0].list[i].score, hits[0].list[i].source);
//     pipilo_free(hits);
//     pipilo_value_unref(&query.picture);
//     pipilo_store_close(&store);
//
// The search is exact, the cosine of the query with every row that has a vector, unless it is given
// an index; scores are exact either way. A picture is embedded by the store's model with the
// settings the store was made with.
//
// Threads: a store belongs to one thread at a time; several may have the same file open.
#ifndef PIPILO_STORE_H
#define PIPILO_STORE_H

#include "value.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pipilo_store pipilo_store;

// Opens a .db, .sqlite or .npy (with the .jsonl and .meta.json beside it). Errors:
// PIPILO_ENOTFOUND, PIPILO_EIO, PIPILO_EFORMAT (another suffix), PIPILO_ECORRUPT, PIPILO_ENOMEM.
PIPILO_API int pipilo_store_open(pipilo_store **out, const char *path, struct pipilo_error *err);

// Closes and sets the pointer to NULL; NULL inside is allowed.
PIPILO_API void pipilo_store_close(pipilo_store **store);

// What is true of the whole store; strings are never NULL. Grows at the end only.
struct pipilo_store_info {
    const char *path;
    int64_t rows;                 // failed ones included
    size_t dim;                   // values a vector
    const char *model;            // the model's name
    const char *model_spec;       // how it was named when the store was made; "" where unknown
    const char *fingerprint;      // 16 hex digits
    const char *fingerprint_json; // what it is the digest of
    const char *noted_json;       // noted beside it: engine version, CPU
    const char *settings_json;    // precision, fast, exif, normalize
    const char *version;          // of the pipilo that made it
    int shard_part, shard_of;     // which shard of how many; 0: it is whole
    int64_t shard_inputs;         // of all shards together
};

// Borrowed until the store is closed.
PIPILO_API const struct pipilo_store_info *pipilo_store_info(const pipilo_store *store);

struct pipilo_store_count {
    const char *code; // an error's name, as pipilo_error_name
    int64_t rows;
};

// How many rows failed, by code, sorted by name; borrowed until the store is closed. Reads every
// row's status. Errors: PIPILO_ECORRUPT, PIPILO_EIO, PIPILO_ENOMEM.
PIPILO_API int pipilo_store_errors(const struct pipilo_store_count **counts, size_t *count,
                                   pipilo_store *store, struct pipilo_error *err);

// One row. Strings and bytes are borrowed until the next call with the store.
struct pipilo_store_row {
    int64_t row; // its number, from 0
    const char *source;
    const char *code;       // an error's name; NULL in a good row
    const char *message;    // NULL in a good row
    uint32_t width, height; // pixels, of the upright picture; 0: unknown
    const void *thumbnail;  // JPEG; NULL: none
    size_t thumbnail_size;
    const char *key; // in a tar archive; else NULL
};

// Errors: PIPILO_ENOTFOUND, PIPILO_ECORRUPT, PIPILO_EIO.
PIPILO_API int pipilo_store_row(struct pipilo_store_row *out, pipilo_store *store, int64_t row,
                                struct pipilo_error *err);

// Copies the vectors of `count` rows from `first` on to `out`, count x dim floats in row order; a
// row that has none is all NaN. Errors: PIPILO_EINVALID (rows that are not there), PIPILO_ECORRUPT,
// PIPILO_EIO.
PIPILO_API int pipilo_store_vectors(float *out, pipilo_store *store, int64_t first, size_t count,
                                    struct pipilo_error *err);

// --- shards
// ----------------------------------------------------------------------------------------

struct pipilo_merge_options {
    uint32_t struct_size;
    bool force; // replace an `out` that is there
    // Called by the calling thread every now and then, and at the end with done = rows; other than
    // 0 ends it (PIPILO_ECANCELED). May be NULL.
    int (*progress)(void *cookie, int64_t done, int64_t rows);
    void *cookie;
};
#define PIPILO_MERGE_OPTIONS_INIT                          \
    {                                                      \
        .struct_size = sizeof(struct pipilo_merge_options) \
    }

// Makes the file `out` of all N shards that write_* made with shard='I/N', in any order: what one
// run over all inputs would have written. Kinds of file are .npy, .jsonl, .db and .sqlite, one for
// all. Rows are read and written one by one. `options` may be NULL. Errors: PIPILO_EINVALID (a
// shard given twice, what is no shard, another kind of file); PIPILO_ENOTFOUND for one that is
// missing or not finished; PIPILO_EMISMATCH where fingerprints, widths or lists of inputs differ;
// PIPILO_EEXISTS; PIPILO_EBUSY; PIPILO_ECANCELED, PIPILO_ECORRUPT, PIPILO_EIO, PIPILO_ENOMEM. On
// failure nothing is left of `out`.
PIPILO_API int pipilo_store_merge(const char *out, const char *const *shards, size_t count,
                                  const struct pipilo_merge_options *options,
                                  struct pipilo_error *err);

// --- an index
// --------------------------------------------------------------------------------------

// An index lets a search look at a few hundred rows instead of all, and miss a near one now and
// then. It is a file of its own, by default STORE.index, of about 2 x dim + 300 bytes a distinct
// vector, and belongs to the store as it was: after a change it is refused (PIPILO_EMISMATCH) and
// made anew.
typedef struct pipilo_index pipilo_index;

struct pipilo_index_options {
    uint32_t struct_size;
    // Called by the calling thread every now and then; other than 0 ends it (PIPILO_ECANCELED).
    int (*progress)(void *cookie, int64_t done, int64_t rows);
    void *cookie;
};
#define PIPILO_INDEX_OPTIONS_INIT                          \
    {                                                      \
        .struct_size = sizeof(struct pipilo_index_options) \
    }

// Makes the index of a store as the file `path` (NULL: STORE.index), and replaces an index that is
// there; on failure, what was there stays as it was. Works on as many threads as
// pipilo_set_threads says. Memory, charged to the budget: 400 bytes a row; the vectors lie in the
// file. `options` may be NULL. Errors: PIPILO_EINVALID where no row has a vector; PIPILO_EEXISTS
// where `path` is another kind of file; PIPILO_EMISMATCH where the store's file has changed or been
// replaced since it was opened; PIPILO_EBUSY where somebody else is making it;
// PIPILO_ECANCELED, PIPILO_ECORRUPT, PIPILO_EIO, PIPILO_EBUDGET, PIPILO_ENOMEM.
PIPILO_API int pipilo_index_build(pipilo_store *store, const char *path,
                                  const struct pipilo_index_options *options,
                                  struct pipilo_error *err);

// Opens an index of this store (NULL: STORE.index), to be named in pipilo_search_options; it must
// be closed before the store. A damaged file is refused, never believed. Errors: PIPILO_ENOTFOUND;
// PIPILO_EMISMATCH where the store has changed since; PIPILO_ECORRUPT, PIPILO_EIO, PIPILO_EBUDGET,
// PIPILO_ENOMEM. Threads: as the store's. The file stays mapped: replace it (rename), never cut it
// in place. A search of one that was cut fails (PIPILO_ECORRUPT); one under way ends the process.
PIPILO_API int pipilo_index_open(pipilo_index **out, pipilo_store *store, const char *path,
                                 struct pipilo_error *err);

// Its file's name; borrowed until it is closed.
PIPILO_API const char *pipilo_index_path(const pipilo_index *index);

// Closes and sets the pointer to NULL; NULL inside is allowed.
PIPILO_API void pipilo_index_close(pipilo_index **index);

// --- searching
// -------------------------------------------------------------------------------------

// What to look for; exactly one of vector, picture and row is set.
struct pipilo_query {
    uint32_t struct_size;
    const float *vector;   // dim values; its length does not matter
    pipilo_value *picture; // an image, a path or bytes; borrowed
    int64_t row;           // of this store; -1: none
};
#define PIPILO_QUERY_INIT                                     \
    {                                                         \
        .struct_size = sizeof(struct pipilo_query), .row = -1 \
    }

struct pipilo_hit {
    int64_t row;
    const char *source;
    float score; // the cosine, -1..1
};

// What one query found, the highest score first; equal scores by row.
struct pipilo_hits {
    size_t count;
    const struct pipilo_hit *list;
};

struct pipilo_search_options {
    uint32_t struct_size;
    const char *model;   // instead of the store's, to embed pictures with; NULL: the store's
    const char *device;  // NULL: the engine's default
    pipilo_index *index; // NULL: every row is compared
    // Called by the calling thread every now and then while rows are compared, `done` of `rows`;
    // other than 0 ends it (PIPILO_ECANCELED). By an index a search is over before it would be. May
    // be NULL.
    int (*progress)(void *cookie, int64_t done, int64_t rows);
    void *cookie;
};
#define PIPILO_SEARCH_OPTIONS_INIT                          \
    {                                                       \
        .struct_size = sizeof(struct pipilo_search_options) \
    }

// Finds the `limit` nearest rows of each query, in one pass over the store for all queries. *out
// gets one pipilo_hits a query, all in one block that the caller frees with pipilo_free. `options`
// may be NULL. It works on as many threads as pipilo_set_threads says. Memory: of a .db a megabyte
// a thread; of a .npy nothing, it is mapped; and `limit` hits a thread and query. Errors:
// PIPILO_EMISMATCH where the model would make other vectors, with both fingerprints;
// PIPILO_EINVALID (no or several things to look for, a limit of 0); PIPILO_ENOTFOUND (row, model);
// PIPILO_EMODEL; what a picture gives that cannot be read; PIPILO_ECANCELED (options.progress),
// PIPILO_ECORRUPT, PIPILO_EIO, PIPILO_EENGINE, PIPILO_ENOMEM, PIPILO_EBUDGET.
PIPILO_API int pipilo_store_search(struct pipilo_hits **out, pipilo_store *store,
                                   const struct pipilo_query *queries, size_t query_count,
                                   size_t limit, const struct pipilo_search_options *options,
                                   struct pipilo_error *err);

// --- a map ---------------------------------------------------------------------------------------

struct pipilo_place {
    int64_t row;
    float x, y;
};

struct pipilo_map {
    int64_t rows; // of the store
    size_t count; // of places, by row
    const struct pipilo_place *list;
};

struct pipilo_map_options {
    uint32_t struct_size;
    size_t limit; // rows at most; 0: 3000. Of more a sample is taken, from all over the store
    // Asked by the calling thread every now and then; other than 0 ends it (PIPILO_ECANCELED). May
    // be NULL.
    int (*stop)(void *cookie);
    void *cookie;
};
#define PIPILO_MAP_OPTIONS_INIT                          \
    {                                                    \
        .struct_size = sizeof(struct pipilo_map_options) \
    }

// Lays rows out on a plane so that alike ones lie near each other: vectors of length 1, less their
// mean, along the two directions in which they differ most (principal components; K. Pearson,
// 1901), found by Spectra's Lanczos process to 1e-4, less where many differ as little from one
// another as those of noise. x is the direction of the greater variance; no place is further than 2
// from another, and the mean lies at 0, 0. Rows without a vector, or with one of no length, are
// left out. The same rows give the same map. *out is one block that the caller frees with
// pipilo_free. `options` may be NULL. Memory: limit x dim floats and 33 bytes a row, charged to the
// budget meanwhile. It works on the calling thread. Errors: PIPILO_ECANCELED (options.stop),
// PIPILO_ECORRUPT, PIPILO_EIO, PIPILO_EBUDGET, PIPILO_ENOMEM, PIPILO_EINTERNAL.
PIPILO_API int pipilo_store_map(struct pipilo_map **out, pipilo_store *store,
                                const struct pipilo_map_options *options, struct pipilo_error *err);

#ifdef __cplusplus
}
#endif
#endif
