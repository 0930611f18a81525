// npy_read.c: .npy files read back, with the .jsonl and .meta.json beside them. A file may come
// from anywhere: its header is held against its size, and each line against its row.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/half.h"
#include "core/fail.h"
#include "table/npy_parts.h"
#include "table/row_json.h"

enum {
    HEADER_LIMIT = 4096,
    STRIDE = 32, // rows between two remembered places in X.jsonl
};

struct plo_npy *plo_npy_create(void)
{
    struct plo_npy *npy = plo_alloc0(1, sizeof *npy);
    if (npy != NULL) {
        npy->vectors = PLO_OUTFILE_INIT;
        npy->rows = PLO_ROWS_FILE_INIT;
        npy->fd = npy->lines_fd = -1;
    }
    return npy;
}

// --- the header ---

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

size_t plo_npy_row_size(size_t dim, bool halves)
{
    return dim * (halves ? sizeof(uint16_t) : sizeof(float));
}

// The dictionary as NumPy writes it, keys in order.
static bool parse_header(const char *text, struct plo_npy_shape *shape)
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

int plo_npy_read_at(int fd, void *data, size_t size, uint64_t offset, const char *path,
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

int plo_npy_read_header(int fd, const char *path, struct plo_npy_shape *shape, uint64_t *data_at,
                        struct pipilo_error *err)
{
    struct stat status;
    unsigned char start[10];
    char text[HEADER_LIMIT + 1];
    if (fstat(fd, &status) < 0)
        return plo_fail_errno(err, -errno, "cannot look at %s", path);
    if (!S_ISREG(status.st_mode))
        return plo_fail(err, PIPILO_ECORRUPT, "%s is no regular file", path);
    PLO_TRY(plo_npy_read_at(fd, start, sizeof start, 0, path, err));
    size_t length = start[8] | (size_t)start[9] << 8;
    if (memcmp(start, "\x93NUMPY\x01\x00", 8) != 0 || length > HEADER_LIMIT)
        return plo_fail(err, PIPILO_ECORRUPT, "%s is no .npy file of version 1.0", path);
    PLO_TRY(plo_npy_read_at(fd, text, length, sizeof start, path, err));
    text[length] = '\0';
    if (strlen(text) != length || !parse_header(text, shape) || shape->dim < 1 ||
        shape->dim > PLO_TABLE_DIM_LIMIT)
        return plo_fail(err, PIPILO_ECORRUPT,
                        "%s holds no float32 or float16 array of two dimensions", path);
    *data_at = sizeof start + length;
    uint64_t bytes = (uint64_t)status.st_size - *data_at;
    uint64_t row_bytes = plo_npy_row_size((size_t)shape->dim, shape->halves);
    if (bytes % row_bytes != 0 || bytes / row_bytes != (uint64_t)shape->rows)
        return plo_fail(
            err, PIPILO_ECORRUPT, "%s holds %llu bytes of vectors, not %lld rows of %llu", path,
            (unsigned long long)bytes, (long long)shape->rows, (unsigned long long)row_bytes);
    return 0;
}

// --- reading ---

static int open_beside(struct plo_table *table, struct plo_npy *npy, struct pipilo_error *err)
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

int plo_npy_open_table(struct plo_table *table, struct pipilo_error *err)
{
    struct plo_npy *npy = table->priv = plo_npy_create();
    if (npy == NULL)
        return plo_fail_nomem(err, sizeof *npy);
    PLO_TRY(follow_link(table, err));
    npy->fd = open(table->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (npy->fd < 0)
        return plo_fail_errno(err, -errno, "cannot open %s", table->path);
    struct plo_npy_shape shape = { 0 };
    PLO_TRY(plo_npy_read_header(npy->fd, table->path, &shape, &npy->data_at, err));
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
int plo_npy_vectors(struct plo_table *table, int64_t first, size_t count, float *out,
                    uint8_t *valid, struct pipilo_error *err)
{
    struct plo_npy *npy = table->priv;
    size_t dim = table->meta.dim, bytes = plo_npy_row_size(dim, table->meta.halves);
    // Halves are read behind the place where they become floats, so that both fit.
    uint8_t *place = (uint8_t *)out + count * (dim * sizeof(float) - bytes);
    PLO_TRY(plo_npy_read_at(npy->fd, place, count * bytes, npy->data_at + (uint64_t)first * bytes,
                            table->path, err));
    for (size_t i = 0; i < count; i++) {
        if (table->meta.halves)
            widen(out + i * dim, place + i * bytes, dim);
        valid[i] = has_number(out + i * dim, dim);
    }
    return 0;
}

// The whole file, looked at again: what has shrunk since it was opened must not be touched.
int plo_npy_map(struct plo_table *table, const void **out, struct pipilo_error *err)
{
    struct plo_npy *npy = table->priv;
    struct stat status;
    size_t size = (size_t)npy->data_at +
                  (size_t)table->rows * plo_npy_row_size(table->meta.dim, table->meta.halves);
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
static int find_places(struct plo_table *table, struct plo_npy *npy, struct pipilo_error *err)
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
static int next_row(struct plo_table *table, struct plo_npy *npy, int64_t expected, bool wanted,
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

int plo_npy_row(struct plo_table *table, int64_t wanted, struct plo_row *row,
                struct pipilo_error *err)
{
    struct plo_npy *npy = table->priv;
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

int plo_npy_errors(struct plo_table *table, struct pipilo_error *err)
{
    struct plo_npy *npy = table->priv;
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
