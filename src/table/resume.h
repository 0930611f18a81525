// resume.h: a table that is written so that its writer may be killed at any moment, and the next
// one goes on. Included by kinds.h.
//
// OUT.partial is locked; beside it the journal (journal.h) counts what is whole. Rows are put on
// the disk now and then: first the files they are in, then the journal's line. A kind of file that
// keeps its own counsel about what is whole (SQLite) has no lines in the journal but the first.
//
//     create:  claim OUT.partial; plo_resume_look says from where on to write
//     known:   plo_resume_known compares an input with the row that was made of it
//     append:  plo_resume_tick settles when it is time
//     finish:  plo_resume_complete between syncing the files and giving them their names
//     close:   plo_resume_close
#ifndef PLO_TABLE_RESUME_H
#define PLO_TABLE_RESUME_H

#include "table/journal.h"

enum { PLO_MARK_TEXT = 8 };

// What a row was made of.
struct plo_past {
    const char *source;       // borrowed until the next question
    char mark[PLO_MARK_TEXT]; // of the input's size and time
    bool failed;
};

struct plo_resume {
    struct plo_journal journal;
    bool keep;         // what is there outlives a close without a finish
    bool done;         // OUT is finished: it is only compared with the inputs
    bool told;         // plo_resume_known was asked
    int64_t rows;      // that an earlier writer left
    int64_t asked;     // inputs that were asked for
    int64_t errors;    // among those passed over
    int64_t settle_at; // plo_clock_ns
};

// Whether OUT is finished and nothing of a writer lies beside it: it is then only reopened.
int plo_resume_is_done(struct plo_table *table, bool *done, struct pipilo_error *err);

// With OUT.partial claimed, `size` bytes: 1 where an earlier writer left what this one can go on
// with, `state` filled (plo_journal_state_reset frees it) and the journal open; 0 where it begins
// anew. Without options.resume it fails with PIPILO_EEXISTS rather than lose what can be resumed,
// and with force removes it.
int plo_resume_look(struct plo_table *table, uint64_t size, struct plo_journal_state *state,
                    struct pipilo_error *err);

// The first rows can come: settles what there is and begins the journal. Does nothing without
// options.resume.
int plo_resume_begin(struct plo_table *table, uint64_t marks_at, struct pipilo_error *err);

// As plo_table_known, for options.resume.
int plo_resume_known(struct plo_table *table, const char *source, uint64_t size, int64_t mtime_ns,
                     struct pipilo_error *err);

// Before a row is appended: whether the pipeline asked about those that are there.
int plo_resume_check(const struct plo_table *table, struct pipilo_error *err);

// After a row was appended.
int plo_resume_tick(struct plo_table *table, struct pipilo_error *err);

// All inputs have been read: whether they reached as far as the rows that are there.
int plo_resume_check_end(const struct plo_table *table, struct pipilo_error *err);

// All files are whole and synced: from here on only names are missing.
int plo_resume_complete(struct plo_table *table, uint64_t lines, struct pipilo_error *err);

// Before the files of a table that is not finished are closed: puts rows on the disk that are not
// yet there. And after.
void plo_resume_save(struct plo_table *table);
void plo_resume_close(struct plo_table *table);

#endif
