// meta_file.h: X.meta.json, which stands beside .npy and .jsonl and says how the vectors were made.
//
// The marks in it are 8 letters a row that stand for the input's size and time; rows themselves
// hold no times. They are written as the rows come, so nothing is held for them in memory. Threads:
// one at a time.
#ifndef PLO_TABLE_META_FILE_H
#define PLO_TABLE_META_FILE_H

#include "table/kinds.h"
#include "table/outfile.h"

enum { PLO_MARK_TEXT = 8 };

struct plo_meta_file {
    struct plo_outfile out;
    uint64_t marks_at; // where the first mark stands
};

// Starts the file with what is true of every row.
int plo_meta_file_create(struct plo_meta_file *file, const char *path, const char *partial,
                         const struct plo_table_meta *meta, struct pipilo_error *err);

// Adds the next row's mark, or replaces an earlier one's.
int plo_meta_file_add(struct plo_meta_file *file, uint64_t mark, struct pipilo_error *err);
int plo_meta_file_change(struct plo_meta_file *file, int64_t row, uint64_t mark,
                         struct pipilo_error *err);

// Ends it and syncs; it is placed and closed by its owner.
int plo_meta_file_end(struct plo_meta_file *file, int64_t rows, struct pipilo_error *err);

// What was read of such a file.
struct plo_meta_read {
    struct plo_table_meta meta; // freed by plo_meta_read_reset
    int64_t rows;
    char *marks; // rows * PLO_MARK_TEXT letters
};

// Errors: PIPILO_ENOTFOUND, PIPILO_EIO, PIPILO_ECORRUPT, PIPILO_ELIMIT (a file over 1 GiB),
// PIPILO_ENOMEM. On failure nothing needs freeing.
int plo_meta_file_read(struct plo_meta_read *read, const char *path, struct pipilo_error *err);
void plo_meta_read_reset(struct plo_meta_read *read);

// A mark as its letters, not NUL-terminated.
void plo_mark_text(uint64_t mark, char text[PLO_MARK_TEXT]);

#endif
