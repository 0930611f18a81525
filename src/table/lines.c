// lines.c: reading a file line by line (see lines.h).
#include "table/lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/fail.h"

enum { PIECE = 65536 };

void plo_lines_init(struct plo_lines *lines, int fd, uint64_t offset)
{
    *lines = (struct plo_lines){ .fd = fd, .offset = offset, .piece = PIECE };
}

void plo_lines_seek(struct plo_lines *lines, uint64_t offset, uint64_t likely)
{
    lines->start = lines->filled = 0;
    lines->offset = offset;
    lines->piece = likely > 0 && likely < PIECE ? (size_t)likely : PIECE;
    lines->ended = false;
}

// Makes room behind what is not yet used and reads on.
static int read_more(struct plo_lines *lines, struct pipilo_error *err)
{
    size_t left = lines->filled - lines->start;
    if (left > 0 && lines->start > 0)
        memmove(lines->buffer, lines->buffer + lines->start, left);
    lines->start = 0;
    lines->filled = left;
    if (left == lines->capacity) {
        if (left >= PLO_LINE_CEILING)
            return plo_fail(err, PIPILO_ECORRUPT, "a line is longer than %zu bytes",
                            PLO_LINE_CEILING);
        size_t capacity = left > 0 ? left * 2 : PIECE;
        char *buffer = plo_realloc(lines->buffer, capacity, 1);
        if (buffer == NULL)
            return plo_fail_nomem(err, capacity);
        lines->buffer = buffer;
        lines->capacity = capacity;
    }
    size_t room = lines->capacity - left, wanted = room < lines->piece ? room : lines->piece;
    ssize_t got = 0;
    do
        got = pread(lines->fd, lines->buffer + left, wanted, (off_t)(lines->offset + left));
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return plo_fail_errno(err, -errno, "cannot read the rows");
    lines->filled += (size_t)got;
    lines->ended = got == 0;
    return 0;
}

int plo_lines_next(struct plo_lines *lines, const char **text, size_t *length,
                   struct pipilo_error *err)
{
    size_t searched = 0;
    if (lines->buffer == NULL)
        PLO_TRY(read_more(lines, err));
    for (;;) {
        const char *from = lines->buffer + lines->start;
        size_t left = lines->filled - lines->start;
        const char *end = left > searched ? memchr(from + searched, '\n', left - searched) : NULL;
        if (end != NULL || (lines->ended && left > 0)) {
            *text = from;
            *length = end != NULL ? (size_t)(end - from) : left;
            size_t step = *length + (end != NULL ? 1 : 0);
            lines->start += step;
            lines->offset += step;
            return 1;
        }
        if (lines->ended)
            return 0;
        searched = left;
        PLO_TRY(read_more(lines, err));
    }
}

void plo_lines_reset(struct plo_lines *lines)
{
    plo_free(lines->buffer);
    lines->buffer = NULL;
    lines->capacity = lines->start = lines->filled = 0;
}
