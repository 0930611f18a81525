// literal.c: reading Python's literals (see literal.h).
#include "flow/literal.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/fail.h"

void plo_reader_skip(struct plo_reader *reader, bool line_ends)
{
    for (;; reader->at++) {
        char c = *reader->at;
        if (c == '#') {
            reader->at += strcspn(reader->at, "\n");
            c = *reader->at;
        }
        // A backslash before a line end joins the lines, as in Python.
        if (c == '\\' && reader->at[1] == '\n') {
            reader->at++;
            continue;
        }
        bool blank = c == ' ' || c == '\t' || c == '\r';
        bool end = c == '\n' && (line_ends || reader->depth > 0);
        if (!blank && !end)
            return;
    }
}

bool plo_reader_take(struct plo_reader *reader, const char *text)
{
    size_t length = strlen(text);
    plo_reader_skip(reader, false);
    if (strncmp(reader->at, text, length) != 0)
        return false;
    reader->at += length;
    return true;
}

size_t plo_reader_word(struct plo_reader *reader)
{
    plo_reader_skip(reader, false);
    const char *c = reader->at;
    if (!isalpha((unsigned char)*c) && *c != '_')
        return 0;
    while (isalnum((unsigned char)*c) || *c == '_')
        c++;
    return (size_t)(c - reader->at);
}

int plo_reader_fail(const struct plo_reader *reader, struct pipilo_error *err, const char *format,
                    ...)
{
    char what[256];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    size_t line = 1, column = 1;
    for (const char *c = reader->text; c < reader->at; c++) {
        column = *c == '\n' ? 1 : column + 1;
        line += *c == '\n';
    }
    return plo_fail(err, PIPILO_EPIPELINE, "line %zu, column %zu: %s", line, column, what);
}

// Adds the UTF-8 bytes of a code point.
static void add_code_point(struct plo_str *str, unsigned long c)
{
    char bytes[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    for (size_t i = n - 1; i > 0; i--) {
        bytes[i] = (char)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    bytes[0] = (char)(lead[n] | c);
    plo_str_add_bytes(str, bytes, n);
}

// Reads the escape behind a backslash; false where it is not one.
static bool read_escape(struct plo_reader *reader, struct plo_str *str)
{
    static const char plain[] = "\\'\"abfnrtv";
    static const char meant[] = "\\'\"\a\b\f\n\r\t\v";
    char c = *reader->at;
    // The text ends here: whoever reads on finds that out by standing at its end.
    if (c == '\0')
        return false;
    reader->at++;
    if (c == '\n')
        return true;
    const char *known = strchr(plain, c);
    if (known != NULL) {
        plo_str_add_bytes(str, &meant[known - plain], 1);
        return true;
    }
    int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    char hex[9] = { 0 };
    for (int i = 0; i < digits; i++) {
        if (!isxdigit((unsigned char)*reader->at))
            return false;
        hex[i] = *reader->at++;
    }
    unsigned long code = strtoul(hex, NULL, 16);
    if (digits == 0 || code == 0 || code > 0x10ffff)
        return false;
    add_code_point(str, code);
    return true;
}

static int read_string(struct plo_reader *reader, pipilo_value **out, struct pipilo_error *err)
{
    struct plo_str str = PLO_STR_INIT;
    bool raw = *reader->at == 'r';
    if (raw)
        reader->at++;
    struct plo_reader start = *reader;
    char quote = *reader->at++;
    int result = 0;
    while (*reader->at != quote && result == 0) {
        if (*reader->at == '\0' || *reader->at == '\n') {
            result = plo_reader_fail(&start, err, "the string does not end");
        } else if (*reader->at == '\\' && !raw) {
            struct plo_reader escape = *reader;
            reader->at++;
            if (!read_escape(reader, &str))
                result = plo_reader_fail(&escape, err, "this escape is not known");
        } else {
            plo_str_add_bytes(&str, reader->at++, 1);
        }
    }
    reader->at += result == 0;
    char *text = plo_str_take(&str);
    if (result == 0)
        result = text != NULL ? pipilo_value_create_string(out, text, err) : plo_fail_nomem(err, 0);
    plo_free(text);
    return result;
}

static int read_number(struct plo_reader *reader, pipilo_value **out, struct pipilo_error *err)
{
    char text[64];
    size_t length = 0;
    const char *c = reader->at;
    bool fraction = false;
    while (length + 1 < sizeof text &&
           (isdigit((unsigned char)*c) || *c == '.' || *c == '_' || *c == 'e' || *c == 'E' ||
            ((*c == '-' || *c == '+') && (length == 0 || tolower((unsigned char)c[-1]) == 'e')))) {
        fraction = fraction || *c == '.' || *c == 'e' || *c == 'E';
        if (*c != '_')
            text[length++] = *c;
        c++;
    }
    text[length] = '\0';
    char *end = text;
    errno = 0;
    double number = 0;
    long long whole = 0;
    if (fraction)
        number = strtod(text, &end);
    else
        whole = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || (errno == ERANGE && !fraction))
        return plo_reader_fail(reader, err, "a number was expected here");
    reader->at = c;
    return fraction ? pipilo_value_create_float(out, number, err)
                    : pipilo_value_create_int(out, whole, err);
}

// Items up to `close`. "(x)" is x itself, "(x,)" and "[x]" are lists.
static int read_sequence(struct plo_reader *reader, const char *close, pipilo_value **out,
                         struct pipilo_error *err)
{
    pipilo_value **items = NULL;
    size_t count = 0;
    bool comma = false;
    int result = 0;
    if (++reader->depth > PLO_READER_DEPTH)
        result = plo_reader_fail(reader, err, "brackets are nested too deep");
    while (result == 0 && !plo_reader_take(reader, close)) {
        if (count > 0 && !comma) {
            result = plo_reader_fail(reader, err, "',' or '%s' was expected here", close);
            break;
        }
        pipilo_value **grown = plo_realloc(items, count + 1, sizeof *items);
        if (grown == NULL) {
            result = plo_fail_nomem(err, (count + 1) * sizeof *items);
            break;
        }
        items = grown;
        items[count] = NULL;
        result = plo_reader_literal(reader, &items[count], err);
        count += result == 0;
        comma = result == 0 && plo_reader_take(reader, ",");
    }
    reader->depth--;
    if (result == 0 && *close == ')' && count == 1 && !comma)
        *out = pipilo_value_ref(items[0]);
    else if (result == 0)
        result = pipilo_value_create_list(out, items, count, err);
    for (size_t i = 0; i < count; i++)
        pipilo_value_unref(&items[i]);
    plo_free(items);
    return result;
}

int plo_reader_literal(struct plo_reader *reader, pipilo_value **out, struct pipilo_error *err)
{
    plo_reader_skip(reader, false);
    char c = *reader->at;
    if (c == '\'' || c == '"' || (c == 'r' && (reader->at[1] == '\'' || reader->at[1] == '"')))
        return read_string(reader, out, err);
    if (plo_reader_take(reader, "("))
        return read_sequence(reader, ")", out, err);
    if (plo_reader_take(reader, "["))
        return read_sequence(reader, "]", out, err);
    size_t length = plo_reader_word(reader);
    bool is_true = length == 4 && strncmp(reader->at, "True", 4) == 0;
    bool is_false = length == 5 && strncmp(reader->at, "False", 5) == 0;
    bool is_none = length == 4 && strncmp(reader->at, "None", 4) == 0;
    if (length > 0 && !is_true && !is_false && !is_none)
        return plo_reader_fail(reader, err, "'%.*s' is not a literal: strings want quotes",
                               (int)length, reader->at);
    reader->at += length;
    if (is_none)
        *out = pipilo_value_none();
    if (is_none)
        return 0;
    return length > 0 ? pipilo_value_create_bool(out, is_true, err) : read_number(reader, out, err);
}

int plo_literal_parse(const char *text, pipilo_value **out, struct pipilo_error *err)
{
    struct plo_reader reader = { .text = text, .at = text };
    PLO_TRY(plo_reader_literal(&reader, out, err));
    plo_reader_skip(&reader, true);
    if (*reader.at == '\0')
        return 0;
    pipilo_value_unref(out);
    return plo_reader_fail(&reader, err, "nothing was expected behind the literal");
}
