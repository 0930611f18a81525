// text.h: a growing text, for answers and log lines. A failed allocation is remembered and asked
// about once, at the end. Threads: one at a time.
#ifndef SERVER_TEXT_H
#define SERVER_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__GNUC__)
#define SERVER_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define SERVER_PRINTF(text, first)
#endif

// Beyond this an answer is refused, not built.
#define TEXT_CEILING ((size_t)256 << 20)

struct text {
    char *data; // NUL-terminated, or NULL while empty
    size_t length, capacity;
    bool failed; // no memory, or past the ceiling: what follows is dropped
    bool full;   // it was the ceiling
};

void text_add(struct text *text, const char *more);
void text_add_bytes(struct text *text, const void *more, size_t length);
void text_addf(struct text *text, const char *format, ...) SERVER_PRINTF(2, 3);

// Room for `length` more bytes, already counted, to be filled by the caller; NULL where there is no
// memory.
char *text_room(struct text *text, size_t length);

// `more` as a JSON string with its quotes; what is not UTF-8 becomes U+FFFD.
void text_add_json(struct text *text, const char *more);

// `more` as a label's value of Prometheus', with its quotes.
void text_add_label(struct text *text, const char *more);

// A copy of what a client called something, to be freed: what is not UTF-8 in it becomes U+FFFD.
// NULL where there is no memory.
char *text_clean(const char *name);

// A float that reads back as the same; one that is not finite as null, for JSON has none.
void text_add_float(struct text *text, float number);

void text_reset(struct text *text);

#endif
