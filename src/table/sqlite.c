// sqlite.c: rows in an SQLite database: the schema, batched transactions, and updates in place.
//
// A new store is written as OUT.partial in WAL mode and is a single plain file when it gets its
// name. An update works on OUT itself, so that it need not be copied: each batch is a transaction,
// and what an update that was killed has done is kept and not done again. It uses a rollback
// journal, not WAL: when the disk is full, a batch can be taken back without more room.
//
// A store that can be resumed is a new one whose batches are synced, each before the journal tells
// of it; how many rows are whole the database itself knows.
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/half.h"
#include "core/fail.h"
#include "table/meta_file.h"
#include "table/sqlite_parts.h"

enum {
    BATCH_ROWS = 512,
    BATCH_NS = 1000000000,
};

static const char schema[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE rows("
    "row INTEGER PRIMARY KEY, source TEXT NOT NULL, status TEXT NOT NULL, code TEXT, message TEXT, "
    "width INTEGER, height INTEGER, size INTEGER, mtime_ns INTEGER, key TEXT, "
    "vector BLOB, thumbnail BLOB);"
    "CREATE INDEX rows_source ON rows(source);"
    "CREATE TABLE members(row INTEGER NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, "
    "size INTEGER NOT NULL, bytes BLOB, PRIMARY KEY(row, number)) WITHOUT ROWID;";

static int run(struct plo_table *table, const char *sql, struct pipilo_error *err)
{
    struct plo_sqlite *s = table->priv;
    if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return plo_sqlite_fail(table, s->db, err);
    return 0;
}

// Binds a name as text, or as a blob where it is not UTF-8 (a file's name may be anything).
static void bind_name(struct sqlite3_stmt *statement, int index, const char *name)
{
    if (name == NULL)
        sqlite3_bind_null(statement, index);
    else if (plo_table_is_text(name, strlen(name)))
        sqlite3_bind_text(statement, index, name, -1, SQLITE_STATIC);
    else
        sqlite3_bind_blob64(statement, index, name, strlen(name), SQLITE_STATIC);
}

static void bind_pixels(struct sqlite3_stmt *statement, int index, uint32_t pixels)
{
    if (pixels > 0)
        sqlite3_bind_int64(statement, index, pixels);
    else
        sqlite3_bind_null(statement, index);
}

// Runs a statement that gives no rows, and makes it ready for the next time.
static int execute(struct plo_table *table, struct sqlite3_stmt *statement,
                   struct pipilo_error *err)
{
    struct plo_sqlite *s = table->priv;
    int code = sqlite3_step(statement) == SQLITE_DONE ? 0 : plo_sqlite_fail(table, s->db, err);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return code;
}

// --- creating ---

static int write_meta(struct plo_table *table, struct pipilo_error *err)
{
    char dim[24];
    snprintf(dim, sizeof dim, "%zu", table->meta.dim);
    const char *const pairs[][2] = {
        { "format", plo_sqlite_format },
        { "pipilo", table->meta.version },
        { "fingerprint", table->meta.fingerprint },
        { "fingerprint_of", table->meta.fingerprint_json },
        { "noted", table->meta.noted_json },
        { "model", table->meta.model },
        { "dim", dim },
        { "vector", plo_sqlite_vector[table->meta.halves] },
        { "settings", table->meta.settings_json },
    };
    struct sqlite3_stmt *statement = NULL;
    int result = plo_sqlite_prepare(table, &statement, "INSERT INTO meta VALUES(?1,?2)", err);
    for (size_t i = 0; result == 0 && i < PLO_COUNT(pairs); i++) {
        sqlite3_bind_text(statement, 1, pairs[i][0], -1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 2, pairs[i][1], -1, SQLITE_STATIC);
        result = execute(table, statement, err);
    }
    sqlite3_finalize(statement);
    return result;
}

// Removes what SQLite keeps beside a database.
static int remove_beside(const char *path, struct pipilo_error *err)
{
    static const char *const endings[] = { "-wal", "-shm", "-journal" };
    for (size_t i = 0; i < PLO_COUNT(endings); i++) {
        char *name = plo_format("%s%s", path, endings[i]);
        if (name == NULL)
            return plo_fail_nomem(err, 0);
        unlink(name);
        plo_free(name);
    }
    return 0;
}

static int make_schema(struct plo_table *table, struct pipilo_error *err)
{
    PLO_TRY(run(table, "BEGIN", err));
    PLO_TRY(run(table, schema, err));
    PLO_TRY(write_meta(table, err));
    PLO_TRY(run(table, "COMMIT", err));
    return plo_resume_begin(table, 0, err);
}

static int fill_partial(struct plo_table *table, const char *partial, bool left,
                        struct pipilo_error *err)
{
    struct plo_sqlite *s = table->priv;
    if (!left)
        PLO_TRY(remove_beside(partial, err));
    if (!left && ftruncate(s->claim.fd, 0) < 0)
        return plo_fail(err, PIPILO_EIO, "cannot empty %s", partial);
    PLO_TRY(plo_sqlite_open(table, partial, true, err));
    // Else nothing needs to survive a power cut before the file has its name; it is synced before
    // that.
    PLO_TRY(run(table, "PRAGMA journal_mode=WAL", err));
    PLO_TRY(run(table, table->options.resume ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=OFF",
                err));
    if (!left)
        return make_schema(table, err);
    struct plo_table_meta stored;
    PLO_TRY(plo_sqlite_read_meta(table, &stored, &table->rows, err));
    plo_table_meta_reset(&stored);
    return 0;
}

static int create_new(struct plo_table *table, struct pipilo_error *err)
{
    struct plo_sqlite *s = table->priv;
    struct plo_journal_state state = { 0 };
    uint64_t size = 0;
    char *partial = plo_format("%s.partial", table->path);
    if (partial == NULL)
        return plo_fail_nomem(err, 0);
    int result = plo_outfile_claim(&s->claim, table->path, partial, err);
    if (result == 0)
        result = plo_outfile_there(&s->claim, &size, err);
    if (result == 0)
        result = plo_resume_look(table, size, &state, err);
    if (result >= 0)
        result = fill_partial(table, partial, result > 0, err);
    plo_journal_state_reset(&state);
    plo_free(partial);
    return result;
}

static int open_present(struct plo_table *table, struct pipilo_error *err)
{
    struct plo_sqlite *s = table->priv;
    struct plo_table_meta stored;
    s->in_place = true;
    PLO_TRY(plo_outfile_claim(&s->claim, NULL, table->path, err));
    PLO_TRY(plo_sqlite_open(table, table->path, true, err));
    PLO_TRY(plo_sqlite_read_meta(table, &stored, &table->rows, err));
    int result = plo_table_meta_match(&stored, &table->meta, table->path, err);
    if (result == 0 && stored.halves != table->meta.halves)
        result = plo_table_fail_width(table->path, stored.halves, err);
    plo_table_meta_reset(&stored);
    PLO_TRY(result);
    s->known_rows = table->rows;
    s->asked = plo_alloc0((size_t)(table->rows / 8) + 1, 1);
    if (s->asked == NULL)
        return plo_fail_nomem(err, (size_t)(table->rows / 8) + 1);
    // With rows of its own it is no part of a whole any more.
    PLO_TRY(run(table, "DELETE FROM meta WHERE key='shard'", err));
    // Somebody who reads it at the moment may keep it in the mode it has; either will do.
    (void)run(table, "PRAGMA journal_mode=DELETE", NULL);
    return 0;
}

static int create(struct plo_table *table, struct pipilo_error *err)
{
    PLO_TRY(plo_sqlite_init(table, err));
    PLO_TRY(table->options.update ? open_present(table, err) : create_new(table, err));
    struct plo_sqlite *s = table->priv;
    PLO_TRY(plo_sqlite_make_halves(table, err));
    PLO_TRY(plo_sqlite_prepare(table, &s->insert,
                               "INSERT OR REPLACE INTO rows(row, source, status, code, message, "
                               "width, height, size, mtime_ns, key, vector, thumbnail) "
                               "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)",
                               err));
    PLO_TRY(plo_sqlite_prepare(table, &s->insert_member,
                               "INSERT INTO members(row, number, name, size, bytes) "
                               "VALUES(?1,?2,?3,?4,?5)",
                               err));
    PLO_TRY(plo_sqlite_prepare(table, &s->delete_members, "DELETE FROM members WHERE row=?1", err));
    return plo_sqlite_prepare(table, &s->find,
                              "SELECT row, status, size, mtime_ns FROM rows "
                              "WHERE source=?1 AND row<?2 ORDER BY row",
                              err);
}

// --- rows ---

static int known(struct plo_table *table, const char *source, uint64_t size, int64_t mtime_ns,
                 int64_t *row, struct pipilo_error *err)
{
    struct plo_sqlite *s = table->priv;
    int answer = 0;
    bind_name(s->find, 1, source);
    sqlite3_bind_int64(s->find, 2, s->known_rows);
    int result = SQLITE_ROW;
    while ((result = sqlite3_step(s->find)) == SQLITE_ROW) {
        int64_t number = sqlite3_column_int64(s->find, 0);
        uint8_t bit = (uint8_t)(1u << (number & 7));
        if (s->asked[number >> 3] & bit)
            continue;
        s->asked[number >> 3] |= bit;
        const char *status = (const char *)sqlite3_column_text(s->find, 1);
        if (status != NULL && strcmp(status, "ok") == 0 &&
            sqlite3_column_int64(s->find, 2) == (int64_t)size &&
            sqlite3_column_int64(s->find, 3) == mtime_ns)
            answer = 1;
        else
            *row = number;
        break;
    }
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        answer = plo_sqlite_fail(table, s->db, err);
    sqlite3_reset(s->find);
    sqlite3_clear_bindings(s->find);
    return answer;
}

static int insert_members(struct plo_table *table, int64_t number, const struct plo_row *row,
                          struct pipilo_error *err)
{
    struct plo_sqlite *s = table->priv;
    for (size_t i = 0; i < row->member_count; i++) {
        const struct plo_table_member *member = &row->members[i];
        sqlite3_bind_int64(s->insert_member, 1, number);
        sqlite3_bind_int64(s->insert_member, 2, (int64_t)i);
        bind_name(s->insert_member, 3, member->name);
        sqlite3_bind_int64(s->insert_member, 4, (int64_t)member->size);
        if (member->bytes != NULL)
            sqlite3_bind_blob64(s->insert_member, 5, member->bytes, member->size, SQLITE_STATIC);
        PLO_TRY(execute(table, s->insert_member, err));
    }
    return 0;
}

static void bind_vector(struct plo_table *table, const float *vector)
{
    struct plo_sqlite *s = table->priv;
    size_t dim = table->meta.dim;
    if (s->halves != NULL) {
        plo_half_from_floats(s->halves, vector, dim);
        sqlite3_bind_blob64(s->insert, 11, s->halves, dim * sizeof *s->halves, SQLITE_STATIC);
    } else {
        sqlite3_bind_blob64(s->insert, 11, vector, dim * sizeof *vector, SQLITE_STATIC);
    }
}

static int insert_row(struct plo_table *table, int64_t number, const struct plo_row *row,
                      struct pipilo_error *err)
{
    struct plo_sqlite *s = table->priv;
    bool ok = row->code == NULL;
    sqlite3_bind_int64(s->insert, 1, number);
    bind_name(s->insert, 2, row->source);
    sqlite3_bind_text(s->insert, 3, ok ? "ok" : "error", -1, SQLITE_STATIC);
    bind_name(s->insert, 4, row->code);
    bind_name(s->insert, 5, row->message);
    bind_pixels(s->insert, 6, row->width);
    bind_pixels(s->insert, 7, row->height);
    sqlite3_bind_int64(s->insert, 8, (int64_t)row->size);
    sqlite3_bind_int64(s->insert, 9, row->mtime_ns);
    bind_name(s->insert, 10, row->key);
    if (ok && row->vector != NULL)
        bind_vector(table, row->vector);
    if (row->thumbnail != NULL)
        sqlite3_bind_blob64(s->insert, 12, row->thumbnail, row->thumbnail_size, SQLITE_STATIC);
    PLO_TRY(execute(table, s->insert, err));
    return insert_members(table, number, row, err);
}

static int end_batch(struct plo_table *table, struct pipilo_error *err)
{
    struct plo_sqlite *s = table->priv;
    if (!s->open_batch)
        return 0;
    PLO_TRY(run(table, "COMMIT", err));
    s->open_batch = false;
    return 0;
}

int plo_sqlite_begin_row(struct plo_table *table, struct pipilo_error *err)
{
    struct plo_sqlite *s = table->priv;
    if (s->open_batch)
        return 0;
    PLO_TRY(run(table, "BEGIN IMMEDIATE", err));
    s->open_batch = true;
    s->batch_rows = 0;
    s->batch_start_ns = plo_clock_ns();
    return 0;
}

int plo_sqlite_end_row(struct plo_table *table, struct pipilo_error *err)
{
    struct plo_sqlite *s = table->priv;
    s->batch_rows++;
    // One that can be resumed is told when, since a batch is synced then.
    bool due = s->batch_rows >= BATCH_ROWS || plo_clock_ns() - s->batch_start_ns >= BATCH_NS;
    return due && !table->options.resume ? end_batch(table, err) : 0;
}

static int append(struct plo_table *table, const struct plo_row *row, struct pipilo_error *err)
{
    struct plo_sqlite *s = table->priv;
    bool replaces = row->row >= 0;
    if (replaces && row->row >= s->known_rows)
        return plo_fail(err, PIPILO_EINVALID, "row %lld is not there to be replaced",
                        (long long)row->row);
    PLO_TRY(plo_sqlite_begin_row(table, err));
    if (replaces) {
        sqlite3_bind_int64(s->delete_members, 1, row->row);
        PLO_TRY(execute(table, s->delete_members, err));
    }
    PLO_TRY(insert_row(table, replaces ? row->row : table->rows, row, err));
    table->rows += replaces ? 0 : 1;
    return plo_sqlite_end_row(table, err);
}

// --- resuming ---

static int reopen(struct plo_table *table, struct pipilo_error *err)
{
    struct plo_table_meta stored;
    PLO_TRY(plo_sqlite_init(table, err));
    PLO_TRY(plo_sqlite_open(table, table->path, false, err));
    PLO_TRY(plo_sqlite_read_meta(table, &stored, &table->rows, err));
    int result = plo_table_meta_match(&stored, &table->meta, table->path, err);
    if (result == 0 && stored.halves != table->meta.halves)
        result = plo_table_fail_width(table->path, stored.halves, err);
    plo_table_meta_reset(&stored);
    return result < 0 ? result : plo_sqlite_read_shard(table, err);
}

static int past(struct plo_table *table, int64_t number, struct plo_past *past,
                struct pipilo_error *err)
{
    struct plo_sqlite *s = table->priv;
    if (s->past == NULL)
        PLO_TRY(plo_sqlite_prepare(
            table, &s->past, "SELECT source, status, size, mtime_ns FROM rows WHERE row=?1", err));
    sqlite3_bind_int64(s->past, 1, number);
    int result = sqlite3_step(s->past);
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        return plo_sqlite_fail(table, s->db, err);
    const char *status =
        result == SQLITE_ROW ? (const char *)sqlite3_column_text(s->past, 1) : NULL;
    if (status == NULL)
        return plo_fail(err, PIPILO_ECORRUPT, "%s has no row %lld", table->path, (long long)number);
    past->failed = strcmp(status, "ok") != 0;
    s->texts.length = 0;
    plo_str_add_bytes(&s->texts, sqlite3_column_blob(s->past, 0),
                      (size_t)sqlite3_column_bytes(s->past, 0));
    past->source = s->texts.data != NULL ? s->texts.data : "";
    plo_mark_text(plo_table_mark((uint64_t)sqlite3_column_int64(s->past, 2),
                                 sqlite3_column_int64(s->past, 3)),
                  past->mark);
    // A statement at rest holds up neither a commit nor a checkpoint.
    sqlite3_reset(s->past);
    return s->texts.failed ? plo_fail_nomem(err, 0) : 0;
}

static int settle(struct plo_table *table, uint64_t *lines, struct pipilo_error *err)
{
    *lines = 0;
    return end_batch(table, err);
}

// --- the end ---

// Leaves WAL mode, which folds the log into the database and removes what lay beside it.
static int leave_wal(struct plo_table *table, struct pipilo_error *err)
{
    PLO_TRY(run(table, "PRAGMA wal_checkpoint(TRUNCATE)", err));
    return run(table, "PRAGMA journal_mode=DELETE", err);
}

// Written last, for only then is it known; a run that was killed behind it writes the same again.
static int write_shard(struct plo_table *table, struct pipilo_error *err)
{
    struct sqlite3_stmt *statement = NULL;
    struct plo_str text = PLO_STR_INIT;
    if (table->options.shard.of == 0)
        return 0;
    plo_shard_add_json(&text, &table->options.shard);
    int result = text.failed
                     ? plo_fail_nomem(err, 0)
                     : plo_sqlite_prepare(table, &statement,
                                          "INSERT OR REPLACE INTO meta VALUES('shard',?1)", err);
    if (result == 0) {
        sqlite3_bind_text(statement, 1, text.data, -1, SQLITE_STATIC);
        result = execute(table, statement, err);
    }
    sqlite3_finalize(statement);
    plo_str_reset(&text);
    return result;
}

static int finish(struct plo_table *table, struct pipilo_error *err)
{
    struct plo_sqlite *s = table->priv;
    PLO_TRY(end_batch(table, err));
    PLO_TRY(write_shard(table, err));
    if (s->in_place) {
        plo_sqlite_close_db(s);
        return 0;
    }
    PLO_TRY(leave_wal(table, err));
    plo_sqlite_close_db(s);
    PLO_TRY(plo_outfile_sync(&s->claim, err));
    // A journal whose database is gone would be rolled back into this one.
    if (table->options.force || access(table->path, F_OK) < 0)
        PLO_TRY(remove_beside(table->path, err));
    return plo_outfile_place(&s->claim, table->options.force, err);
}

static void close_table(struct plo_table *table)
{
    struct plo_sqlite *s = table->priv;
    if (s == NULL)
        return;
    bool keep = table->finished || s->in_place || table->resume.keep;
    // What earlier batches of an update did stays, and stays valid.
    if (keep && s->open_batch)
        (void)run(table, "ROLLBACK", NULL);
    plo_sqlite_close_db(s);
    if (!keep && s->claim.partial != NULL)
        (void)remove_beside(s->claim.partial, NULL);
    // SQLite's locks go with any descriptor of the file that is closed, so this one goes last.
    plo_outfile_close(&s->claim, keep);
    plo_str_reset(&s->texts);
    plo_free(s->thumbnail);
    plo_free(s->halves);
    plo_free(s->asked);
    plo_free(s);
}

const struct plo_table_kind plo_table_sqlite = {
    .name = "sqlite",
    .log_suffix = "-wal",
    .create = create,
    .known = known,
    .append = append,
    .finish = finish,
    .reopen = reopen,
    .past = past,
    .settle = settle,
    .open_part = plo_sqlite_open_part,
    .join = plo_sqlite_join,
    .close_part = plo_sqlite_close_part,
    .open = plo_sqlite_open_table,
    .vectors = plo_sqlite_vectors,
    .row = plo_sqlite_row,
    .errors = plo_sqlite_errors,
    .close = close_table,
};
