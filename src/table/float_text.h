// float_text.h: a float as the shortest decimal that reads back as the same float. Threads: any.
#ifndef PLO_TABLE_FLOAT_TEXT_H
#define PLO_TABLE_FLOAT_TEXT_H

#include <stddef.h>

enum { PLO_FLOAT_TEXT = 24 };

// Writes JSON's form, at most PLO_FLOAT_TEXT bytes with the NUL: "0.5", "-1.25e-07"; "null" for
// what JSON has no number for. Returns the length.
size_t plo_float_text(char out[PLO_FLOAT_TEXT], float value);

#endif
