// table.h: rows kept. A writer takes rows one after the other and makes a .db, .npy or .jsonl file
// of them, or JSON lines on standard output; a reader gives the vectors and rows of a .db or .npy
// back. docs/file-formats.md says what the files hold.
//
//     struct plo_table *table = NULL;
//     PLO_TRY(plo_table_create(&table, "out.npy", &meta, &options, err));
//     result = plo_table_append(table, &row, err);           // once a row
//     if (result == 0)
//         result = plo_table_finish(table, err);
//     plo_table_close(table);                                // without a finish: nothing is left
//
// While a table is written, everything lies beside OUT under names that begin with OUT's name
// (out.npy.partial...); plo_table_finish renames it. A .db that is updated is the exception: it is
// changed in place, in transactions, so that a run that was killed can be taken up again. With
// options.resume what was written outlives a close without a finish, a kill and a power cut, and
// the next writer with options.resume goes on with it (see resume.h).
//
// Threads: a table belongs to one thread at a time.
#ifndef PLO_TABLE_TABLE_H
#define PLO_TABLE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipilo/error.h>

struct plo_table;

enum { PLO_TABLE_DIM_LIMIT = 1 << 20 };

// What is true of every row. Strings are UTF-8; the JSON ones hold an object each, NULL is {}.
struct plo_table_meta {
    const char *fingerprint;      // its id
    const char *fingerprint_json; // what it was made from
    const char *noted_json;       // what was noted but does not count (engine version, CPU)
    const char *model;            // the model's name
    size_t dim;
    bool halves;               // kept as numbers of 16 bits; else of 32
    const char *version;       // of pipilo
    const char *settings_json; // what a query must be embedded with
};

// A table that holds each `of`th input only, from input `part` - 1 on. All zeros: it is whole.
enum { PLO_SHARD_LIMIT = 1000000, PLO_SHARD_NAMES = 65 };
struct plo_shard {
    int part; // 1 to `of`
    int of;
    int64_t inputs;              // of all parts together
    char names[PLO_SHARD_NAMES]; // a digest of the sources of all of these, in order
};

struct plo_table_options {
    bool force;             // replace what is there
    bool update;            // add to what is there; nothing there is no failure
    bool resume;            // go on with what an earlier writer left; not with `update`
    bool thumbnails;        // rows have them, for all that this file knows
    uint64_t max_pixels;    // likewise: pictures of more are error rows
    struct plo_shard shard; // part and of
};

struct plo_table_member {
    const char *name;
    uint64_t size;
    const void *bytes; // NULL where only name and size are known
};

// A row. Appended: all is borrowed for the call. Read: all belongs to the table, until the next
// call with it.
struct plo_row {
    // Its number, from 0. When appending: -1, or in an update what plo_table_known gave.
    int64_t row;
    const char *source;
    const char *code;    // an error's name, NULL in a good row
    const char *message; // NULL in a good row
    uint32_t width;      // upright; 0: unknown
    uint32_t height;
    const float *vector; // dim values; NULL in a row with an error
    const void *thumbnail;
    size_t thumbnail_size;
    uint64_t size; // of the input, for updates
    int64_t mtime_ns;
    const char *key; // archives only, else NULL
    const struct plo_table_member *members;
    size_t member_count;
};

// --- writing ---

// The kind follows from the path: .db or .sqlite, .npy, .jsonl, or "-".
// With options.resume the rows that an earlier writer left whole are there already: those of an OUT
// that is finished, too, which is then only compared with the inputs.
// Errors: PIPILO_EINVALID for another suffix or a dim of 0; PIPILO_EEXISTS for an OUT that is there
// without force, update or resume, for what an earlier writer left to be resumed without force or
// resume, and, whatever the options, for an X.jsonl beside an X.npy and an X.npy whose X.jsonl is
// another store's; PIPILO_EMISMATCH for an update or resume with another fingerprint, dim, width or
// shard (both in the message); PIPILO_EBUSY where another run writes to the same OUT;
// PIPILO_ENOTFOUND for a folder that is not there; PIPILO_ECORRUPT for an OUT to update that is
// damaged; PIPILO_EIO; PIPILO_ENOMEM.
int plo_table_create(struct plo_table **out, const char *path, const struct plo_table_meta *meta,
                     const struct plo_table_options *options, struct pipilo_error *err);

// In an update: 1 where the store already has this input unchanged (the run may pass over it),
// 0 where it is to be embedded, with `*row` set to what plo_row.row must be: the row that is
// replaced (it failed, or the file has changed) or -1. Asked n times for a source, it answers for
// the source's nth row.
// In a resume it must be asked for every input in order: 1 for those whose rows are there, then 0.
// PIPILO_EMISMATCH where an input is not the one that its row was made of. Outside both always 0.
int plo_table_known(struct plo_table *table, const char *source, uint64_t size, int64_t mtime_ns,
                    int64_t *row, struct pipilo_error *err);

// Rows that an earlier writer left, and how many of them are errors as far as plo_table_known has
// passed over them; 0 outside a resume.
int64_t plo_table_resumed(const struct plo_table *table);
int64_t plo_table_resumed_errors(const struct plo_table *table);

// The inputs have ended: how many there are in all parts of a shard, and the digest of their
// sources. Without it a shard cannot be finished.
void plo_table_inputs(struct plo_table *table, int64_t inputs, const char *names);

// Errors: PIPILO_EIO (a full disk among them), PIPILO_ENOMEM. After one the table may only be
// closed. Of a resumed table only rows from plo_table_resumed on are appended;
// PIPILO_EPIPELINE where plo_table_known was not asked about those before.
int plo_table_append(struct plo_table *table, const struct plo_row *row, struct pipilo_error *err);

// Writes what is left, syncs and gives the files their names. Errors: as plo_table_append;
// PIPILO_EEXISTS where OUT has come to be in the meantime; PIPILO_EMISMATCH where the inputs ended
// before the rows of a resumed table; PIPILO_EPIPELINE for a shard without plo_table_inputs. On
// failure nothing is left, but for what can be resumed.
int plo_table_finish(struct plo_table *table, struct pipilo_error *err);

// Rows appended by this writer, replaced ones included.
int64_t plo_table_appended(const struct plo_table *table);

// --- reading ---

// Opens a .db or .npy (with the .jsonl and .meta.json beside it). Everything is checked, nothing is
// believed. Errors: PIPILO_ENOTFOUND, PIPILO_EIO, PIPILO_EFORMAT for another suffix,
// PIPILO_ECORRUPT, PIPILO_ENOMEM.
int plo_table_open(struct plo_table **out, const char *path, struct pipilo_error *err);

// Borrowed until plo_table_close.
const struct plo_table_meta *plo_table_meta(const struct plo_table *table);

// What part of a whole it is; of = 0: it is whole.
const struct plo_shard *plo_table_shard(const struct plo_table *table);

// The file that was opened, and as what. Filled with zeros before it is, and compared byte by byte.
struct plo_table_stamp {
    uint64_t device, inode;
    uint64_t size;
    int64_t mtime_ns;
    uint64_t log_size; // of what lies beside a database until it is merged in: its write-ahead log
    int64_t log_mtime_ns;
};

// Borrowed until plo_table_close.
const struct plo_table_stamp *plo_table_stamp(const struct plo_table *table);

// 0 where the file by the table's name is the one that was opened, with the same size and time.
// Errors: PIPILO_EMISMATCH where another has taken its place or it has been written to; PIPILO_EIO.
int plo_table_unchanged(const struct plo_table *table, struct pipilo_error *err);

// Copies the vectors of `count` rows from `first` on to `out` (count * dim floats, whatever they
// are kept as). `valid[i]` is 0
// where row first + i has none; its floats are then not to be used. Errors: PIPILO_EINVALID for
// rows that are not there, PIPILO_ECORRUPT, PIPILO_EIO.
int plo_table_vectors(struct plo_table *table, int64_t first, size_t count, float *out,
                      uint8_t *valid, struct pipilo_error *err);

// All vectors as they lie in the file: rows * dim numbers, of 16 bits where meta's `halves` says
// so;
// `*out` is NULL where the kind or the file has no such place. Mapped, and borrowed until
// plo_table_close: a row that has no vector is all NaN. pipilo never shortens a file that is there
// (it writes beside it and renames); a program that does so while the rows are read ends this
// process, as with any mapping. Errors: PIPILO_ECORRUPT where the file has shrunk since it was
// opened; PIPILO_EIO.
int plo_table_map(struct plo_table *table, const void **out, struct pipilo_error *err);

// One row, its members and vector left out. Errors: PIPILO_ENOTFOUND, PIPILO_ECORRUPT, PIPILO_EIO.
int plo_table_row(struct plo_table *table, int64_t number, struct plo_row *row,
                  struct pipilo_error *err);

struct plo_table_count {
    const char *code; // an error's name
    int64_t rows;
};

// How many rows failed, by code, in the order of the names. `*counts` is borrowed until
// plo_table_close. Reads every row's status.
int plo_table_errors(struct plo_table *table, const struct plo_table_count **counts, size_t *count,
                     struct pipilo_error *err);

// --- both ---

// How many rows it has, in a writer those that were there before included: a row appended with -1
// has become plo_table_rows - 1. Numbers run from 0; in a .db from which rows were deleted by other
// means there are gaps.
int64_t plo_table_rows(const struct plo_table *table);

// Closes a reader; of a writer that was not finished removes all it had written, unless that is to
// be resumed: then rows not yet on the disk are put there, as far as it takes them. NULL is
// allowed.
void plo_table_close(struct plo_table *table);

#endif
