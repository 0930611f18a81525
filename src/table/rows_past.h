// rows_past.h: what the rows of a .jsonl were made of, read back in order from the lines and from
// the marks in X.meta.json, in memory that does not grow with their number. Threads: one at a time.
#ifndef PLO_TABLE_ROWS_PAST_H
#define PLO_TABLE_ROWS_PAST_H

#include "base/str.h"
#include "table/kinds.h"
#include "table/lines.h"

enum { PLO_PAST_MARKS = 512 };

struct plo_rows_past {
    int lines_fd, meta_fd;
    char *lines_path, *meta_path;
    struct plo_lines lines;
    struct plo_str texts;
    uint64_t marks_at;
    char marks[PLO_PAST_MARKS * PLO_MARK_TEXT]; // of some rows
    int64_t marks_first, marks_end;             // these
};

#define PLO_ROWS_PAST_INIT ((struct plo_rows_past){ .lines_fd = -1, .meta_fd = -1 })

// Opens both files; the marks begin at `marks_at` of the second.
int plo_rows_past_open(struct plo_rows_past *past, const char *lines, const char *meta,
                       uint64_t marks_at, struct pipilo_error *err);

// The next row's line without its end, borrowed until the next call. PIPILO_ECORRUPT where it ends.
int plo_rows_past_line(struct plo_rows_past *past, const char **text, size_t *length,
                       struct pipilo_error *err);

// A row's mark. `rows` is how many there are.
int plo_rows_past_mark(struct plo_rows_past *past, int64_t row, int64_t rows,
                       char mark[PLO_MARK_TEXT], struct pipilo_error *err);

// Row `number`, which follows the one before.
int plo_rows_past_next(struct plo_rows_past *past, int64_t number, int64_t rows,
                       struct plo_past *out, struct pipilo_error *err);

void plo_rows_past_close(struct plo_rows_past *past);

#endif
