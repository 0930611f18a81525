// jsonl.c: rows with their vectors as JSON lines, in a file with X.meta.json beside it or on
// standard output.
#include <string.h>
#include <sys/stat.h>

#include "core/fail.h"
#include "table/kinds.h"
#include "table/rows_file.h"

static int begin(struct plo_table *table, struct plo_rows_file *file,
                 const struct plo_journal_state *state, struct pipilo_error *err)
{
    if (state->complete) {
        // Nothing is missing but names.
        PLO_TRY(plo_rows_file_place_left(table, table->path, err));
        PLO_TRY(plo_outfile_place(&file->lines, table->options.force, err));
        table->resume.done = true;
        return plo_rows_file_reopen(file, table, table->path, err);
    }
    if (state->end > 0)
        return plo_rows_file_go_on(file, table, state, err);
    PLO_TRY(plo_rows_file_begin(file, table, err));
    return plo_resume_begin(table, file->meta.marks_at, err);
}

static int create(struct plo_table *table, struct pipilo_error *err)
{
    struct plo_journal_state state = { 0 };
    struct plo_rows_file *file = plo_alloc(sizeof *file);
    uint64_t size = 0;
    if (file == NULL)
        return plo_fail_nomem(err, sizeof *file);
    *file = PLO_ROWS_FILE_INIT;
    table->priv = file;
    bool to_stdout = strcmp(table->path, "-") == 0;
    PLO_TRY(plo_rows_file_open(file, table, to_stdout ? NULL : table->path, table->meta.dim, err));
    if (to_stdout)
        return 0;
    PLO_TRY(plo_outfile_there(&file->lines, &size, err));
    PLO_TRY(plo_resume_look(table, size, &state, err));
    int result = begin(table, file, &state, err);
    table->rows = file->rows;
    plo_journal_state_reset(&state);
    return result;
}

static int reopen(struct plo_table *table, struct pipilo_error *err)
{
    struct plo_rows_file *file = plo_alloc(sizeof *file);
    if (file == NULL)
        return plo_fail_nomem(err, sizeof *file);
    *file = PLO_ROWS_FILE_INIT;
    table->priv = file;
    return plo_rows_file_reopen(file, table, table->path, err);
}

static int past(struct plo_table *table, int64_t number, struct plo_past *past,
                struct pipilo_error *err)
{
    return plo_rows_file_past(table->priv, table, number, past, err);
}

static int settle(struct plo_table *table, uint64_t *lines, struct pipilo_error *err)
{
    return plo_rows_file_settle(table->priv, lines, err);
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

static int open_part(struct plo_part *part, struct pipilo_error *err)
{
    struct stat status;
    char *npy = plo_rows_file_beside(part->path, ".npy");
    if (npy == NULL)
        return plo_fail_nomem(err, 0);
    int result = 0;
    if (lstat(npy, &status) == 0)
        result = plo_fail(err, PIPILO_EINVALID,
                          "%.180s holds the rows of %.180s, which is the shard", part->path, npy);
    plo_free(npy);
    return result < 0 ? result : plo_rows_file_open_part(part, part->path, err);
}

static int join(struct plo_table *out, struct plo_part *part, int64_t number,
                struct pipilo_error *err)
{
    struct plo_rows_file *rows = out->priv;
    PLO_TRY(plo_rows_file_join(rows, part, number, err));
    out->rows = rows->rows;
    return 0;
}

static void close_part(struct plo_part *part)
{
    (void)part;
}

static int finish(struct plo_table *table, struct pipilo_error *err)
{
    struct plo_rows_file *rows = table->priv;
    PLO_TRY(plo_rows_file_finish(rows, table, err));
    PLO_TRY(plo_resume_complete(table, rows->lines.size, err));
    bool replace = table->options.force || table->options.update;
    return plo_rows_file_place(table->priv, replace, err);
}

static void close_table(struct plo_table *table)
{
    if (table->priv == NULL)
        return;
    plo_rows_file_close(table->priv, table->finished || table->resume.keep);
    plo_free(table->priv);
}

const struct plo_table_kind plo_table_jsonl = {
    .name = "jsonl",
    .create = create,
    .known = known,
    .append = append,
    .finish = finish,
    .reopen = reopen,
    .past = past,
    .settle = settle,
    .open_part = open_part,
    .join = join,
    .close_part = close_part,
    .close = close_table,
};
