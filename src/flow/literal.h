// literal.h: the tokens and literals of pipeline text: Python's strings, numbers, True, False,
// None, tuples and lists. Threads: one at a time.
#ifndef PLO_FLOW_LITERAL_H
#define PLO_FLOW_LITERAL_H

#include "core/value.h"

struct plo_reader {
    const char *text;
    const char *at;
    int depth; // of nested brackets; bounded by PLO_READER_DEPTH
};

enum { PLO_READER_DEPTH = 64 };

// Skips blanks, line ends and comments. With `line_ends` false a line end outside of brackets
// stays.
void plo_reader_skip(struct plo_reader *reader, bool line_ends);

// Takes `text` if it stands here (after blanks).
bool plo_reader_take(struct plo_reader *reader, const char *text);

// The length of the identifier here, 0 where there is none.
size_t plo_reader_word(struct plo_reader *reader);

// PIPILO_EPIPELINE with line and column of where the reader stands.
int plo_reader_fail(const struct plo_reader *reader, struct pipilo_error *err, const char *format,
                    ...) PLO_PRINTF(3, 4);

// Reads one literal.
int plo_reader_literal(struct plo_reader *reader, pipilo_value **out, struct pipilo_error *err);

// Reads `text`, which holds one literal and nothing else.
int plo_literal_parse(const char *text, pipilo_value **out, struct pipilo_error *err);

#endif
