// sqlite_merge.c: rows of a .db taken over into another, value by value, with their members. A
// shard may come from anywhere: the rows must be numbered through, and vectors have their size.
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "core/fail.h"
#include "table/merge.h"
#include "table/sqlite_parts.h"

enum { ROW, VECTOR = 10, COLUMNS = 12 }; // of a row, as selected

int plo_sqlite_open_part(struct plo_part *part, struct pipilo_error *err)
{
    PLO_TRY(plo_table_open(&part->table, part->path, err));
    PLO_TRY(plo_table_meta_copy(&part->meta, plo_table_meta(part->table), err));
    part->shard = *plo_table_shard(part->table);
    part->rows = plo_table_rows(part->table);
    PLO_TRY(plo_sqlite_prepare(part->table, &part->row,
                               "SELECT row, source, status, code, message, width, height, size, "
                               "mtime_ns, key, vector, thumbnail FROM rows ORDER BY row",
                               err));
    return plo_sqlite_prepare(part->table, &part->members,
                              "SELECT number, name, size, bytes FROM members WHERE row=?1 "
                              "ORDER BY number",
                              err);
}

void plo_sqlite_close_part(struct plo_part *part)
{
    sqlite3_finalize(part->row);
    sqlite3_finalize(part->members);
}

static int put(struct plo_table *out, struct sqlite3_stmt *insert, struct pipilo_error *err)
{
    struct plo_sqlite *s = out->priv;
    int result = sqlite3_step(insert) == SQLITE_DONE ? 0 : plo_sqlite_fail(out, s->db, err);
    sqlite3_reset(insert);
    sqlite3_clear_bindings(insert);
    return result;
}

static int join_members(struct plo_table *out, struct plo_part *part, int64_t number,
                        struct pipilo_error *err)
{
    struct plo_sqlite *to = out->priv, *from = part->table->priv;
    int step, result = 0;
    sqlite3_bind_int64(part->members, 1, number);
    while (result == 0 && (step = sqlite3_step(part->members)) != SQLITE_DONE) {
        if (step != SQLITE_ROW) {
            result = plo_sqlite_fail(part->table, from->db, err);
            break;
        }
        sqlite3_bind_int64(to->insert_member, 1, out->rows);
        for (int i = 0; i < 4; i++)
            sqlite3_bind_value(to->insert_member, i + 2, sqlite3_column_value(part->members, i));
        result = put(out, to->insert_member, err);
    }
    sqlite3_reset(part->members);
    return result;
}

int plo_sqlite_join(struct plo_table *out, struct plo_part *part, int64_t number,
                    struct pipilo_error *err)
{
    struct plo_sqlite *to = out->priv, *from = part->table->priv;
    size_t bytes = out->meta.dim * (out->meta.halves ? sizeof(uint16_t) : sizeof(float));
    int step = sqlite3_step(part->row);
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        return plo_sqlite_fail(part->table, from->db, err);
    if (step == SQLITE_DONE || sqlite3_column_int64(part->row, ROW) != number)
        return plo_fail(err, PIPILO_ECORRUPT, "%s has no row %lld", part->path, (long long)number);
    if (sqlite3_column_type(part->row, VECTOR) != SQLITE_NULL &&
        (size_t)sqlite3_column_bytes(part->row, VECTOR) != bytes)
        return plo_fail(err, PIPILO_ECORRUPT, "%s: the vector of row %lld has another size",
                        part->path, (long long)number);
    PLO_TRY(plo_sqlite_begin_row(out, err));
    sqlite3_bind_int64(to->insert, 1, out->rows);
    for (int i = 1; i < COLUMNS; i++)
        sqlite3_bind_value(to->insert, i + 1, sqlite3_column_value(part->row, i));
    PLO_TRY(put(out, to->insert, err));
    PLO_TRY(join_members(out, part, number, err));
    out->rows++;
    return plo_sqlite_end_row(out, err);
}
