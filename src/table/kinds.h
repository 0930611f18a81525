// kinds.h: the inside of a table, and the functions that each kind of file fills in. One file a
// kind; table.c chooses by OUT's suffix.
#ifndef PLO_TABLE_KINDS_H
#define PLO_TABLE_KINDS_H

#include "base/alloc.h"
#include "table/resume.h"
#include "table/table.h"

struct plo_part; // merge.h

struct plo_table_kind {
    const char *name;

    // Writing. `create` finds table->path, meta and options set and `priv` NULL; with
    // options.update it also deals with an OUT that is there. `known` may be NULL.
    int (*create)(struct plo_table *table, struct pipilo_error *err);
    int (*known)(struct plo_table *table, const char *source, uint64_t size, int64_t mtime_ns,
                 int64_t *row, struct pipilo_error *err);
    int (*append)(struct plo_table *table, const struct plo_row *row, struct pipilo_error *err);
    int (*finish)(struct plo_table *table, struct pipilo_error *err);

    // Resuming; NULL where the kind cannot. `reopen` instead of `create` for an OUT that is
    // finished: sets table->rows and options.shard after it has compared the rest. `past` gives
    // what row `number` was made of; asked in order. `settle` puts all rows so far on the disk, and
    // `*lines` gets the bytes of lines they take.
    int (*reopen)(struct plo_table *table, struct pipilo_error *err);
    int (*past)(struct plo_table *table, int64_t number, struct plo_past *past,
                struct pipilo_error *err);
    int (*settle)(struct plo_table *table, uint64_t *lines, struct pipilo_error *err);

    // Reading; NULL where the kind is written only. `open` sets table->meta and table->rows. The
    // range given to `vectors` and `row` has been checked.
    int (*open)(struct plo_table *table, struct pipilo_error *err);
    int (*vectors)(struct plo_table *table, int64_t first, size_t count, float *out, uint8_t *valid,
                   struct pipilo_error *err);
    int (*map)(struct plo_table *table, const void **out, struct pipilo_error *err); // may be NULL
    int (*row)(struct plo_table *table, int64_t number, struct plo_row *row,
               struct pipilo_error *err);
    // Calls plo_table_count_error for every row that failed.
    int (*errors)(struct plo_table *table, struct pipilo_error *err);

    // Merging. `open_part` opens the shard part->path and fills its meta, shard and rows; `join`
    // takes its row `number`, asked in order, over as the next one of the table; `close_part` frees
    // what open_part made beyond part->table and part->past, on failure too.
    int (*open_part)(struct plo_part *part, struct pipilo_error *err);
    int (*join)(struct plo_table *out, struct plo_part *part, int64_t number,
                struct pipilo_error *err);
    void (*close_part)(struct plo_part *part);

    // What the file's name is followed by in that of the file beside it that holds what is not yet
    // in it; NULL where there is none.
    const char *log_suffix;

    // Frees `priv`, which may be NULL or half made, and removes what was not finished.
    void (*close)(struct plo_table *table);
};

extern const struct plo_table_kind plo_table_npy;
extern const struct plo_table_kind plo_table_jsonl;
extern const struct plo_table_kind plo_table_sqlite;

struct plo_table {
    const struct plo_table_kind *kind;
    char *path;
    struct plo_table_meta meta; // its strings are the table's own
    struct plo_table_options options;
    bool writing;
    bool failed; // a writer that may only be closed
    bool finished;
    int64_t rows; // that the table has
    int64_t appended;
    struct plo_table_count *counts;
    size_t count_count;
    bool counted;
    struct plo_table_stamp stamp; // of a reader
    struct plo_shard shard;       // of a reader, or of an OUT that was reopened
    struct plo_resume resume;
    void *priv;
};

// The kind of file a path names, or NULL.
const struct plo_table_kind *plo_table_kind_of(const char *path);

// Copies `from`, giving every JSON text that is NULL the value {}. What `to` held is not freed.
int plo_table_meta_copy(struct plo_table_meta *to, const struct plo_table_meta *from,
                        struct pipilo_error *err);
void plo_table_meta_reset(struct plo_table_meta *meta);

// The failure of an update with another fingerprint or dimension, or 0.
int plo_table_meta_match(const struct plo_table_meta *stored, const struct plo_table_meta *own,
                         const char *path, struct pipilo_error *err);

// PIPILO_EMISMATCH for an update of vectors that are kept in another width.
int plo_table_fail_width(const char *path, bool halves, struct pipilo_error *err);

// Notes what the file is now. Before it is opened, and by `open` again where it changes the file.
void plo_table_stamp_take(struct plo_table *table);

// One more failed row with this code.
int plo_table_count_error(struct plo_table *table, const char *code, struct pipilo_error *err);

// Stands for a file's size and time: 48 bits, so that it fits 8 letters (see rows_file.c).
uint64_t plo_table_mark(uint64_t size, int64_t mtime_ns);

// True where the bytes are well-formed UTF-8 without NUL.
bool plo_table_is_text(const void *data, size_t size);

// PIPILO_EEXISTS, naming the ways out.
int plo_table_fail_exists(const char *path, struct pipilo_error *err);

#endif
