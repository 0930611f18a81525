// jsonl.c: rows with their vectors as JSON lines, in a file with X.meta.json beside it or on
// standard output.
#include <string.h>

#include "core/fail.h"
#include "table/kinds.h"
#include "table/rows_file.h"

static int create(struct plo_table *table, struct pipilo_error *err)
{
    struct plo_rows_file *file = plo_alloc(sizeof *file);
    if (file == NULL)
        return plo_fail_nomem(err, sizeof *file);
    *file = PLO_ROWS_FILE_INIT;
    table->priv = file;
    bool to_stdout = strcmp(table->path, "-") == 0;
    PLO_TRY(plo_rows_file_create(file, table, to_stdout ? NULL : table->path, table->meta.dim,
                                 table->options.update, err));
    table->rows = file->rows;
    return 0;
}

static int known(struct plo_table *table, const char *source, uint64_t size, int64_t mtime_ns,
                 int64_t *row, struct pipilo_error *err)
{
    return plo_rows_file_known(table->priv, source, size, mtime_ns, row, err);
}

static int append(struct plo_table *table, const struct plo_row *row, struct pipilo_error *err)
{
    struct plo_rows_file *rows = table->priv;
    int64_t number = 0;
    PLO_TRY(plo_rows_file_append(rows, row, &number, err));
    table->rows = rows->rows;
    return 0;
}

static int finish(struct plo_table *table, struct pipilo_error *err)
{
    PLO_TRY(plo_rows_file_finish(table->priv, err));
    bool replace = table->options.force || table->options.update;
    return plo_rows_file_place(table->priv, replace, err);
}

static void close_table(struct plo_table *table)
{
    if (table->priv == NULL)
        return;
    plo_rows_file_close(table->priv, table->finished);
    plo_free(table->priv);
}

const struct plo_table_kind plo_table_jsonl = {
    .name = "jsonl",
    .create = create,
    .known = known,
    .append = append,
    .finish = finish,
    .close = close_table,
};
