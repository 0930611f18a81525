// say.h: words to people: messages, widths, sizes, texts that are safe to show; and the small JSON
// and Python literals that the program writes itself.
// Threads: the main thread only, except where said.
#ifndef CLI_SAY_H
#define CLI_SAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <pipilo/error.h>
#include <pipilo/value.h>

#if defined(__GNUC__)
#define SAY_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define SAY_PRINTF(text, first)
#endif

// The exit statuses that are not an error code's; docs/errors.md lists all.
enum { EXIT_ROWS = 1, EXIT_USAGE = 2, EXIT_NOT_FOUND = 3, EXIT_NO_MEMORY = 9 };

// "pipilo: ..." as one line on stderr; control characters are shown as '?'.
void say(const char *format, ...) SAY_PRINTF(1, 2);

// The same for a failure, with the place it came from where that helps; gives its exit status.
int say_error(const struct pipilo_error *err);

// A mistake in what was typed: the message and where to read more. Gives EXIT_USAGE.
int say_usage(const char *command, const char *format, ...) SAY_PRINTF(2, 3);

// The nearest of `names` (ends with NULL) to `word`, or NULL where none is near.
const char *nearest_name(const char *word, const char *const *names);

// Memory that must be there: where it is not, the program ends with EXIT_NO_MEMORY.
void *must(void *memory);

// A new string made as by printf; the caller frees it.
char *text_format(const char *format, ...) SAY_PRINTF(1, 2);

// Columns of the terminal behind `file`, or 80; between 40 and 100.
int text_width(FILE *file);

// Prints `text` broken at blanks: the first line from column `at` on, the others from `indent` on,
// none past `width`.
void text_wrap(FILE *file, const char *text, int at, int indent, int width);

// A copy of `text` that may be shown: control characters and what is not UTF-8 become '?'.
char *text_clean(const char *text);

// Columns that `text` takes on a terminal.
int text_columns(const char *text);

// A clean copy of at most `columns` columns; what is cut from the front is shown as "...".
char *text_tail(const char *text, int columns);

// "1 row", "2,345 rows".
char *text_count(int64_t count, const char *noun);

// "12.3 MB", powers of 1000, in `out`.
struct size_text {
    char text[32];
};
struct size_text text_size(uint64_t bytes);

// "3.2 s", "4 min 05 s", "2 h 03 min".
struct size_text text_duration(double seconds);

// `text` as a JSON string, a value as JSON, and `text` as a Python string.
void put_json(FILE *file, const char *text);
void put_value(FILE *file, const pipilo_value *value);
void put_python(FILE *file, const char *text);

// A member of a JSON object: `"name": ` with ", " before it unless it is the first.
void put_member(FILE *file, bool *first, const char *name);

// Flushes stdout; where it could not all be written says so and gives another status.
int finish_output(int status);

#endif
