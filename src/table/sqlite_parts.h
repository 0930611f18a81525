// sqlite_parts.h: what the writer and the reader of .db files share. The schema stands in sqlite.c
// and in docs/file-formats.md.
#ifndef PLO_TABLE_SQLITE_PARTS_H
#define PLO_TABLE_SQLITE_PARTS_H

#include "base/str.h"
#include "table/kinds.h"
#include "table/outfile.h"

// An opaque name for sqlite3 and sqlite3_stmt keeps SQLite's header out of this one.
struct sqlite3;
struct sqlite3_stmt;

struct plo_sqlite {
    struct sqlite3 *db;
    // writing
    struct plo_outfile claim; // the lock, and the name at the end
    bool in_place;            // an update of a store that is there
    bool open_batch;          // a transaction is open
    int64_t batch_rows;
    int64_t batch_start_ns;
    int64_t known_rows; // that were there before this run
    uint8_t *asked;     // a bit for each of them: plo_table_known has answered for it
    struct sqlite3_stmt *insert;
    struct sqlite3_stmt *insert_member;
    struct sqlite3_stmt *delete_members;
    struct sqlite3_stmt *find;
    struct sqlite3_stmt *past;
    // reading
    struct sqlite3_stmt *vectors;
    struct sqlite3_stmt *row;
    struct plo_str texts;
    uint8_t *thumbnail;
    // both
    uint16_t *halves; // one vector; NULL where they are kept in 32 bits
};

enum { PLO_SQLITE_FORMAT = 32 };
extern const char plo_sqlite_format[PLO_SQLITE_FORMAT];

// The meta table's `vector`: how a vector's numbers are kept.
extern const char *const plo_sqlite_vector[2]; // in 32 bits, in 16

// A new, empty plo_sqlite in table->priv.
int plo_sqlite_init(struct plo_table *table, struct pipilo_error *err);

// What SQLite says went wrong, as a code and a text.
int plo_sqlite_fail(const struct plo_table *table, struct sqlite3 *db, struct pipilo_error *err);

// Opens `path`; nothing in the file's schema is trusted.
int plo_sqlite_open(struct plo_table *table, const char *path, bool writable,
                    struct pipilo_error *err);

int plo_sqlite_prepare(struct plo_table *table, struct sqlite3_stmt **out, const char *sql,
                       struct pipilo_error *err);

// Checks that the database is one of ours and reads its meta; `rows` is one more than the highest
// row number. On failure `meta` needs no reset.
int plo_sqlite_read_meta(struct plo_table *table, struct plo_table_meta *meta, int64_t *rows,
                         struct pipilo_error *err);

// What part of a whole it is, into table->shard.
int plo_sqlite_read_shard(struct plo_table *table, struct pipilo_error *err);

// A place for one vector in table->priv, where they are kept in 16 bits.
int plo_sqlite_make_halves(struct plo_table *table, struct pipilo_error *err);

// Around the statements that insert a row: a transaction is open, and ends now and then.
int plo_sqlite_begin_row(struct plo_table *table, struct pipilo_error *err);
int plo_sqlite_end_row(struct plo_table *table, struct pipilo_error *err);

// The kind's share in merging.
int plo_sqlite_open_part(struct plo_part *part, struct pipilo_error *err);
int plo_sqlite_join(struct plo_table *out, struct plo_part *part, int64_t number,
                    struct pipilo_error *err);
void plo_sqlite_close_part(struct plo_part *part);

// The reading half of the kind.
int plo_sqlite_open_table(struct plo_table *table, struct pipilo_error *err);
int plo_sqlite_vectors(struct plo_table *table, int64_t first, size_t count, float *out,
                       uint8_t *valid, struct pipilo_error *err);
int plo_sqlite_row(struct plo_table *table, int64_t number, struct plo_row *row,
                   struct pipilo_error *err);
int plo_sqlite_errors(struct plo_table *table, struct pipilo_error *err);

// Finalizes all statements and closes the database.
void plo_sqlite_close_db(struct plo_sqlite *s);

#endif
