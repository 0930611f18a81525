// rows_file.c: JSON lines and the meta file beside them, and how both are updated (see
// rows_file.h).
//
// An update reads the present rows once and keeps 72 bytes of each in memory: a digest of its
// source, its mark, and where its new line stands if it gets one.
#include "table/rows_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sha256.h"
#include "core/fail.h"
#include "table/lines.h"
#include "table/row_json.h"
#include "table/scan.h"

struct digest {
    char hex[32]; // half of a SHA-256
};

struct known_row {
    struct digest source;
    int64_t row;
    char mark[PLO_MARK_TEXT];
    bool ok;
    bool asked; // plo_rows_file_known has answered for it
};

struct changed_line {
    uint64_t offset; // in the spool
    uint64_t length; // 0: the old line stays
};

struct plo_rows_known {
    struct known_row *rows; // by source, then by row
    size_t count;
    struct changed_line *changed; // by row
};

static struct digest digest_of(const char *source)
{
    char hex[PLO_SHA256_HEX];
    struct digest digest;
    plo_sha256_hex(source, strlen(source), hex);
    memcpy(digest.hex, hex, sizeof digest.hex);
    return digest;
}

static int by_source(const void *a, const void *b)
{
    const struct known_row *left = a, *right = b;
    int order = memcmp(&left->source, &right->source, sizeof left->source);
    return order != 0 ? order : (left->row > right->row) - (left->row < right->row);
}

char *plo_rows_file_beside(const char *path, const char *ending)
{
    size_t length = strlen(path) - strlen(plo_file_suffix(path)) - 1;
    return plo_format("%.*s%s", (int)length, path, ending);
}

// Reads the present lines into `known`, which has room for `count` rows.
static int load_lines(struct plo_rows_file *file, const struct plo_meta_read *meta,
                      const char *path, struct pipilo_error *err)
{
    struct plo_lines lines;
    struct plo_str texts = PLO_STR_INIT;
    plo_lines_init(&lines, file->old, 0);
    int result = 0;
    int64_t count = 0;
    const char *text = NULL;
    size_t length = 0;
    while ((result = plo_lines_next(&lines, &text, &length, err)) > 0) {
        struct plo_row row;
        bool ok = false;
        texts.length = 0;
        if (count == meta->rows || !plo_row_json_read(&row, &ok, &texts, text, length) ||
            row.row != count) {
            result = texts.failed ? plo_fail_nomem(err, length)
                                  : plo_fail(err, PIPILO_ECORRUPT,
                                             "line %lld of %s is not the row it should be",
                                             (long long)count + 1, path);
            break;
        }
        struct known_row *known = &file->known->rows[count];
        known->source = digest_of(row.source);
        known->row = count;
        known->ok = ok;
        memcpy(known->mark, meta->marks + count * PLO_MARK_TEXT, PLO_MARK_TEXT);
        count++;
    }
    if (result == 0 && count != meta->rows)
        result = plo_fail(err, PIPILO_ECORRUPT, "%s has %lld rows instead of %lld", path,
                          (long long)count, (long long)meta->rows);
    plo_lines_reset(&lines);
    plo_str_reset(&texts);
    return result;
}

// What an update has to know of the present files.
static int load_known(struct plo_rows_file *file, const struct plo_table *table,
                      const char *lines_path, const char *meta_path, struct plo_meta_read *meta,
                      struct pipilo_error *err)
{
    PLO_TRY(plo_meta_file_read(meta, meta_path, err));
    PLO_TRY(plo_table_meta_match(&meta->meta, &table->meta, table->path, err));
    file->old = open(lines_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file->old < 0)
        return plo_fail_errno(err, -errno, "cannot read %s", lines_path);
    file->known = plo_alloc0(1, sizeof *file->known);
    if (file->known == NULL)
        return plo_fail_nomem(err, sizeof *file->known);
    size_t count = (size_t)meta->rows;
    file->known->rows = plo_alloc0(count, sizeof *file->known->rows);
    file->known->changed = plo_alloc0(count, sizeof *file->known->changed);
    if (file->known->rows == NULL || file->known->changed == NULL)
        return plo_fail_nomem(err, count * sizeof *file->known->rows);
    file->known->count = count;
    PLO_TRY(load_lines(file, meta, lines_path, err));
    if (count > 1)
        qsort(file->known->rows, count, sizeof *file->known->rows, by_source);
    file->rows = meta->rows;
    return 0;
}

// What stands beside OUT is as much in the way as OUT itself, and without OUT it cannot be updated.
static int check_free(const struct plo_table *table, const char *path, struct pipilo_error *err)
{
    struct stat status;
    if (table->options.force || table->options.update || lstat(path, &status) < 0)
        return 0;
    // Whether a run may go on beside an OUT that is there is told by its journal.
    if (strcmp(path, table->path) == 0)
        return table->options.resume ? 0 : plo_table_fail_exists(path, err);
    return plo_fail(err, PIPILO_EEXISTS,
                    "%.160s is there, but not %.160s: remove what is left, or replace it with "
                    "--force",
                    path, table->path);
}

// The rows of an X.npy are no store of their own: adding to them, or putting others in their place,
// would tear the three files apart.
static int check_own(const struct plo_table *table, struct pipilo_error *err)
{
    struct stat status;
    char *npy = plo_rows_file_beside(table->path, ".npy");
    int result = 0;
    if (npy == NULL)
        result = plo_fail_nomem(err, 0);
    else if (lstat(npy, &status) == 0)
        result = lstat(table->path, &status) == 0
                     ? plo_fail(err, PIPILO_EEXISTS,
                                "%.160s holds the rows of %.160s: update, resume or replace that "
                                "one, or write to another name",
                                table->path, npy)
                     : plo_fail(err, PIPILO_EEXISTS,
                                "%.160s would be taken for the rows of %.160s beside it: write to "
                                "another name",
                                table->path, npy);
    plo_free(npy);
    return result;
}

// Whether the lines in `fd` may be what an X.npy has left: rows without vectors.
static int look_left(int fd, bool *left, struct pipilo_error *err)
{
    struct plo_lines lines;
    struct plo_str texts = PLO_STR_INIT;
    struct plo_scan_value vector = { 0 };
    const struct plo_scan_field fields[] = { { "vector", &vector } };
    const char *text = NULL;
    size_t length = 0;
    // Rows that failed have none anywhere: the first good one tells.
    bool ok = false;
    int result = 1;
    plo_lines_init(&lines, fd, 0);
    *left = true;
    while (*left && !ok && (result = plo_lines_next(&lines, &text, &length, err)) > 0) {
        struct plo_row row;
        texts.length = 0;
        *left = plo_row_json_read(&row, &ok, &texts, text, length) &&
                plo_scan_object(text, length, fields, PLO_COUNT(fields)) && vector.text == NULL;
    }
    if (texts.failed)
        result = plo_fail_nomem(err, length);
    plo_lines_reset(&lines);
    plo_str_reset(&texts);
    return result < 0 ? result : 0;
}

// X.jsonl may be a store of its own, or no file of pipilo's at all: beside an X.npy of another's,
// too, which `force` would replace.
static int check_left(const struct plo_table *table, const char *path, struct pipilo_error *err)
{
    struct stat status;
    bool left = true;
    if ((!table->options.force && lstat(table->path, &status) == 0) || lstat(path, &status) < 0)
        return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) // a link to nothing
        return 0;
    if (fd < 0)
        return plo_fail_errno(err, -errno, "cannot read %s", path);
    int result = look_left(fd, &left, err);
    close(fd);
    if (result == 0 && !left)
        result =
            plo_fail(err, PIPILO_EEXISTS,
                     "%.160s is no rest of %.160s, whose rows would go there: move it away, or "
                     "write to another name",
                     path, table->path);
    return result;
}

int plo_rows_file_open(struct plo_rows_file *file, const struct plo_table *table,
                       const char *lines_path, size_t vector_dim, struct pipilo_error *err)
{
    file->vector_dim = vector_dim;
    file->has_meta = lines_path != NULL;
    if (!file->has_meta)
        return plo_outfile_create(&file->lines, NULL, NULL, err);
    bool own = strcmp(lines_path, table->path) == 0;
    PLO_TRY(own ? check_own(table, err) : check_left(table, lines_path, err));
    PLO_TRY(check_free(table, lines_path, err));
    char *partial = plo_format("%s.partial%s", table->path, own ? "" : ".jsonl");
    if (partial == NULL)
        return plo_fail_nomem(err, 0);
    int result = plo_outfile_open(&file->lines, lines_path, partial, err);
    plo_free(partial);
    return result;
}

// X.meta.json and what it is called while it is written; the caller frees both.
static int meta_names(const struct plo_table *table, char **path, char **partial,
                      struct pipilo_error *err)
{
    *path = plo_rows_file_beside(table->path, ".meta.json");
    *partial = plo_format("%s.partial.meta.json", table->path);
    return *path != NULL && *partial != NULL ? 0 : plo_fail_nomem(err, 0);
}

static int open_meta(struct plo_rows_file *file, const struct plo_table *table,
                     struct pipilo_error *err)
{
    char *path = NULL, *partial = NULL;
    int result = meta_names(table, &path, &partial, err);
    if (result == 0)
        result = check_free(table, path, err);
    if (result == 0)
        result = plo_outfile_open(&file->meta.out, path, partial, err);
    plo_free(path);
    plo_free(partial);
    return result;
}

// The present rows become the first of the new files.
static int take_present(struct plo_rows_file *file, const struct plo_table *table,
                        struct plo_meta_read *meta, struct pipilo_error *err)
{
    char *spool = plo_format("%s.partial.rows", table->path);
    if (spool == NULL)
        return plo_fail_nomem(err, 0);
    int result = load_known(file, table, file->lines.path, file->meta.out.path, meta, err);
    if (result == 0)
        result = plo_outfile_create(&file->spool, NULL, spool, err);
    plo_free(spool);
    return result;
}

int plo_rows_file_begin(struct plo_rows_file *file, const struct plo_table *table,
                        struct pipilo_error *err)
{
    struct plo_meta_read meta = { 0 };
    if (!file->has_meta)
        return 0;
    PLO_TRY(open_meta(file, table, err));
    PLO_TRY(plo_outfile_cut(&file->lines, 0, err));
    PLO_TRY(plo_outfile_cut(&file->meta.out, 0, err));
    int result = table->options.update ? take_present(file, table, &meta, err) : 0;
    if (result == 0)
        result = plo_meta_file_begin(&file->meta, &table->meta, err);
    if (result == 0 && table->options.update)
        result =
            plo_outfile_write(&file->meta.out, meta.marks, (size_t)meta.rows * PLO_MARK_TEXT, err);
    plo_meta_read_reset(&meta);
    return result;
}

// --- resuming ---

int plo_rows_file_go_on(struct plo_rows_file *file, const struct plo_table *table,
                        const struct plo_journal_state *state, struct pipilo_error *err)
{
    PLO_TRY(open_meta(file, table, err));
    PLO_TRY(plo_outfile_cut(&file->lines, state->lines, err));
    uint64_t marks = (uint64_t)state->rows * PLO_MARK_TEXT;
    PLO_TRY(plo_outfile_cut(&file->meta.out, state->head.marks_at + marks, err));
    file->meta.marks_at = state->head.marks_at;
    file->rows = state->rows;
    return plo_rows_past_open(&file->past, file->lines.partial, file->meta.out.partial,
                              file->meta.marks_at, err);
}

int plo_rows_file_place_left(const struct plo_table *table, const char *lines_path,
                             struct pipilo_error *err)
{
    char *path = NULL, *partial = NULL;
    bool replace = table->options.force;
    int result = meta_names(table, &path, &partial, err);
    if (result == 0)
        result = plo_outfile_place_left(path, partial, replace, err);
    plo_free(partial);
    plo_free(path);
    if (result < 0 || strcmp(lines_path, table->path) == 0)
        return result;
    partial = plo_format("%s.partial.jsonl", table->path);
    if (partial == NULL)
        return plo_fail_nomem(err, 0);
    result = plo_outfile_place_left(lines_path, partial, replace, err);
    plo_free(partial);
    return result;
}

int plo_rows_file_reopen(struct plo_rows_file *file, struct plo_table *table,
                         const char *lines_path, struct pipilo_error *err)
{
    struct plo_meta_read meta = { 0 };
    if (strcmp(lines_path, table->path) == 0)
        PLO_TRY(check_own(table, err));
    char *path = plo_rows_file_beside(table->path, ".meta.json");
    if (path == NULL)
        return plo_fail_nomem(err, 0);
    int result = plo_meta_file_read(&meta, path, err);
    if (result == 0)
        result = plo_table_meta_match(&meta.meta, &table->meta, table->path, err);
    if (result == 0)
        result = plo_rows_past_open(&file->past, lines_path, path, meta.marks_at, err);
    table->rows = file->rows = meta.rows;
    table->shard = meta.shard;
    plo_meta_read_reset(&meta);
    plo_free(path);
    return result;
}

int plo_rows_file_past(struct plo_rows_file *file, const struct plo_table *table, int64_t number,
                       struct plo_past *past, struct pipilo_error *err)
{
    struct pipilo_error reason;
    int result = plo_rows_past_next(&file->past, number, table->resume.rows, past, &reason);
    return result < 0 ? plo_fail(err, result, "%s: %s", table->path, reason.message) : 0;
}

int plo_rows_file_settle(struct plo_rows_file *file, uint64_t *lines, struct pipilo_error *err)
{
    PLO_TRY(plo_outfile_settle(&file->lines, err));
    *lines = file->lines.size;
    return plo_outfile_settle(&file->meta.out, err);
}

// --- rows ---

int plo_rows_file_known(struct plo_rows_file *file, const char *source, uint64_t size,
                        int64_t mtime_ns, int64_t *row, struct pipilo_error *err)
{
    (void)err;
    *row = -1;
    if (file->known == NULL)
        return 0;
    struct known_row wanted = { .source = digest_of(source), .row = -1 };
    size_t low = 0, high = file->known->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_source(&file->known->rows[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < file->known->count; low++) {
        struct known_row *known = &file->known->rows[low];
        if (memcmp(&known->source, &wanted.source, sizeof wanted.source) != 0)
            break;
        if (known->asked)
            continue;
        known->asked = true;
        char mark[PLO_MARK_TEXT];
        plo_mark_text(plo_table_mark(size, mtime_ns), mark);
        if (known->ok && memcmp(mark, known->mark, sizeof mark) == 0)
            return 1;
        *row = known->row;
        return 0;
    }
    return 0;
}

int plo_rows_file_append(struct plo_rows_file *file, const struct plo_row *row, int64_t *number,
                         struct pipilo_error *err)
{
    bool replaces = row->row >= 0;
    if (replaces && (file->known == NULL || row->row >= (int64_t)file->known->count))
        return plo_fail(err, PIPILO_EINVALID, "row %lld is not there to be replaced",
                        (long long)row->row);
    *number = replaces ? row->row : file->rows++;
    file->line.length = 0;
    plo_row_json_add(&file->line, *number, row, file->vector_dim);
    if (file->line.failed)
        return plo_fail_nomem(err, 0);
    struct plo_outfile *out = file->known != NULL ? &file->spool : &file->lines;
    if (replaces)
        file->known->changed[row->row] =
            (struct changed_line){ .offset = out->size, .length = file->line.length };
    PLO_TRY(plo_outfile_write(out, file->line.data, file->line.length, err));
    if (!file->has_meta)
        // Whoever reads standard output wants the row now.
        return plo_outfile_flush(out, err);
    uint64_t mark = plo_table_mark(row->size, row->mtime_ns);
    return replaces ? plo_meta_file_change(&file->meta, row->row, mark, err)
                    : plo_meta_file_add(&file->meta, mark, err);
}

// --- merging ---

int plo_rows_file_open_part(struct plo_part *part, const char *lines_path, struct pipilo_error *err)
{
    struct plo_meta_read meta = { 0 };
    char *path = plo_rows_file_beside(part->path, ".meta.json");
    if (path == NULL)
        return plo_fail_nomem(err, 0);
    int result = plo_meta_file_read(&meta, path, err);
    if (result == 0)
        result = plo_rows_past_open(&part->past, lines_path, path, meta.marks_at, err);
    if (result == 0) {
        part->meta = meta.meta;
        part->shard = meta.shard;
        part->rows = meta.rows;
        memset(&meta.meta, 0, sizeof meta.meta);
    }
    plo_meta_read_reset(&meta);
    plo_free(path);
    return result;
}

int plo_rows_file_join(struct plo_rows_file *file, struct plo_part *part, int64_t number,
                       struct pipilo_error *err)
{
    const char *text = NULL;
    size_t length = 0;
    char mark[PLO_MARK_TEXT];
    PLO_TRY(plo_rows_past_line(&part->past, &text, &length, err));
    PLO_TRY(plo_rows_past_mark(&part->past, number, part->rows, mark, err));
    if (plo_row_json_number(text, length) != number)
        return plo_fail(err, PIPILO_ECORRUPT, "a line beside %s is not its row %lld", part->path,
                        (long long)number);
    // All but the number stays as it is.
    size_t at = (size_t)((const char *)memchr(text, ',', length) - text);
    file->line.length = 0;
    plo_str_addf(&file->line, "{\"row\": %lld", (long long)file->rows++);
    plo_str_add_bytes(&file->line, text + at, length - at);
    plo_str_add(&file->line, "\n");
    if (file->line.failed)
        return plo_fail_nomem(err, length);
    PLO_TRY(plo_outfile_write(&file->lines, file->line.data, file->line.length, err));
    return plo_outfile_write(&file->meta.out, mark, sizeof mark, err);
}

// --- the end ---

static int write_line(struct plo_outfile *out, const char *text, size_t length,
                      struct pipilo_error *err)
{
    PLO_TRY(plo_outfile_write(out, text, length, err));
    return plo_outfile_write(out, "\n", 1, err);
}

// The old lines, each as it is or as it has become.
static int merge_old(struct plo_rows_file *file, struct plo_lines *lines, const char *path,
                     struct pipilo_error *err)
{
    for (size_t i = 0; i < file->known->count; i++) {
        const struct changed_line *changed = &file->known->changed[i];
        const char *text = NULL;
        size_t length = 0;
        int result = plo_lines_next(lines, &text, &length, err);
        if (result == 0)
            result = plo_fail(err, PIPILO_ECORRUPT,
                              "the rows of %s to update have changed meanwhile", path);
        else if (result > 0 && changed->length > 0)
            result = plo_outfile_copy(&file->lines, file->spool.fd, changed->offset,
                                      changed->length, err);
        else if (result > 0)
            result = write_line(&file->lines, text, length, err);
        PLO_TRY(result);
    }
    return 0;
}

// The new lines: what the spool holds besides those that replace old ones.
static int merge_new(struct plo_rows_file *file, struct plo_lines *lines, struct pipilo_error *err)
{
    const char *text = NULL;
    size_t length = 0;
    int result = 0;
    while ((result = plo_lines_next(lines, &text, &length, err)) > 0)
        if (plo_row_json_number(text, length) >= (int64_t)file->known->count)
            PLO_TRY(write_line(&file->lines, text, length, err));
    return result;
}

static int merge(struct plo_rows_file *file, const char *path, struct pipilo_error *err)
{
    PLO_TRY(plo_outfile_flush(&file->spool, err));
    struct plo_lines lines;
    plo_lines_init(&lines, file->old, 0);
    int result = merge_old(file, &lines, path, err);
    plo_lines_reset(&lines);
    if (result == 0) {
        plo_lines_init(&lines, file->spool.fd, 0);
        result = merge_new(file, &lines, err);
        plo_lines_reset(&lines);
    }
    return result;
}

int plo_rows_file_finish(struct plo_rows_file *file, const struct plo_table *table,
                         struct pipilo_error *err)
{
    if (file->known != NULL)
        PLO_TRY(merge(file, table->path, err));
    PLO_TRY(plo_outfile_sync(&file->lines, err));
    return file->has_meta ? plo_meta_file_end(&file->meta, file->rows, &table->options.shard, err)
                          : 0;
}

int plo_rows_file_place(struct plo_rows_file *file, bool replace, struct pipilo_error *err)
{
    if (!file->has_meta)
        return 0;
    PLO_TRY(plo_outfile_place(&file->meta.out, replace, err));
    return plo_outfile_place(&file->lines, replace, err);
}

void plo_rows_file_close(struct plo_rows_file *file, bool keep)
{
    plo_outfile_close(&file->lines, keep);
    plo_outfile_close(&file->meta.out, keep);
    plo_outfile_close(&file->spool, false);
    plo_rows_past_close(&file->past);
    plo_str_reset(&file->line);
    if (file->old >= 0)
        close(file->old);
    if (file->known != NULL) {
        plo_free(file->known->rows);
        plo_free(file->known->changed);
        plo_free(file->known);
    }
    *file = PLO_ROWS_FILE_INIT;
}
