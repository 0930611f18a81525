// meta_file.h: X.meta.json, which stands beside .npy and .jsonl and says how the vectors were made.
//
// The marks in it are 8 letters a row that stand for the input's size and time; rows themselves
// hold no times. They are written as the rows come, so nothing is held for them in memory. Threads:
// one at a time.
#ifndef PLO_TABLE_META_FILE_H
#define PLO_TABLE_META_FILE_H

#include "base/str.h"
#include "table/kinds.h"
#include "table/outfile.h"

struct plo_meta_file {
    struct plo_outfile out;
    uint64_t marks_at; // where the first mark stands
};

// Starts the file, which is open and empty, with what is true of every row.
int plo_meta_file_begin(struct plo_meta_file *file, const struct plo_table_meta *meta,
                        struct pipilo_error *err);

// Adds the next row's mark, or replaces an earlier one's.
int plo_meta_file_add(struct plo_meta_file *file, uint64_t mark, struct pipilo_error *err);
int plo_meta_file_change(struct plo_meta_file *file, int64_t row, uint64_t mark,
                         struct pipilo_error *err);

// Ends it and syncs; it is placed and closed by its owner. A shard's `of` of 0 leaves that out.
int plo_meta_file_end(struct plo_meta_file *file, int64_t rows, const struct plo_shard *shard,
                      struct pipilo_error *err);

// What a shard is, as JSON; and back, false where it is none.
void plo_shard_add_json(struct plo_str *str, const struct plo_shard *shard);
bool plo_shard_read_json(struct plo_shard *shard, const char *text, size_t length);

// What was read of such a file.
struct plo_meta_read {
    struct plo_table_meta meta; // freed by plo_meta_read_reset
    struct plo_shard shard;     // of = 0: it is whole
    int64_t rows;
    uint64_t marks_at; // in the file
    char *marks;       // rows * PLO_MARK_TEXT letters
};

// Errors: PIPILO_ENOTFOUND, PIPILO_EIO, PIPILO_ECORRUPT, PIPILO_ELIMIT (a file over 1 GiB),
// PIPILO_ENOMEM. On failure nothing needs freeing.
int plo_meta_file_read(struct plo_meta_read *read, const char *path, struct pipilo_error *err);
void plo_meta_read_reset(struct plo_meta_read *read);

// A mark as its letters, not NUL-terminated.
void plo_mark_text(uint64_t mark, char text[PLO_MARK_TEXT]);

#endif
