// npy.c: vectors as NumPy's .npy file, which numpy.load can map, with the rows beside it as X.jsonl
// and X.meta.json. The header has room for any number of rows, so that it can be written when the
// number is known without moving the data.
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/half.h"
#include "core/fail.h"
#include "table/npy_parts.h"

enum { HEADER = 128 };

static void make_header(char header[HEADER], int64_t rows, const struct plo_table_meta *meta)
{
    static const char start[] = "\x93NUMPY\x01\x00\x76\x00"; // version 1.0, 118 bytes of text
    memset(header, ' ', HEADER);
    memcpy(header, start, 10);
    int length = snprintf(header + 10, HEADER - 10,
                          "{'descr': '<f%d', 'fortran_order': False, 'shape': (%lld, %zu), }",
                          meta->halves ? 2 : 4, (long long)rows, meta->dim);
    header[10 + length] = ' ';
    header[HEADER - 1] = '\n';
}

// The present vectors become the first of the new file.
static int copy_present(struct plo_table *table, struct plo_npy *npy, struct pipilo_error *err)
{
    struct plo_npy_shape shape = { 0 };
    uint64_t data_at = 0;
    npy->fd = open(table->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (npy->fd < 0)
        return plo_fail_errno(err, -errno, "cannot read %s", table->path);
    PLO_TRY(plo_npy_read_header(npy->fd, table->path, &shape, &data_at, err));
    npy->count = shape.rows;
    if (shape.halves != table->meta.halves)
        return plo_table_fail_width(table->path, shape.halves, err);
    if (npy->count != npy->rows.rows || (size_t)shape.dim != table->meta.dim)
        return plo_fail(err, PIPILO_ECORRUPT, "%s and the files beside it do not agree",
                        table->path);
    return plo_outfile_copy(&npy->vectors, npy->fd, data_at,
                            (uint64_t)npy->count * plo_npy_row_size(table->meta.dim, shape.halves),
                            err);
}

static int fill_failed(struct plo_table *table, struct plo_npy *npy, struct pipilo_error *err)
{
    npy->failed = plo_alloc(table->meta.dim * sizeof(float));
    if (table->meta.halves)
        npy->halves = plo_alloc(table->meta.dim * sizeof(uint16_t));
    if (npy->failed == NULL || (table->meta.halves && npy->halves == NULL))
        return plo_fail_nomem(err, table->meta.dim * sizeof(float));
    for (size_t i = 0; i < table->meta.dim; i++)
        npy->failed[i] = NAN;
    return 0;
}

static int begin_new(struct plo_table *table, struct plo_npy *npy, struct pipilo_error *err)
{
    char header[HEADER];
    make_header(header, 0, &table->meta);
    PLO_TRY(plo_rows_file_begin(&npy->rows, table, err));
    PLO_TRY(plo_outfile_cut(&npy->vectors, 0, err));
    PLO_TRY(plo_outfile_write(&npy->vectors, header, sizeof header, err));
    if (table->options.update)
        PLO_TRY(copy_present(table, npy, err));
    return plo_resume_begin(table, npy->rows.meta.marks_at, err);
}

static int go_on(struct plo_table *table, struct plo_npy *npy,
                 const struct plo_journal_state *state, struct pipilo_error *err)
{
    uint64_t bytes = (uint64_t)state->rows * plo_npy_row_size(table->meta.dim, table->meta.halves);
    npy->count = state->rows;
    PLO_TRY(plo_outfile_cut(&npy->vectors, HEADER + bytes, err));
    return plo_rows_file_go_on(&npy->rows, table, state, err);
}

static int begin(struct plo_table *table, struct plo_npy *npy, const char *lines,
                 const struct plo_journal_state *state, struct pipilo_error *err)
{
    if (state->complete) {
        // Nothing is missing but names.
        PLO_TRY(plo_rows_file_place_left(table, lines, err));
        PLO_TRY(plo_outfile_place(&npy->vectors, table->options.force, err));
        table->resume.done = true;
        return plo_rows_file_reopen(&npy->rows, table, lines, err);
    }
    PLO_TRY(plo_rows_file_open(&npy->rows, table, lines, 0, err));
    return state->end > 0 ? go_on(table, npy, state, err) : begin_new(table, npy, err);
}

static int create(struct plo_table *table, struct pipilo_error *err)
{
    struct plo_npy *npy = table->priv = plo_npy_create();
    struct plo_journal_state state = { 0 };
    char *lines = plo_rows_file_beside(table->path, ".jsonl");
    char *partial = plo_format("%s.partial", table->path);
    uint64_t size = 0;
    int result = npy == NULL || lines == NULL || partial == NULL ? plo_fail_nomem(err, 0)
                                                                 : fill_failed(table, npy, err);
    if (result == 0)
        result = plo_outfile_open(&npy->vectors, table->path, partial, err);
    if (result == 0)
        result = plo_outfile_there(&npy->vectors, &size, err);
    if (result == 0)
        result = plo_resume_look(table, size, &state, err);
    if (result >= 0)
        result = begin(table, npy, lines, &state, err);
    if (npy != NULL)
        table->rows = npy->rows.rows;
    plo_journal_state_reset(&state);
    plo_free(lines);
    plo_free(partial);
    return result;
}

static int reopen(struct plo_table *table, struct pipilo_error *err)
{
    struct plo_npy *npy = table->priv = plo_npy_create();
    if (npy == NULL)
        return plo_fail_nomem(err, sizeof *npy);
    struct plo_npy_shape shape = { 0 };
    npy->fd = open(table->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (npy->fd < 0)
        return plo_fail_errno(err, -errno, "cannot open %s", table->path);
    PLO_TRY(plo_npy_read_header(npy->fd, table->path, &shape, &npy->data_at, err));
    if (shape.halves != table->meta.halves)
        return plo_table_fail_width(table->path, shape.halves, err);
    char *lines = plo_rows_file_beside(table->path, ".jsonl");
    if (lines == NULL)
        return plo_fail_nomem(err, 0);
    int result = plo_rows_file_reopen(&npy->rows, table, lines, err);
    if (result == 0 && table->rows != shape.rows)
        result =
            plo_fail(err, PIPILO_ECORRUPT, "%s and the files beside it do not agree", table->path);
    plo_free(lines);
    return result;
}

static int past(struct plo_table *table, int64_t number, struct plo_past *past,
                struct pipilo_error *err)
{
    struct plo_npy *npy = table->priv;
    return plo_rows_file_past(&npy->rows, table, number, past, err);
}

static int settle(struct plo_table *table, uint64_t *lines, struct pipilo_error *err)
{
    struct plo_npy *npy = table->priv;
    PLO_TRY(plo_outfile_settle(&npy->vectors, err));
    return plo_rows_file_settle(&npy->rows, lines, err);
}

static int known(struct plo_table *table, const char *source, uint64_t size, int64_t mtime_ns,
                 int64_t *row, struct pipilo_error *err)
{
    struct plo_npy *npy = table->priv;
    return plo_rows_file_known(&npy->rows, source, size, mtime_ns, row, err);
}

static int append(struct plo_table *table, const struct plo_row *row, struct pipilo_error *err)
{
    struct plo_npy *npy = table->priv;
    size_t bytes = plo_npy_row_size(table->meta.dim, table->meta.halves);
    const float *floats = row->code == NULL && row->vector != NULL ? row->vector : npy->failed;
    const void *vector = floats;
    int64_t place = 0;
    PLO_TRY(plo_rows_file_append(&npy->rows, row, &place, err));
    table->rows = npy->rows.rows;
    if (npy->halves != NULL) {
        plo_half_from_floats(npy->halves, floats, table->meta.dim);
        vector = npy->halves;
    }
    if (place < npy->count)
        return plo_outfile_patch(&npy->vectors, HEADER + (uint64_t)place * bytes, vector, bytes,
                                 err);
    npy->count++;
    return plo_outfile_write(&npy->vectors, vector, bytes, err);
}

// --- merging ---

static int open_part(struct plo_part *part, struct pipilo_error *err)
{
    // Opened as any store first, which checks it.
    PLO_TRY(plo_table_open(&part->table, part->path, err));
    struct plo_npy *npy = part->table->priv;
    char *lines = plo_rows_file_beside(part->table->path, ".jsonl");
    if (lines == NULL)
        return plo_fail_nomem(err, 0);
    int result = plo_rows_file_open_part(part, lines, err);
    part->meta.halves = part->table->meta.halves;
    if (result == 0) {
        size_t bytes = plo_npy_row_size(part->meta.dim, part->meta.halves);
        npy->raw = plo_alloc(bytes);
        if (npy->raw == NULL)
            result = plo_fail_nomem(err, bytes);
    }
    plo_free(lines);
    return result;
}

static int join(struct plo_table *out, struct plo_part *part, int64_t number,
                struct pipilo_error *err)
{
    struct plo_npy *to = out->priv, *from = part->table->priv;
    size_t bytes = plo_npy_row_size(out->meta.dim, out->meta.halves);
    PLO_TRY(plo_npy_read_at(from->fd, from->raw, bytes, from->data_at + (uint64_t)number * bytes,
                            part->path, err));
    PLO_TRY(plo_outfile_write(&to->vectors, from->raw, bytes, err));
    PLO_TRY(plo_rows_file_join(&to->rows, part, number, err));
    to->count++;
    out->rows = to->rows.rows;
    return 0;
}

static void close_part(struct plo_part *part)
{
    (void)part;
}

// --- the end ---

static int finish(struct plo_table *table, struct pipilo_error *err)
{
    struct plo_npy *npy = table->priv;
    bool replace = table->options.force || table->options.update;
    char header[HEADER];
    make_header(header, npy->count, &table->meta);
    PLO_TRY(plo_outfile_patch(&npy->vectors, 0, header, sizeof header, err));
    PLO_TRY(plo_outfile_sync(&npy->vectors, err));
    PLO_TRY(plo_rows_file_finish(&npy->rows, table, err));
    PLO_TRY(plo_resume_complete(table, npy->rows.lines.size, err));
    // OUT itself last: while it is not there, nothing looks finished.
    PLO_TRY(plo_rows_file_place(&npy->rows, replace, err));
    return plo_outfile_place(&npy->vectors, replace, err);
}

static void close_table(struct plo_table *table)
{
    struct plo_npy *npy = table->priv;
    if (npy == NULL)
        return;
    bool keep = table->finished || table->resume.keep;
    plo_outfile_close(&npy->vectors, keep);
    plo_rows_file_close(&npy->rows, keep);
    plo_lines_reset(&npy->lines);
    plo_str_reset(&npy->texts);
    if (npy->fd >= 0)
        close(npy->fd);
    if (npy->lines_fd >= 0)
        close(npy->lines_fd);
    if (npy->mapping != NULL)
        munmap(npy->mapping, npy->mapped);
    plo_free(npy->failed);
    plo_free(npy->halves);
    plo_free(npy->raw);
    plo_free(npy->places);
    plo_free(npy);
}

const struct plo_table_kind plo_table_npy = {
    .name = "npy",
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
    .open = plo_npy_open_table,
    .vectors = plo_npy_vectors,
    .map = plo_npy_map,
    .row = plo_npy_row,
    .errors = plo_npy_errors,
    .close = close_table,
};
