// sqlite.c: rows in an SQLite database: the schema, batched transactions, and updates in place.
//
// A new store is written as OUT.partial in WAL mode and is a single plain file when it gets its
// name. An update works on OUT itself, so that it need not be copied: each batch is a transaction,
// and what an update that was killed has done is kept and not done again. It uses a rollback
// journal, not WAL: when the disk is full, a batch can be taken back without more room.
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/half.h"
#include "core/fail.h"
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

static int create_new(struct plo_table *table, struct pipilo_error *err)
{
    struct plo_sqlite *s = table->priv;
    char *partial = plo_format("%s.partial", table->path);
    if (partial == NULL)
        return plo_fail_nomem(err, 0);
    int result = plo_outfile_claim(&s->claim, table->path, partial, err);
    if (result == 0)
        result = remove_beside(partial, err);
    if (result == 0 && ftruncate(s->claim.fd, 0) < 0)
        result = plo_fail(err, PIPILO_EIO, "cannot empty %s", partial);
    if (result == 0)
        result = plo_sqlite_open(table, partial, true, err);
    plo_free(partial);
    PLO_TRY(result);
    // Nothing needs to survive a power cut before the file has its name; it is synced before that.
    PLO_TRY(run(table, "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; BEGIN", err));
    PLO_TRY(run(table, schema, err));
    PLO_TRY(write_meta(table, err));
    return run(table, "COMMIT", err);
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

static int append(struct plo_table *table, const struct plo_row *row, struct pipilo_error *err)
{
    struct plo_sqlite *s = table->priv;
    bool replaces = row->row >= 0;
    if (replaces && row->row >= s->known_rows)
        return plo_fail(err, PIPILO_EINVALID, "row %lld is not there to be replaced",
                        (long long)row->row);
    if (!s->open_batch) {
        PLO_TRY(run(table, "BEGIN IMMEDIATE", err));
        s->open_batch = true;
        s->batch_rows = 0;
        s->batch_start_ns = plo_clock_ns();
    }
    if (replaces) {
        sqlite3_bind_int64(s->delete_members, 1, row->row);
        PLO_TRY(execute(table, s->delete_members, err));
    }
    PLO_TRY(insert_row(table, replaces ? row->row : table->rows, row, err));
    table->rows += replaces ? 0 : 1;
    s->batch_rows++;
    if (s->batch_rows >= BATCH_ROWS || plo_clock_ns() - s->batch_start_ns >= BATCH_NS)
        return end_batch(table, err);
    return 0;
}

// --- the end ---

// Leaves WAL mode, which folds the log into the database and removes what lay beside it.
static int leave_wal(struct plo_table *table, struct pipilo_error *err)
{
    PLO_TRY(run(table, "PRAGMA wal_checkpoint(TRUNCATE)", err));
    return run(table, "PRAGMA journal_mode=DELETE", err);
}

static int finish(struct plo_table *table, struct pipilo_error *err)
{
    struct plo_sqlite *s = table->priv;
    PLO_TRY(end_batch(table, err));
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
    // What earlier batches of an update did stays, and stays valid.
    if (s->in_place && s->open_batch)
        (void)run(table, "ROLLBACK", NULL);
    plo_sqlite_close_db(s);
    if (!table->finished && !s->in_place && s->claim.partial != NULL)
        (void)remove_beside(s->claim.partial, NULL);
    // SQLite's locks go with any descriptor of the file that is closed, so this one goes last.
    plo_outfile_close(&s->claim, table->finished || s->in_place);
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
    .open = plo_sqlite_open_table,
    .vectors = plo_sqlite_vectors,
    .row = plo_sqlite_row,
    .errors = plo_sqlite_errors,
    .close = close_table,
};
