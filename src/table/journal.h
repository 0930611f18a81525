// journal.h: OUT.partial.resume, which says how much of what lies beside OUT is whole: a line that
// tells what is being made, and then a line each time all rows so far are on the disk. What is
// counted here was synced before the line was written. Threads: one at a time.
#ifndef PLO_TABLE_JOURNAL_H
#define PLO_TABLE_JOURNAL_H

#include "table/table.h"

struct plo_journal {
    char *path;
    int fd;
};

#define PLO_JOURNAL_INIT ((struct plo_journal){ .fd = -1 })

// What must be the same for a run to go on with what another left.
struct plo_journal_head {
    struct plo_table_meta meta; // of these: fingerprint, fingerprint_json, dim, halves
    bool thumbnails;
    uint64_t max_pixels;    // of a picture
    struct plo_shard shard; // part and of
    uint64_t marks_at;      // where the marks begin in the partial X.meta.json; 0: there is none
};

struct plo_journal_state {
    struct plo_journal_head head; // freed by plo_journal_state_reset
    int64_t rows;                 // that are whole
    uint64_t lines;               // bytes of JSON lines they take
    bool complete;                // all are there; only names are missing
    uint64_t end;                 // of what is valid in the journal itself
};

// The journal's name. NULL when out of memory.
char *plo_journal_path(const char *out);

// 1 with `state` filled, or 0 where there is no journal or it was not yet whole. A line that was
// torn ends it. Errors: PIPILO_EIO, PIPILO_ENOMEM; PIPILO_EFORMAT for a format of another version.
int plo_journal_read(struct plo_journal_state *state, const char *path, struct pipilo_error *err);
void plo_journal_state_reset(struct plo_journal_state *state);

// Begins a journal, which replaces one that is there. On the disk on return.
int plo_journal_create(struct plo_journal *journal, const char *path,
                       const struct plo_journal_head *head, struct pipilo_error *err);

// Goes on with one that was read.
int plo_journal_open(struct plo_journal *journal, const char *path,
                     const struct plo_journal_state *state, struct pipilo_error *err);

// Adds a line and syncs.
int plo_journal_add(struct plo_journal *journal, int64_t rows, uint64_t lines, bool complete,
                    struct pipilo_error *err);

// Closes it; unless `keep`, removes it.
void plo_journal_close(struct plo_journal *journal, bool keep);

#endif
