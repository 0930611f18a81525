// npy.c: vectors as NumPy's .npy file, which numpy.load can map, with the rows beside it as X.jsonl
// and X.meta.json. The header has room for any number of rows, so that it can be written when the
// number is known without moving the data.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/half.h"
#include "core/fail.h"
#include "table/kinds.h"
#include "table/lines.h"
#include "table/row_json.h"
#include "table/rows_file.h"

enum {
    HEADER = 128,        // of the files written here
    HEADER_LIMIT = 4096, // of those read
    STRIDE = 32,         // rows between two remembered places in X.jsonl
};

struct npy {
    // writing
    struct plo_outfile vectors;
    struct plo_rows_file rows;
    float *failed;    // a row of NaN
    uint16_t *halves; // a row in 16 bits; NULL where vectors are kept in 32
    int64_t count;
    // reading
    int fd;
    uint64_t data_at;
    void *mapping; // the whole file; NULL until it is asked for
    size_t mapped; // its bytes
    int lines_fd;
    uint64_t *places; // of every STRIDEth line; NULL until the lines have been read once
    struct plo_lines lines;
    struct plo_str texts;
};

static struct npy *npy_create(void)
{
    struct npy *npy = plo_alloc0(1, sizeof *npy);
    if (npy != NULL) {
        npy->vectors = PLO_OUTFILE_INIT;
        npy->rows = PLO_ROWS_FILE_INIT;
        npy->fd = npy->lines_fd = -1;
    }
    return npy;
}

// --- the header ---

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

// Steps over white space, then over `text`.
static bool skip(const char **at, const char *text)
{
    *at += strspn(*at, " \t\n");
    size_t length = strlen(text);
    if (strncmp(*at, text, length) != 0)
        return false;
    *at += length;
    return true;
}

static bool number(const char **at, int64_t *out)
{
    *at += strspn(*at, " ");
    size_t digits = strspn(*at, "0123456789");
    if (digits == 0 || digits > 18)
        return false;
    *out = 0;
    for (size_t i = 0; i < digits; i++)
        *out = *out * 10 + (*at)[i] - '0';
    *at += digits;
    return true;
}

// What the header says.
struct shape {
    int64_t rows, dim;
    bool halves;
};

static size_t row_size(size_t dim, bool halves)
{
    return dim * (halves ? sizeof(uint16_t) : sizeof(float));
}

// The dictionary as NumPy writes it, keys in order.
static bool parse_header(const char *text, struct shape *shape)
{
    bool good =
        skip(&text, "{") && skip(&text, "'descr'") && skip(&text, ":") && skip(&text, "'<f");
    shape->halves = good && *text == '2';
    good = good && (skip(&text, "2'") || skip(&text, "4'")) && skip(&text, ",") &&
           skip(&text, "'fortran_order'") && skip(&text, ":") && skip(&text, "False") &&
           skip(&text, ",") && skip(&text, "'shape'") && skip(&text, ":") && skip(&text, "(") &&
           number(&text, &shape->rows) && skip(&text, ",") && number(&text, &shape->dim) &&
           skip(&text, ")");
    if (!good)
        return false;
    (void)skip(&text, ",");
    return skip(&text, "}") && text[strspn(text, " \n")] == '\0';
}

static int read_at(int fd, void *data, size_t size, uint64_t offset, const char *path,
                   struct pipilo_error *err)
{
    char *to = data;
    while (size > 0) {
        ssize_t got = pread(fd, to, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return plo_fail_errno(err, -errno, "cannot read %s", path);
        if (got == 0)
            return plo_fail(err, PIPILO_ECORRUPT, "%s ends early", path);
        to += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return 0;
}

// Checks the whole shape of the file: what the header says must be what is there.
static int read_header(int fd, const char *path, struct shape *shape, uint64_t *data_at,
                       struct pipilo_error *err)
{
    struct stat status;
    unsigned char start[10];
    char text[HEADER_LIMIT + 1];
    if (fstat(fd, &status) < 0)
        return plo_fail_errno(err, -errno, "cannot look at %s", path);
    if (!S_ISREG(status.st_mode))
        return plo_fail(err, PIPILO_ECORRUPT, "%s is no regular file", path);
    PLO_TRY(read_at(fd, start, sizeof start, 0, path, err));
    size_t length = start[8] | (size_t)start[9] << 8;
    if (memcmp(start, "\x93NUMPY\x01\x00", 8) != 0 || length > HEADER_LIMIT)
        return plo_fail(err, PIPILO_ECORRUPT, "%s is no .npy file of version 1.0", path);
    PLO_TRY(read_at(fd, text, length, sizeof start, path, err));
    text[length] = '\0';
    if (strlen(text) != length || !parse_header(text, shape) || shape->dim < 1 ||
        shape->dim > PLO_TABLE_DIM_LIMIT)
        return plo_fail(err, PIPILO_ECORRUPT,
                        "%s holds no float32 or float16 array of two dimensions", path);
    *data_at = sizeof start + length;
    uint64_t bytes = (uint64_t)status.st_size - *data_at;
    uint64_t row_bytes = row_size((size_t)shape->dim, shape->halves);
    if (bytes % row_bytes != 0 || bytes / row_bytes != (uint64_t)shape->rows)
        return plo_fail(
            err, PIPILO_ECORRUPT, "%s holds %llu bytes of vectors, not %lld rows of %llu", path,
            (unsigned long long)bytes, (long long)shape->rows, (unsigned long long)row_bytes);
    return 0;
}

// --- writing ---

// The present vectors become the first of the new file.
static int copy_present(struct plo_table *table, struct npy *npy, struct pipilo_error *err)
{
    struct shape shape = { 0 };
    uint64_t data_at = 0;
    npy->fd = open(table->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (npy->fd < 0)
        return plo_fail_errno(err, -errno, "cannot read %s", table->path);
    PLO_TRY(read_header(npy->fd, table->path, &shape, &data_at, err));
    npy->count = shape.rows;
    if (shape.halves != table->meta.halves)
        return plo_table_fail_width(table->path, shape.halves, err);
    if (npy->count != npy->rows.rows || (size_t)shape.dim != table->meta.dim)
        return plo_fail(err, PIPILO_ECORRUPT, "%s and the files beside it do not agree",
                        table->path);
    return plo_outfile_copy(&npy->vectors, npy->fd, data_at,
                            (uint64_t)npy->count * row_size(table->meta.dim, shape.halves), err);
}

static int fill_failed(struct plo_table *table, struct npy *npy, struct pipilo_error *err)
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

static int begin_new(struct plo_table *table, struct npy *npy, struct pipilo_error *err)
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

static int go_on(struct plo_table *table, struct npy *npy, const struct plo_journal_state *state,
                 struct pipilo_error *err)
{
    uint64_t bytes = (uint64_t)state->rows * row_size(table->meta.dim, table->meta.halves);
    npy->count = state->rows;
    PLO_TRY(plo_outfile_cut(&npy->vectors, HEADER + bytes, err));
    return plo_rows_file_go_on(&npy->rows, table, state, err);
}

static int begin(struct plo_table *table, struct npy *npy, const char *lines,
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
    struct npy *npy = table->priv = npy_create();
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
    struct npy *npy = table->priv = npy_create();
    if (npy == NULL)
        return plo_fail_nomem(err, sizeof *npy);
    struct shape shape = { 0 };
    npy->fd = open(table->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (npy->fd < 0)
        return plo_fail_errno(err, -errno, "cannot open %s", table->path);
    PLO_TRY(read_header(npy->fd, table->path, &shape, &npy->data_at, err));
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
    struct npy *npy = table->priv;
    return plo_rows_file_past(&npy->rows, table, number, past, err);
}

static int settle(struct plo_table *table, uint64_t *lines, struct pipilo_error *err)
{
    struct npy *npy = table->priv;
    PLO_TRY(plo_outfile_settle(&npy->vectors, err));
    return plo_rows_file_settle(&npy->rows, lines, err);
}

static int known(struct plo_table *table, const char *source, uint64_t size, int64_t mtime_ns,
                 int64_t *row, struct pipilo_error *err)
{
    struct npy *npy = table->priv;
    return plo_rows_file_known(&npy->rows, source, size, mtime_ns, row, err);
}

static int append(struct plo_table *table, const struct plo_row *row, struct pipilo_error *err)
{
    struct npy *npy = table->priv;
    size_t bytes = row_size(table->meta.dim, table->meta.halves);
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

static int finish(struct plo_table *table, struct pipilo_error *err)
{
    struct npy *npy = table->priv;
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

// --- reading ---

static int open_beside(struct plo_table *table, struct npy *npy, struct pipilo_error *err)
{
    struct plo_meta_read meta = { 0 };
    struct stat status;
    char *meta_path = plo_rows_file_beside(table->path, ".meta.json");
    char *lines = plo_rows_file_beside(table->path, ".jsonl");
    int result = meta_path == NULL || lines == NULL ? plo_fail_nomem(err, 0) : 0;
    if (result == 0)
        result = plo_meta_file_read(&meta, meta_path, err);
    if (result == 0) {
        npy->lines_fd = open(lines, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (npy->lines_fd < 0)
            result = plo_fail_errno(err, -errno, "cannot read %s", lines);
        else if (fstat(npy->lines_fd, &status) < 0 || !S_ISREG(status.st_mode))
            result = plo_fail(err, PIPILO_ECORRUPT, "%s is no regular file", lines);
    }
    if (result == 0 && (meta.rows != table->rows || meta.meta.dim != table->meta.dim))
        result = plo_fail(err, PIPILO_ECORRUPT, "%s and %s do not agree on rows and dim",
                          table->path, meta_path);
    if (result == 0) {
        table->meta = meta.meta;
        table->shard = meta.shard;
        memset(&meta.meta, 0, sizeof meta.meta);
    } else {
        table->meta.dim = 0;
    }
    plo_meta_read_reset(&meta);
    plo_free(meta_path);
    plo_free(lines);
    return result;
}

// A link with nothing beside it stands for what it links to.
static int follow_link(struct plo_table *table, struct pipilo_error *err)
{
    struct stat status;
    char whole[PATH_MAX];
    if (lstat(table->path, &status) < 0 || !S_ISLNK(status.st_mode))
        return 0;
    char *beside = plo_rows_file_beside(table->path, ".meta.json");
    if (beside == NULL)
        return plo_fail_nomem(err, 0);
    bool alone = access(beside, F_OK) < 0;
    plo_free(beside);
    if (!alone || realpath(table->path, whole) == NULL || plo_file_suffix(whole)[0] == '\0')
        return 0;
    char *path = plo_strdup(whole);
    if (path == NULL)
        return plo_fail_nomem(err, 0);
    plo_free(table->path);
    table->path = path;
    return 0;
}

static int open_table(struct plo_table *table, struct pipilo_error *err)
{
    struct npy *npy = table->priv = npy_create();
    if (npy == NULL)
        return plo_fail_nomem(err, sizeof *npy);
    PLO_TRY(follow_link(table, err));
    npy->fd = open(table->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (npy->fd < 0)
        return plo_fail_errno(err, -errno, "cannot open %s", table->path);
    struct shape shape = { 0 };
    PLO_TRY(read_header(npy->fd, table->path, &shape, &npy->data_at, err));
    table->rows = shape.rows;
    table->meta.dim = (size_t)shape.dim;
    PLO_TRY(open_beside(table, npy, err));
    table->meta.halves = shape.halves;
    return 0;
}

static bool has_number(const float *vector, size_t dim)
{
    for (size_t i = 0; i < dim; i++)
        if (!isnan(vector[i]))
            return true;
    return false;
}

// Halves to floats where both may overlap, from the front on: a float never reaches a half that is
// still to be read.
static void widen(float *out, const uint8_t *halves, size_t dim)
{
    uint16_t some[256];
    for (size_t i = 0; i < dim; i += PLO_COUNT(some)) {
        size_t count = dim - i < PLO_COUNT(some) ? dim - i : PLO_COUNT(some);
        memcpy(some, halves + i * sizeof *some, count * sizeof *some);
        plo_half_to_floats(out + i, some, count);
    }
}

// Reads instead of mapping: for a few rows a file that shrinks is no danger then.
static int vectors(struct plo_table *table, int64_t first, size_t count, float *out, uint8_t *valid,
                   struct pipilo_error *err)
{
    struct npy *npy = table->priv;
    size_t dim = table->meta.dim, bytes = row_size(dim, table->meta.halves);
    // Halves are read behind the place where they become floats, so that both fit.
    uint8_t *place = (uint8_t *)out + count * (dim * sizeof(float) - bytes);
    PLO_TRY(read_at(npy->fd, place, count * bytes, npy->data_at + (uint64_t)first * bytes,
                    table->path, err));
    for (size_t i = 0; i < count; i++) {
        if (table->meta.halves)
            widen(out + i * dim, place + i * bytes, dim);
        valid[i] = has_number(out + i * dim, dim);
    }
    return 0;
}

// The whole file, looked at again: what has shrunk since it was opened must not be touched.
static int map(struct plo_table *table, const void **out, struct pipilo_error *err)
{
    struct npy *npy = table->priv;
    struct stat status;
    size_t size =
        (size_t)npy->data_at + (size_t)table->rows * row_size(table->meta.dim, table->meta.halves);
    if (fstat(npy->fd, &status) < 0)
        return plo_fail_errno(err, -errno, "cannot look at %s", table->path);
    if ((uint64_t)status.st_size < size)
        return plo_fail(err, PIPILO_ECORRUPT, "%s ends early", table->path);
    // A header that leaves the numbers unaligned is rare enough to be read.
    if (npy->data_at % sizeof(float) != 0)
        return 0;
    if (npy->mapping == NULL) {
        void *mapping = mmap(NULL, size, PROT_READ, MAP_SHARED, npy->fd, 0);
        // Not every file system can; reading will do.
        if (mapping == MAP_FAILED)
            return 0;
        (void)madvise(mapping, size, MADV_HUGEPAGE);
        npy->mapping = mapping;
        npy->mapped = size;
    }
    *out = (const uint8_t *)npy->mapping + npy->data_at;
    return 0;
}

// Remembers where every STRIDEth line begins, and counts them.
static int find_places(struct plo_table *table, struct npy *npy, struct pipilo_error *err)
{
    size_t count = (size_t)(table->rows / STRIDE) + 1;
    uint64_t *places = plo_alloc0(count, sizeof *places);
    if (places == NULL)
        return plo_fail_nomem(err, count * sizeof *places);
    int64_t row = 0;
    int result = 0;
    plo_lines_reset(&npy->lines);
    plo_lines_init(&npy->lines, npy->lines_fd, 0);
    while (result >= 0 && row <= table->rows) {
        const char *text = NULL;
        size_t length = 0;
        if (row % STRIDE == 0)
            places[row / STRIDE] = npy->lines.offset;
        result = plo_lines_next(&npy->lines, &text, &length, err);
        if (result == 0)
            break;
        row++;
    }
    if (result >= 0 && row != table->rows)
        result =
            plo_fail(err, PIPILO_ECORRUPT, "the lines beside %s are not one a row", table->path);
    if (result < 0)
        plo_free(places);
    else
        npy->places = places;
    return result < 0 ? result : 0;
}

// The next line, which must be this row's.
static int next_row(struct plo_table *table, struct npy *npy, int64_t expected, bool wanted,
                    struct plo_row *row, bool *ok, struct pipilo_error *err)
{
    const char *text = NULL;
    size_t length = 0;
    int result = plo_lines_next(&npy->lines, &text, &length, err);
    if (result < 0 || (result > 0 && !wanted))
        return result < 0 ? result : 0;
    npy->texts.length = 0;
    npy->texts.failed = false;
    if (result == 0 || !plo_row_json_read(row, ok, &npy->texts, text, length) ||
        row->row != expected)
        return npy->texts.failed
                   ? plo_fail_nomem(err, length)
                   : plo_fail(err, PIPILO_ECORRUPT, "line %lld beside %s is not its row",
                              (long long)expected + 1, table->path);
    return 0;
}

static int read_row(struct plo_table *table, int64_t wanted, struct plo_row *row,
                    struct pipilo_error *err)
{
    struct npy *npy = table->priv;
    bool ok = false;
    if (npy->places == NULL)
        PLO_TRY(find_places(table, npy, err));
    const uint64_t *place = &npy->places[wanted / STRIDE];
    uint64_t likely = wanted / STRIDE < table->rows / STRIDE ? place[1] - place[0] : 0;
    plo_lines_seek(&npy->lines, place[0], likely);
    for (int64_t i = wanted - wanted % STRIDE; i <= wanted; i++)
        PLO_TRY(next_row(table, npy, i, i == wanted, row, &ok, err));
    return 0;
}

static int errors(struct plo_table *table, struct pipilo_error *err)
{
    struct npy *npy = table->priv;
    plo_lines_reset(&npy->lines);
    plo_lines_init(&npy->lines, npy->lines_fd, 0);
    for (int64_t i = 0; i < table->rows; i++) {
        struct plo_row row;
        bool ok = false;
        PLO_TRY(next_row(table, npy, i, true, &row, &ok, err));
        if (!ok)
            PLO_TRY(plo_table_count_error(table, row.code, err));
    }
    return 0;
}

static void close_table(struct plo_table *table)
{
    struct npy *npy = table->priv;
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
    .open = open_table,
    .vectors = vectors,
    .map = map,
    .row = read_row,
    .errors = errors,
    .close = close_table,
};
