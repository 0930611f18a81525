// say.c: messages, and texts made fit to be shown (see say.h).
#include "say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

void *must(void *memory)
{
    if (memory != NULL)
        return memory;
    fputs("pipilo: the system gave no memory\n", stderr);
    exit(EXIT_NO_MEMORY);
}

static char *format_args(const char *format, va_list args)
{
    char *text = NULL;
    return vasprintf(&text, format, args) < 0 ? must(NULL) : text;
}

char *text_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = format_args(format, args);
    va_end(args);
    return text;
}

static void say_args(const char *format, va_list args, const char *more)
{
    char *text = format_args(format, args);
    char *clean = text_clean(text);
    fprintf(stderr, "pipilo: %s%s\n", clean, more);
    free(clean);
    free(text);
}

void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say_args(format, args, "");
    va_end(args);
}

int say_error(const struct pipilo_error *err)
{
    // Of a defect or a failing operator the place is the best clue; elsewhere the message says it.
    bool place = err->code == PIPILO_EINTERNAL || err->code == PIPILO_EOPERATOR;
    const char *message = err->message[0] != '\0' ? err->message : pipilo_error_text(err->code);
    if (place && err->where[0] != '\0')
        say("%s: %s", err->where, message);
    else
        say("%s", message);
    return pipilo_error_exit_status(err->code);
}

int say_usage(const char *command, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *more = command != NULL ? text_format(" (see `pipilo %s --help`)", command)
                                 : text_format(" (see `pipilo help`)");
    say_args(format, args, more);
    va_end(args);
    free(more);
    return EXIT_USAGE;
}

// --- the nearest name ----------------------------------------------------------------------------

enum { NAME_LIMIT = 64 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

// Edits from one word to the other: a letter put in, left out, changed, or two swapped.
static size_t distance(const char *a, const char *b)
{
    size_t d[NAME_LIMIT + 1][NAME_LIMIT + 1];
    size_t la = least(strlen(a), NAME_LIMIT), lb = least(strlen(b), NAME_LIMIT);
    for (size_t i = 0; i <= la; i++)
        d[i][0] = i;
    for (size_t j = 0; j <= lb; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= la; i++) {
        for (size_t j = 1; j <= lb; j++) {
            size_t change = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            d[i][j] = least(change, least(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[la][lb];
}

const char *nearest_name(const char *word, const char *const *names)
{
    const char *best = NULL;
    size_t length = strlen(word);
    size_t limit = length / 3 + 1;
    for (; *names != NULL; names++) {
        // What was begun rightly and not ended is near, however much is missing.
        size_t d = length >= 2 && strncmp(word, *names, length) == 0 ? 1 : distance(word, *names);
        if (d <= limit && d < length) {
            limit = d - (d > 0);
            best = *names;
            if (d == 0)
                break;
        }
    }
    return best;
}

// --- texts on a terminal -------------------------------------------------------------------------

int text_width(FILE *file)
{
    struct winsize size;
    const char *set = getenv("COLUMNS");
    long width = set != NULL ? strtol(set, NULL, 10) : 0;
    if (width <= 0 && ioctl(fileno(file), TIOCGWINSZ, &size) == 0)
        width = size.ws_col;
    if (width <= 0)
        width = 80;
    return (int)(width < 40 ? 40 : width > 100 ? 100 : width);
}

// Reads one character. Gives its bytes and code point; 1 and -1 for a byte that is not UTF-8.
static int read_character(const char *text, long *code)
{
    const unsigned char *c = (const unsigned char *)text;
    int length = c[0] < 0x80 ? 1 : c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;
    *code = length < 2 ? c[0] : c[0] & (0x7f >> length);
    for (int i = 1; i < length; i++) {
        if ((c[i] & 0xc0) != 0x80)
            length = 0;
        else
            *code = *code << 6 | (c[i] & 0x3f);
    }
    bool bad = length == 0 || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000) ||
               (length == 3 && *code < 0x800) || (length == 4 && *code < 0x10000);
    if (bad)
        *code = -1;
    return bad ? 1 : length;
}

// Columns of a character; -1 for one that must not be shown as it is. Marks that turn the direction
// of writing are among these: they can make a file's name look like another.
static int character_columns(long code)
{
    if (code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x202a && code <= 0x202e) ||
        (code >= 0x2066 && code <= 0x2069))
        return -1;
    return code < 0x7f ? 1 : wcwidth((wchar_t)code);
}

char *text_clean(const char *text)
{
    char *clean = must(malloc(strlen(text) + 1));
    size_t at = 0;
    long code;
    for (int n; *text != '\0'; text += n) {
        n = read_character(text, &code);
        if (character_columns(code) < 0) {
            clean[at++] = '?';
        } else {
            memcpy(clean + at, text, (size_t)n);
            at += (size_t)n;
        }
    }
    clean[at] = '\0';
    return clean;
}

int text_columns(const char *text)
{
    int columns = 0;
    long code;
    for (int n; *text != '\0'; text += n) {
        n = read_character(text, &code);
        int wide = character_columns(code);
        columns += wide < 0 ? 1 : wide;
    }
    return columns;
}

char *text_tail(const char *text, int columns)
{
    char *clean = text_clean(text);
    int over = text_columns(clean) - columns;
    if (over <= 0)
        return clean;
    const char *rest = clean;
    long code;
    for (int left = over + 3; left > 0 && *rest != '\0';) {
        int n = read_character(rest, &code);
        left -= character_columns(code);
        rest += n;
    }
    char *tail = text_format("...%s", rest);
    free(clean);
    return tail;
}

void text_wrap(FILE *file, const char *text, int at, int indent, int width)
{
    bool first = true;
    while (*text != '\0') {
        text += strspn(text, " ");
        size_t length = strcspn(text, " \n");
        char *word = must(strndup(text, length));
        int columns = text_columns(word);
        if (!first && at + 1 + columns > width) {
            fprintf(file, "\n%*s", indent, "");
            at = indent;
            first = true;
        }
        if (length > 0)
            at += fprintf(file, "%s%s", first ? "" : " ", word) > 0 ? columns + !first : 0;
        first = first && length == 0;
        free(word);
        text += length;
        if (*text == '\n') {
            fprintf(file, "\n%s%*s", text[1] == '\n' ? "\n" : "", indent, "");
            text += strspn(text, "\n");
            at = indent;
            first = true;
        }
    }
    fputc('\n', file);
}

char *text_count(int64_t count, const char *noun)
{
    char digits[32], grouped[48];
    int length = snprintf(digits, sizeof digits, "%lld", (long long)count);
    int at = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-')
            grouped[at++] = ',';
        grouped[at++] = digits[i];
    }
    grouped[at] = '\0';
    return noun != NULL ? text_format("%s %s%s", grouped, noun, count == 1 ? "" : "s")
                        : text_format("%s", grouped);
}

struct size_text text_size(uint64_t bytes)
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
    struct size_text out;
    double number = (double)bytes;
    size_t unit = 0;
    while (number >= 999.5 && unit < 6) {
        number /= 1000;
        unit++;
    }
    snprintf(out.text, sizeof out.text, "%.*f %s", unit > 0 && number < 9.95 ? 1 : 0, number,
             units[unit]);
    return out;
}

struct size_text text_duration(double seconds)
{
    struct size_text out;
    long whole = (long)(seconds + 0.5);
    if (seconds < 9.95)
        snprintf(out.text, sizeof out.text, "%.1f s", seconds);
    else if (whole < 60)
        snprintf(out.text, sizeof out.text, "%ld s", whole);
    else if (whole < 3600)
        snprintf(out.text, sizeof out.text, "%ld min %02ld s", whole / 60, whole % 60);
    else
        snprintf(out.text, sizeof out.text, "%ld h %02ld min", whole / 3600, whole / 60 % 60);
    return out;
}

// --- JSON and Python -----------------------------------------------------------------------------

void put_value(FILE *file, const pipilo_value *value)
{
    char *json = NULL;
    if (pipilo_value_to_json(value, &json, NULL) < 0)
        must(NULL);
    fputs(json, file);
    pipilo_free(json);
}

void put_json(FILE *file, const char *text)
{
    pipilo_value *value = NULL;
    if (text == NULL) {
        fputs("null", file);
        return;
    }
    // The library knows what to do with a file's name that is not UTF-8.
    if (pipilo_value_create_string(&value, text, NULL) < 0)
        must(NULL);
    put_value(file, value);
    pipilo_value_unref(&value);
}

void put_python(FILE *file, const char *text)
{
    fputc('\'', file);
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\')
            fprintf(file, "\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            fprintf(file, "\\x%02x", (unsigned char)*text);
        else
            fputc(*text, file);
    }
    fputc('\'', file);
}

void put_member(FILE *file, bool *first, const char *name)
{
    fputs(*first ? "" : ", ", file);
    *first = false;
    put_json(file, name);
    fputs(": ", file);
}

int finish_output(int status)
{
    // Who closed the pipe wants no more, and needs no word about it.
    if ((fflush(stdout) == 0 && !ferror(stdout)) || errno == EPIPE)
        return status;
    say("standard output could not be written: %s", strerror(errno));
    return status == 0 ? pipilo_error_exit_status(PIPILO_EIO) : status;
}
