// journal.c: the journal of a run that may be resumed (see journal.h; docs/file-formats.md has the
// format). Each line ends in a checksum of what stands before it, so that a torn one is known.
#include "table/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/file.h"
#include "base/str.h"
#include "core/fail.h"
#include "table/kinds.h"
#include "table/lines.h"
#include "table/outfile.h"
#include "table/scan.h"

static const char format_name[] = "pipilo-resume-2";

enum { SUM = 28 }; // , "sum": "0123456789abcdef"}

char *plo_journal_path(const char *out)
{
    return plo_format("%s.partial.resume", out);
}

static int fail_write(const struct plo_journal *journal, int negative_errno,
                      struct pipilo_error *err)
{
    return plo_fail_errno(err, negative_errno, "cannot write %s", journal->path);
}

// --- lines ---

static void add_sum(struct plo_str *line)
{
    plo_str_addf(line, ", \"sum\": \"%016llx\"}\n",
                 (unsigned long long)plo_checksum(line->data, line->length));
}

static bool sum_is_right(const char *text, size_t length)
{
    char sum[SUM + 1];
    if (length <= SUM)
        return false;
    snprintf(sum, sizeof sum, ", \"sum\": \"%016llx\"}",
             (unsigned long long)plo_checksum(text, length - SUM));
    return memcmp(text + length - SUM, sum, SUM) == 0;
}

static int put_line(struct plo_journal *journal, struct plo_str *line, struct pipilo_error *err)
{
    int result = 0;
    if (!line->failed)
        add_sum(line);
    if (line->failed)
        result = plo_fail_nomem(err, 0);
    else if ((result = plo_file_write_all(journal->fd, line->data, line->length)) < 0)
        result = fail_write(journal, result, err);
    else if (fdatasync(journal->fd) < 0)
        result = fail_write(journal, -errno, err);
    plo_str_reset(line);
    return result;
}

// --- writing ---

static int open_file(struct plo_journal *journal, const char *path, uint64_t end,
                     struct pipilo_error *err)
{
    journal->path = plo_strdup(path);
    if (journal->path == NULL)
        return plo_fail_nomem(err, strlen(path));
    journal->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (journal->fd < 0 || ftruncate(journal->fd, (off_t)end) < 0 ||
        lseek(journal->fd, (off_t)end, SEEK_SET) < 0)
        return fail_write(journal, -errno, err);
    return 0;
}

int plo_journal_create(struct plo_journal *journal, const char *path,
                       const struct plo_journal_head *head, struct pipilo_error *err)
{
    struct plo_str line = PLO_STR_INIT;
    PLO_TRY(open_file(journal, path, 0, err));
    plo_str_addf(&line, "{\"format\": \"%s\", \"fingerprint\": ", format_name);
    plo_str_add_json(&line, head->meta.fingerprint);
    plo_str_addf(&line, ", \"fingerprint_of\": %s, \"dim\": %zu, \"dtype\": \"%s\"",
                 head->meta.fingerprint_json, head->meta.dim, head->meta.halves ? "f16" : "f32");
    plo_str_addf(&line, ", \"thumbnails\": %d, \"max_pixels\": %llu", head->thumbnails,
                 (unsigned long long)head->max_pixels);
    plo_str_addf(&line, ", \"part\": %d, \"of\": %d, \"marks_at\": %llu", head->shard.part,
                 head->shard.of, (unsigned long long)head->marks_at);
    PLO_TRY(put_line(journal, &line, err));
    plo_outfile_sync_folder(path);
    return 0;
}

int plo_journal_open(struct plo_journal *journal, const char *path,
                     const struct plo_journal_state *state, struct pipilo_error *err)
{
    return open_file(journal, path, state->end, err);
}

int plo_journal_add(struct plo_journal *journal, int64_t rows, uint64_t lines, bool complete,
                    struct pipilo_error *err)
{
    struct plo_str line = PLO_STR_INIT;
    plo_str_addf(&line, "{\"rows\": %lld, \"lines\": %llu, \"complete\": %d", (long long)rows,
                 (unsigned long long)lines, complete);
    return put_line(journal, &line, err);
}

void plo_journal_close(struct plo_journal *journal, bool keep)
{
    if (!keep && journal->path != NULL)
        unlink(journal->path);
    if (journal->fd >= 0)
        close(journal->fd);
    plo_free(journal->path);
    *journal = PLO_JOURNAL_INIT;
}

// --- reading ---

static bool take_int(struct plo_scan_value value, int64_t least, int64_t most, int64_t *out)
{
    return plo_scan_int(value, out) && *out >= least && *out <= most;
}

static const char *take_text(struct plo_scan_value value, bool quoted)
{
    struct plo_str text = PLO_STR_INIT;
    if (!quoted)
        plo_str_add_bytes(&text, value.text, value.length);
    else if (!plo_scan_text(value, &text))
        text.failed = true;
    char *taken = plo_str_take(&text);
    plo_str_reset(&text);
    return taken;
}

// 1, or 0 for what is no head.
static int read_head(struct plo_journal_head *head, const char *text, size_t length,
                     const char *path, struct pipilo_error *err)
{
    struct plo_scan_value format = { 0 }, id = { 0 }, made_of = { 0 }, dim = { 0 }, dtype = { 0 },
                          thumbnails = { 0 }, pixels = { 0 }, part = { 0 }, of = { 0 },
                          marks = { 0 };
    const struct plo_scan_field fields[] = {
        { "format", &format },     { "fingerprint", &id }, { "fingerprint_of", &made_of },
        { "dim", &dim },           { "dtype", &dtype },    { "thumbnails", &thumbnails },
        { "part", &part },         { "of", &of },          { "marks_at", &marks },
        { "max_pixels", &pixels },
    };
    int64_t numbers[6];
    if (!plo_scan_object(text, length, fields, PLO_COUNT(fields)) || format.text == NULL)
        return 0;
    if (format.length != sizeof format_name + 1 ||
        memcmp(format.text + 1, format_name, sizeof format_name - 1) != 0)
        return plo_fail(err, PIPILO_EFORMAT,
                        "%s is not of the format %s: another pipilo began it, which can end it",
                        path, format_name);
    if (!take_int(dim, 1, PLO_TABLE_DIM_LIMIT, &numbers[0]) ||
        !take_int(thumbnails, 0, 1, &numbers[1]) ||
        !take_int(part, 0, PLO_SHARD_LIMIT, &numbers[2]) ||
        !take_int(of, 0, PLO_SHARD_LIMIT, &numbers[3]) ||
        !take_int(marks, 0, INT64_MAX, &numbers[4]) ||
        !take_int(pixels, 0, INT64_MAX, &numbers[5]) || dtype.length != 5 || id.text == NULL ||
        made_of.text == NULL || made_of.text[0] != '{')
        return 0;
    head->meta.fingerprint = take_text(id, true);
    head->meta.fingerprint_json = take_text(made_of, false);
    if (head->meta.fingerprint == NULL || head->meta.fingerprint_json == NULL)
        return plo_fail_nomem(err, length);
    head->meta.dim = (size_t)numbers[0];
    head->meta.halves = memcmp(dtype.text, "\"f16\"", 5) == 0;
    head->thumbnails = numbers[1] != 0;
    head->max_pixels = (uint64_t)numbers[5];
    head->shard = (struct plo_shard){ .part = (int)numbers[2], .of = (int)numbers[3] };
    head->marks_at = (uint64_t)numbers[4];
    return 1;
}

static bool read_record(struct plo_journal_state *state, const char *text, size_t length)
{
    struct plo_scan_value rows = { 0 }, lines = { 0 }, complete = { 0 };
    const struct plo_scan_field fields[] = { { "rows", &rows },
                                             { "lines", &lines },
                                             { "complete", &complete } };
    int64_t numbers[3];
    if (!plo_scan_object(text, length, fields, PLO_COUNT(fields)) ||
        !take_int(rows, state->rows, INT64_MAX, &numbers[0]) ||
        !take_int(lines, 0, INT64_MAX, &numbers[1]) || !take_int(complete, 0, 1, &numbers[2]))
        return false;
    state->rows = numbers[0];
    state->lines = (uint64_t)numbers[1];
    state->complete = numbers[2] != 0;
    return true;
}

static int read_lines(struct plo_journal_state *state, struct plo_lines *lines, const char *path,
                      struct pipilo_error *err)
{
    const char *text = NULL;
    size_t length = 0;
    bool begun = false;
    for (;;) {
        int result = plo_lines_next(lines, &text, &length, err);
        // What is longer than any line of ours is a torn end, too.
        if (result == PIPILO_ECORRUPT)
            return begun;
        PLO_TRY(result);
        // A line that has not its end yet was being written.
        bool whole = result > 0 && lines->offset == state->end + length + 1;
        if (!whole || !sum_is_right(text, length))
            return begun;
        if (!begun) {
            result = read_head(&state->head, text, length, path, err);
            if (result <= 0)
                return result;
        } else if (!read_record(state, text, length)) {
            return 1;
        }
        begun = true;
        state->end = lines->offset;
    }
}

int plo_journal_read(struct plo_journal_state *state, const char *path, struct pipilo_error *err)
{
    struct plo_lines lines;
    memset(state, 0, sizeof *state);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0)
        return plo_fail_errno(err, -errno, "cannot read %s", path);
    plo_lines_init(&lines, fd, 0);
    int result = read_lines(state, &lines, path, err);
    plo_lines_reset(&lines);
    close(fd);
    if (result <= 0)
        plo_journal_state_reset(state);
    return result;
}

void plo_journal_state_reset(struct plo_journal_state *state)
{
    plo_table_meta_reset(&state->head.meta);
    memset(state, 0, sizeof *state);
}
