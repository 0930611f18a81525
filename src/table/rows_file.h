// rows_file.h: what .npy and .jsonl have in common: a file of JSON lines with X.meta.json beside
// it, written anew or updated. Threads: one at a time.
#ifndef PLO_TABLE_ROWS_FILE_H
#define PLO_TABLE_ROWS_FILE_H

#include "base/str.h"
#include "table/merge.h"
#include "table/meta_file.h"
#include "table/rows_past.h"

struct plo_rows_known;

struct plo_rows_file {
    struct plo_outfile lines;
    struct plo_meta_file meta;
    bool has_meta;
    size_t vector_dim; // 0: the lines hold no vectors
    struct plo_str line;
    int64_t rows;
    // An update: new lines wait in `spool` and are put between the old ones at the end.
    struct plo_outfile spool;
    int old; // the present lines, or -1
    struct plo_rows_known *known;
    struct plo_rows_past past; // a resume
};

#define PLO_ROWS_FILE_INIT                                    \
    ((struct plo_rows_file){ .lines = { .fd = -1 },           \
                             .meta = { .out = { .fd = -1 } }, \
                             .spool = { .fd = -1 },           \
                             .old = -1,                       \
                             .past = PLO_ROWS_PAST_INIT })

// X of X.npy or X.jsonl with another ending; NULL when out of memory.
char *plo_rows_file_beside(const char *path, const char *ending);

// Takes the name of `lines_path` (NULL: standard output, without meta), where that is free. What
// lies there under the partial name stays as it is. Errors as plo_table_create's.
int plo_rows_file_open(struct plo_rows_file *file, const struct plo_table *table,
                       const char *lines_path, size_t vector_dim, struct pipilo_error *err);

// Begins lines and X.meta.json. In an update both are there and their rows become the first ones.
int plo_rows_file_begin(struct plo_rows_file *file, const struct plo_table *table,
                        struct pipilo_error *err);

// Instead: goes on behind what the journal tells of.
int plo_rows_file_go_on(struct plo_rows_file *file, const struct plo_table *table,
                        const struct plo_journal_state *state, struct pipilo_error *err);

// Where all was written and only names are missing: gives X.meta.json and, unless they are OUT
// itself, the lines theirs.
int plo_rows_file_place_left(const struct plo_table *table, const char *lines_path,
                             struct pipilo_error *err);

// Instead of all these: the finished files, to be compared with. Sets table->rows and shard.
int plo_rows_file_reopen(struct plo_rows_file *file, struct plo_table *table,
                         const char *lines_path, struct pipilo_error *err);

// What row `number` was made of, in a table that was resumed or reopened.
int plo_rows_file_past(struct plo_rows_file *file, const struct plo_table *table, int64_t number,
                       struct plo_past *past, struct pipilo_error *err);

// Puts what is written on the disk; gives the bytes of lines.
int plo_rows_file_settle(struct plo_rows_file *file, uint64_t *lines, struct pipilo_error *err);

// As plo_table_known.
int plo_rows_file_known(struct plo_rows_file *file, const char *source, uint64_t size,
                        int64_t mtime_ns, int64_t *row, struct pipilo_error *err);

// Writes a row; `*number` is which it became.
int plo_rows_file_append(struct plo_rows_file *file, const struct plo_row *row, int64_t *number,
                         struct pipilo_error *err);

// Opens the lines and marks of a shard, `lines_path` and X.meta.json.
int plo_rows_file_open_part(struct plo_part *part, const char *lines_path,
                            struct pipilo_error *err);

// Takes its row `number` over as the next one.
int plo_rows_file_join(struct plo_rows_file *file, struct plo_part *part, int64_t number,
                       struct pipilo_error *err);

// Completes and syncs both files; then gives them their names.
int plo_rows_file_finish(struct plo_rows_file *file, const struct plo_table *table,
                         struct pipilo_error *err);
int plo_rows_file_place(struct plo_rows_file *file, bool replace, struct pipilo_error *err);

void plo_rows_file_close(struct plo_rows_file *file, bool keep);

#endif
