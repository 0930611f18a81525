// merge.h: one table out of its shards: what a run over all inputs would have written, byte for
// byte (of a .db: the same dump). Rows are taken in turn, one of each shard, and are never held in
// memory; of .npy and .jsonl the marks of one shard are, 8 bytes a row, while it is opened.
// Threads: one at a time.
#ifndef PLO_TABLE_MERGE_H
#define PLO_TABLE_MERGE_H

#include "table/rows_past.h"
#include "table/table.h"

struct sqlite3_stmt;

// A shard that is being read. The kind of file decides which of its means are used.
struct plo_part {
    const char *path;
    struct plo_table_meta meta; // its own
    struct plo_shard shard;
    int64_t rows;
    struct plo_table *table; // NULL for .jsonl, which is no store
    struct plo_rows_past past;
    struct sqlite3_stmt *row, *members;
};

struct plo_merge_options {
    bool force; // replace an `out` that is there
    // Called now and then, and once at the end; other than 0 ends it. May be NULL.
    int (*progress)(void *cookie, int64_t done, int64_t rows);
    void *cookie;
};

// Errors: PIPILO_EINVALID for shards of another kind of file than `out`, for what is no shard, and
// for one that is given twice; PIPILO_ENOTFOUND for one that is missing or not finished;
// PIPILO_EMISMATCH where they have other fingerprints or widths or were made of other inputs;
// PIPILO_ECORRUPT for a shard without all its rows; PIPILO_ECANCELED; and those of plo_table_create
// and plo_table_finish. On failure nothing is left.
int plo_table_merge(const char *out, const char *const *shards, size_t count,
                    const struct plo_merge_options *options, struct pipilo_error *err);

#endif
