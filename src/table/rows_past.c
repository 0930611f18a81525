// rows_past.c: rows that were written earlier, read back in order (see rows_past.h).
#include "table/rows_past.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/fail.h"
#include "table/row_json.h"

static int open_one(int *fd, const char *path, struct pipilo_error *err)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return *fd < 0 ? plo_fail_errno(err, -errno, "cannot read %s", path) : 0;
}

int plo_rows_past_open(struct plo_rows_past *past, const char *lines, const char *meta,
                       uint64_t marks_at, struct pipilo_error *err)
{
    PLO_TRY(open_one(&past->lines_fd, lines, err));
    PLO_TRY(open_one(&past->meta_fd, meta, err));
    past->lines_path = plo_strdup(lines);
    past->meta_path = plo_strdup(meta);
    if (past->lines_path == NULL || past->meta_path == NULL)
        return plo_fail_nomem(err, strlen(meta));
    plo_lines_init(&past->lines, past->lines_fd, 0);
    past->marks_at = marks_at;
    return 0;
}

int plo_rows_past_line(struct plo_rows_past *past, const char **text, size_t *length,
                       struct pipilo_error *err)
{
    int result = plo_lines_next(&past->lines, text, length, err);
    if (result == 0)
        return plo_fail(err, PIPILO_ECORRUPT, "%s has fewer lines than the store has rows",
                        past->lines_path);
    return result < 0 ? result : 0;
}

static int read_marks(struct plo_rows_past *past, int64_t row, int64_t rows,
                      struct pipilo_error *err)
{
    int64_t count = rows - row < PLO_PAST_MARKS ? rows - row : PLO_PAST_MARKS;
    size_t size = (size_t)count * PLO_MARK_TEXT, done = 0;
    while (done < size) {
        uint64_t at = past->marks_at + (uint64_t)row * PLO_MARK_TEXT + done;
        ssize_t got = pread(past->meta_fd, past->marks + done, size - done, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return plo_fail_errno(err, -errno, "cannot read %s", past->meta_path);
        if (got == 0)
            return plo_fail(err, PIPILO_ECORRUPT, "%s has fewer marks than the store has rows",
                            past->meta_path);
        done += (size_t)got;
    }
    past->marks_first = row;
    past->marks_end = row + count;
    return 0;
}

int plo_rows_past_mark(struct plo_rows_past *past, int64_t row, int64_t rows,
                       char mark[PLO_MARK_TEXT], struct pipilo_error *err)
{
    if (row < past->marks_first || row >= past->marks_end)
        PLO_TRY(read_marks(past, row, rows, err));
    memcpy(mark, past->marks + (row - past->marks_first) * PLO_MARK_TEXT, PLO_MARK_TEXT);
    return 0;
}

int plo_rows_past_next(struct plo_rows_past *past, int64_t number, int64_t rows,
                       struct plo_past *out, struct pipilo_error *err)
{
    const char *text = NULL;
    size_t length = 0;
    struct plo_row row;
    bool ok = false;
    PLO_TRY(plo_rows_past_line(past, &text, &length, err));
    past->texts.length = 0;
    if (!plo_row_json_read(&row, &ok, &past->texts, text, length) || row.row != number)
        return past->texts.failed ? plo_fail_nomem(err, length)
                                  : plo_fail(err, PIPILO_ECORRUPT, "line %lld of %s is not its row",
                                             (long long)number + 1, past->lines_path);
    out->source = row.source;
    out->failed = !ok;
    return plo_rows_past_mark(past, number, rows, out->mark, err);
}

void plo_rows_past_close(struct plo_rows_past *past)
{
    plo_lines_reset(&past->lines);
    plo_str_reset(&past->texts);
    if (past->lines_fd >= 0)
        close(past->lines_fd);
    if (past->meta_fd >= 0)
        close(past->meta_fd);
    plo_free(past->lines_path);
    plo_free(past->meta_path);
    *past = PLO_ROWS_PAST_INIT;
}
