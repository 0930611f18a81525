// lines.h: the lines of a file, one after the other, whatever their length up to a ceiling.
// Threads: one at a time.
#ifndef PLO_TABLE_LINES_H
#define PLO_TABLE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipilo/error.h>

#define PLO_LINE_CEILING ((size_t)64 << 20)

struct plo_lines {
    int fd; // borrowed
    char *buffer;
    size_t capacity;
    size_t start; // of the next line, in the buffer
    size_t filled;
    uint64_t offset; // of the next line, in the file
    size_t piece;    // bytes read at a time
    bool ended;
};

// Starts at `offset`. Nothing is read yet.
void plo_lines_init(struct plo_lines *lines, int fd, uint64_t offset);

// Goes on at `offset`, with the memory there is. About `likely` bytes will be wanted: no more are
// read at a time; 0 where that is unknown.
void plo_lines_seek(struct plo_lines *lines, uint64_t offset, uint64_t likely);

// The next line without its end, valid until the next call: 1, or 0 at the end.
// Errors: PIPILO_ECORRUPT for one over the ceiling, PIPILO_EIO, PIPILO_ENOMEM.
int plo_lines_next(struct plo_lines *lines, const char **text, size_t *length,
                   struct pipilo_error *err);

void plo_lines_reset(struct plo_lines *lines);

#endif
