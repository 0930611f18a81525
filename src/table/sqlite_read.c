// sqlite_read.c: opening .db files and reading them back. A file may come from anywhere: its schema
// is not trusted, and each value is checked for its type and size.
#include <errno.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/half.h"
#include "core/fail.h"
#include "table/meta_file.h"
#include "table/sqlite_parts.h"

const char plo_sqlite_format[PLO_SQLITE_FORMAT] = "pipilo-vectors-1";
const char *const plo_sqlite_vector[2] = { "float32 little-endian", "float16 little-endian" };

int plo_sqlite_init(struct plo_table *table, struct pipilo_error *err)
{
    struct plo_sqlite *s = plo_alloc0(1, sizeof *s);
    if (s == NULL)
        return plo_fail_nomem(err, sizeof *s);
    s->claim = PLO_OUTFILE_INIT;
    table->priv = s;
    return 0;
}

int plo_sqlite_fail(const struct plo_table *table, struct sqlite3 *db, struct pipilo_error *err)
{
    int code = PIPILO_EIO;
    const char *reason = sqlite3_errmsg(db);
    switch (sqlite3_errcode(db) & 0xff) {
    case SQLITE_NOMEM:
        code = PIPILO_ENOMEM;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR: // the statement does not fit the file's schema
    case SQLITE_TOOBIG:
        code = PIPILO_ECORRUPT;
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        code = PIPILO_EBUSY;
        break;
    case SQLITE_CANTOPEN:
        // Not every time for want of the file: no descriptor may have been left.
        if (sqlite3_system_errno(db) > 0 && sqlite3_system_errno(db) != ENOENT)
            return plo_fail_errno(err, -sqlite3_system_errno(db), "%s", table->path);
        if (access(table->path, F_OK) < 0) {
            code = PIPILO_ENOTFOUND;
            reason = "no such file";
        }
        break;
    default:
        break;
    }
    return plo_fail(err, code, "%s: %s", table->path, reason);
}

int plo_sqlite_prepare(struct plo_table *table, struct sqlite3_stmt **out, const char *sql,
                       struct pipilo_error *err)
{
    struct plo_sqlite *s = table->priv;
    if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) != SQLITE_OK)
        return plo_sqlite_fail(table, s->db, err);
    return 0;
}

int plo_sqlite_open(struct plo_table *table, const char *path, bool writable,
                    struct pipilo_error *err)
{
    struct plo_sqlite *s = table->priv;
    int flags = writable ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
    int result = sqlite3_open_v2(path, &s->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (s->db == NULL)
        return plo_fail_nomem(err, 0);
    if (result != SQLITE_OK)
        return plo_sqlite_fail(table, s->db, err);
    sqlite3_busy_timeout(s->db, 5000);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, 256 << 20);
    // 4 MiB of pages, so that memory stays flat after the first thousand rows.
    if (sqlite3_exec(s->db, "PRAGMA cell_size_check=ON; PRAGMA cache_size=-4096", NULL, NULL,
                     NULL) != SQLITE_OK)
        return plo_sqlite_fail(table, s->db, err);
    return 0;
}

// The one integer that a query gives.
static int query_int(struct plo_table *table, const char *sql, int64_t *out,
                     struct pipilo_error *err)
{
    struct plo_sqlite *s = table->priv;
    struct sqlite3_stmt *statement = NULL;
    PLO_TRY(plo_sqlite_prepare(table, &statement, sql, err));
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        *out = sqlite3_column_int64(statement, 0);
    int code = result == SQLITE_ROW ? 0 : plo_sqlite_fail(table, s->db, err);
    sqlite3_finalize(statement);
    return code;
}

// One text of the meta table as a new string.
static int meta_text(struct plo_table *table, struct sqlite3_stmt *statement, const char *key,
                     const char **out, struct pipilo_error *err)
{
    struct plo_sqlite *s = table->priv;
    sqlite3_reset(statement);
    sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
    int result = sqlite3_step(statement);
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        return plo_sqlite_fail(table, s->db, err);
    if (result == SQLITE_DONE || sqlite3_column_type(statement, 0) != SQLITE_TEXT)
        return plo_fail(err, PIPILO_ECORRUPT, "%s: its meta table lacks %s", table->path, key);
    *out = plo_strdup((const char *)sqlite3_column_text(statement, 0));
    return *out != NULL ? 0 : plo_fail_nomem(err, 0);
}

static int read_fields(struct plo_table *table, struct plo_table_meta *meta, const char **format,
                       const char **dim, const char **vector, struct pipilo_error *err)
{
    struct sqlite3_stmt *statement = NULL;
    const struct {
        const char *key;
        const char **to;
    } fields[] = {
        { "format", format },
        { "dim", dim },
        { "vector", vector },
        { "fingerprint", &meta->fingerprint },
        { "fingerprint_of", &meta->fingerprint_json },
        { "noted", &meta->noted_json },
        { "model", &meta->model },
        { "pipilo", &meta->version },
        { "settings", &meta->settings_json },
    };
    int result = plo_sqlite_prepare(table, &statement, "SELECT value FROM meta WHERE key=?1", err);
    for (size_t i = 0; result == 0 && i < PLO_COUNT(fields); i++)
        result = meta_text(table, statement, fields[i].key, fields[i].to, err);
    sqlite3_finalize(statement);
    return result;
}

static bool to_dim(const char *text, size_t *out)
{
    size_t dim = 0;
    for (; *text >= '0' && *text <= '9' && dim <= PLO_TABLE_DIM_LIMIT; text++)
        dim = dim * 10 + (size_t)(*text - '0');
    *out = dim;
    return *text == '\0' && dim > 0 && dim <= PLO_TABLE_DIM_LIMIT;
}

// SQLite does not miss the end of a last page that it has no need to read.
static int check_size(struct plo_table *table, struct pipilo_error *err)
{
    int64_t page = 0;
    struct stat status;
    PLO_TRY(query_int(table, "PRAGMA page_size", &page, err));
    if (stat(table->path, &status) == 0 && page > 0 && status.st_size % page != 0)
        return plo_fail(err, PIPILO_ECORRUPT, "%s ends early", table->path);
    return 0;
}

// The number of rows, from the highest row number. Numbers far beyond what the file can hold would
// make a search walk through nothing for hours.
static int read_rows(struct plo_table *table, int64_t *rows, struct pipilo_error *err)
{
    int64_t pages = 0, lowest = 0;
    PLO_TRY(query_int(table, "PRAGMA page_count", &pages, err));
    PLO_TRY(query_int(table, "SELECT coalesce(max(row),-1) FROM rows", rows, err));
    PLO_TRY(query_int(table, "SELECT coalesce(min(row),0) FROM rows", &lowest, err));
    if (lowest < 0 || *rows / 4096 >= pages)
        return plo_fail(err, PIPILO_ECORRUPT, "%s: its row numbers are not those of its rows",
                        table->path);
    *rows += 1;
    return 0;
}

int plo_sqlite_read_meta(struct plo_table *table, struct plo_table_meta *meta, int64_t *rows,
                         struct pipilo_error *err)
{
    const char *format = NULL, *dim = NULL, *vector = NULL;
    int64_t tables = 0;
    memset(meta, 0, sizeof *meta);
    int result = query_int(table,
                           "SELECT count(*) FROM sqlite_master WHERE type='table' AND rootpage>0 "
                           "AND name IN ('meta','rows','members')",
                           &tables, err);
    if (result == 0 && tables != 3)
        result = plo_fail(err, PIPILO_ECORRUPT, "%s is no store of pipilo's", table->path);
    if (result == 0)
        result = read_fields(table, meta, &format, &dim, &vector, err);
    if (result == 0 && strcmp(format, plo_sqlite_format) != 0)
        result = plo_fail(err, PIPILO_ECORRUPT, "%s is not of the format %s", table->path,
                          plo_sqlite_format);
    if (result == 0 && !to_dim(dim, &meta->dim))
        result = plo_fail(err, PIPILO_ECORRUPT, "%s holds no sensible dim", table->path);
    if (result == 0) {
        meta->halves = strcmp(vector, plo_sqlite_vector[1]) == 0;
        if (!meta->halves && strcmp(vector, plo_sqlite_vector[0]) != 0)
            result = plo_fail(err, PIPILO_ECORRUPT, "%s holds no float32 or float16 vectors",
                              table->path);
    }
    if (result == 0)
        result = check_size(table, err);
    if (result == 0)
        result = read_rows(table, rows, err);
    if (result < 0)
        plo_table_meta_reset(meta);
    plo_free((char *)format);
    plo_free((char *)dim);
    plo_free((char *)vector);
    return result;
}

int plo_sqlite_read_shard(struct plo_table *table, struct pipilo_error *err)
{
    struct plo_sqlite *s = table->priv;
    struct sqlite3_stmt *statement = NULL;
    PLO_TRY(plo_sqlite_prepare(table, &statement, "SELECT value FROM meta WHERE key='shard'", err));
    int code = 0, result = sqlite3_step(statement);
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        code = plo_sqlite_fail(table, s->db, err);
    const char *text =
        result == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    if (text != NULL && !plo_shard_read_json(&table->shard, text, strlen(text)))
        code = plo_fail(err, PIPILO_ECORRUPT, "%s does not say what shard it is", table->path);
    sqlite3_finalize(statement);
    return code;
}

int plo_sqlite_make_halves(struct plo_table *table, struct pipilo_error *err)
{
    struct plo_sqlite *s = table->priv;
    if (!table->meta.halves)
        return 0;
    s->halves = plo_alloc(table->meta.dim * sizeof *s->halves);
    return s->halves != NULL ? 0 : plo_fail_nomem(err, table->meta.dim * sizeof *s->halves);
}

static int open_and_read(struct plo_table *table, bool writable, struct pipilo_error *err)
{
    PLO_TRY(plo_sqlite_open(table, table->path, writable, err));
    return plo_sqlite_read_meta(table, &table->meta, &table->rows, err);
}

// An update that was killed left a batch half written, which must be taken back before the file can
// be read.
static bool needs_recovery(struct sqlite3 *db)
{
    int code = db != NULL ? sqlite3_extended_errcode(db) : SQLITE_OK;
    return code == SQLITE_READONLY_ROLLBACK || code == SQLITE_READONLY_RECOVERY;
}

int plo_sqlite_open_table(struct plo_table *table, struct pipilo_error *err)
{
    PLO_TRY(plo_sqlite_init(table, err));
    struct plo_sqlite *s = table->priv;
    int result = open_and_read(table, false, err);
    if (result < 0 && needs_recovery(s->db)) {
        plo_sqlite_close_db(s);
        result = open_and_read(table, true, err);
        plo_table_stamp_take(table);
    }
    PLO_TRY(result);
    PLO_TRY(plo_sqlite_read_shard(table, err));
    PLO_TRY(plo_sqlite_make_halves(table, err));
    PLO_TRY(plo_sqlite_prepare(table, &s->vectors,
                               "SELECT row, vector FROM rows WHERE row>=?1 AND row<?2 "
                               "ORDER BY row",
                               err));
    return plo_sqlite_prepare(table, &s->row,
                              "SELECT source, code, message, key, width, height, size, mtime_ns, "
                              "thumbnail FROM rows WHERE row=?1",
                              err);
}

int plo_sqlite_vectors(struct plo_table *table, int64_t first, size_t count, float *out,
                       uint8_t *valid, struct pipilo_error *err)
{
    struct plo_sqlite *s = table->priv;
    size_t dim = table->meta.dim;
    size_t bytes = dim * (s->halves != NULL ? sizeof *s->halves : sizeof(float));
    int code = 0;
    memset(valid, 0, count);
    sqlite3_bind_int64(s->vectors, 1, first);
    sqlite3_bind_int64(s->vectors, 2, first + (int64_t)count);
    int result = SQLITE_ROW;
    while (code == 0 && (result = sqlite3_step(s->vectors)) == SQLITE_ROW) {
        int64_t row = sqlite3_column_int64(s->vectors, 0);
        if (sqlite3_column_type(s->vectors, 1) == SQLITE_NULL)
            continue;
        const void *vector = sqlite3_column_blob(s->vectors, 1);
        if (vector == NULL || sqlite3_column_type(s->vectors, 1) != SQLITE_BLOB ||
            (size_t)sqlite3_column_bytes(s->vectors, 1) != bytes || row < first ||
            row - first >= (int64_t)count) {
            code = plo_fail(err, PIPILO_ECORRUPT, "%s: the vector of row %lld is not %zu numbers",
                            table->path, (long long)row, dim);
        } else {
            float *place = out + (size_t)(row - first) * dim;
            // A blob may begin at an odd byte.
            memcpy(s->halves != NULL ? (void *)s->halves : place, vector, bytes);
            if (s->halves != NULL)
                plo_half_to_floats(place, s->halves, dim);
            valid[row - first] = 1;
        }
    }
    if (code == 0 && result != SQLITE_DONE)
        code = plo_sqlite_fail(table, s->db, err);
    sqlite3_reset(s->vectors);
    return code;
}

// Copies a text (or a name that is no text) with its NUL and says where it begins; -1 for none.
static void keep_text(struct plo_sqlite *s, int column, int64_t *at)
{
    *at = -1;
    int type = sqlite3_column_type(s->row, column);
    if (type != SQLITE_TEXT && type != SQLITE_BLOB)
        return;
    const char *text = type == SQLITE_TEXT ? (const char *)sqlite3_column_text(s->row, column)
                                           : sqlite3_column_blob(s->row, column);
    *at = (int64_t)s->texts.length;
    if (text != NULL)
        plo_str_add_bytes(&s->texts, text, (size_t)sqlite3_column_bytes(s->row, column));
    plo_str_add_bytes(&s->texts, "", 1);
}

static int keep_thumbnail(struct plo_sqlite *s, struct plo_row *row, struct pipilo_error *err)
{
    plo_free(s->thumbnail);
    s->thumbnail = NULL;
    const void *bytes = sqlite3_column_blob(s->row, 8);
    if (bytes == NULL)
        return 0;
    row->thumbnail_size = (size_t)sqlite3_column_bytes(s->row, 8);
    row->thumbnail = s->thumbnail = plo_memdup(bytes, row->thumbnail_size);
    return s->thumbnail != NULL ? 0 : plo_fail_nomem(err, row->thumbnail_size);
}

// The row the statement stands on.
static int copy_row(struct plo_sqlite *s, struct plo_row *row, struct pipilo_error *err)
{
    int64_t at[4];
    s->texts.length = 0;
    s->texts.failed = false;
    for (int i = 0; i < 4; i++)
        keep_text(s, i, &at[i]);
    if (s->texts.failed)
        return plo_fail_nomem(err, 0);
    row->source = at[0] >= 0 ? s->texts.data + at[0] : "";
    row->code = at[1] >= 0 ? s->texts.data + at[1] : NULL;
    row->message = at[2] >= 0 ? s->texts.data + at[2] : NULL;
    row->key = at[3] >= 0 ? s->texts.data + at[3] : NULL;
    int64_t width = sqlite3_column_int64(s->row, 4), height = sqlite3_column_int64(s->row, 5);
    row->width = width > 0 && width <= UINT32_MAX ? (uint32_t)width : 0;
    row->height = height > 0 && height <= UINT32_MAX ? (uint32_t)height : 0;
    row->size = (uint64_t)sqlite3_column_int64(s->row, 6);
    row->mtime_ns = sqlite3_column_int64(s->row, 7);
    return keep_thumbnail(s, row, err);
}

int plo_sqlite_row(struct plo_table *table, int64_t number, struct plo_row *row,
                   struct pipilo_error *err)
{
    struct plo_sqlite *s = table->priv;
    row->row = number;
    sqlite3_bind_int64(s->row, 1, number);
    int result = sqlite3_step(s->row);
    int code = 0;
    if (result == SQLITE_ROW)
        code = copy_row(s, row, err);
    else if (result == SQLITE_DONE)
        code = plo_fail(err, PIPILO_ENOTFOUND, "row %lld is not in the store", (long long)number);
    else
        code = plo_sqlite_fail(table, s->db, err);
    // The read lock goes with the statement, so what was read has been copied.
    sqlite3_reset(s->row);
    return code;
}

int plo_sqlite_errors(struct plo_table *table, struct pipilo_error *err)
{
    struct plo_sqlite *s = table->priv;
    struct sqlite3_stmt *statement = NULL;
    PLO_TRY(plo_sqlite_prepare(table, &statement,
                               "SELECT coalesce(code,'') FROM rows WHERE status<>'ok'", err));
    int result = SQLITE_ROW, code = 0;
    while (code == 0 && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(statement, 0);
        code = name != NULL ? plo_table_count_error(table, name, err) : plo_fail_nomem(err, 0);
    }
    if (code == 0 && result != SQLITE_DONE)
        code = plo_sqlite_fail(table, s->db, err);
    sqlite3_finalize(statement);
    return code;
}

void plo_sqlite_close_db(struct plo_sqlite *s)
{
    struct sqlite3_stmt **statements[] = { &s->insert, &s->insert_member, &s->delete_members,
                                           &s->find,   &s->vectors,       &s->row,
                                           &s->past };
    for (size_t i = 0; i < PLO_COUNT(statements); i++) {
        sqlite3_finalize(*statements[i]);
        *statements[i] = NULL;
    }
    sqlite3_close(s->db);
    s->db = NULL;
}
