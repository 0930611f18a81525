// str.h: a growing string. A failed allocation is remembered and reported once, at the end, so that
// a text can be put together without a check per piece.
// Threads: one at a time.
#ifndef PLO_BASE_STR_H
#define PLO_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/alloc.h"

struct plo_str {
    char *data; // NUL-terminated, or NULL while empty
    size_t length;
    size_t capacity;
    size_t ceiling; // longest allowed length; 0 = PLO_STR_CEILING
    bool failed;    // an allocation failed or the ceiling was reached; what follows is dropped
};

#define PLO_STR_CEILING ((size_t)1 << 30)
#define PLO_STR_INIT    ((struct plo_str){ 0 })

void plo_str_add(struct plo_str *str, const char *text);
void plo_str_add_bytes(struct plo_str *str, const char *text, size_t length);
void plo_str_addf(struct plo_str *str, const char *format, ...) PLO_PRINTF(2, 3);

// Adds `text` as a JSON string with its quotes. Bytes that are not UTF-8 are written as the lone
// surrogates \udc80..\udcff, as Python's "surrogateescape" does, so that any file name survives.
void plo_str_add_json(struct plo_str *str, const char *text);

// How many of the first `length` bytes of a text of UTF-8 that goes on behind them are whole
// characters: where it is cut. `length` where they end in no character that is begun.
size_t plo_str_whole(const char *text, size_t length);

// The text (never NULL unless failed), owned by the caller; the builder is empty again. NULL where
// an allocation failed.
char *plo_str_take(struct plo_str *str);

void plo_str_reset(struct plo_str *str);

// The candidate nearest to `word` by Damerau-Levenshtein distance, or NULL where none is within a
// third of its length: for "did you mean". `candidates` ends with NULL.
const char *plo_str_nearest(const char *word, const char *const *candidates);

#endif
