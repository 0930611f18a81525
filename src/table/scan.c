// scan.c: a JSON object's fields as pieces of its text (see scan.h).
#include "table/scan.h"

#include <string.h>

enum { DEPTH = 64 };

struct cursor {
    const char *at;
    const char *end;
};

static void skip_space(struct cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r'))
        c->at++;
}

static bool take(struct cursor *c, char wanted)
{
    skip_space(c);
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool skip_string(struct cursor *c)
{
    if (!take(c, '"'))
        return false;
    while (c->at < c->end && *c->at != '"') {
        if ((unsigned char)*c->at < 0x20)
            return false;
        if (*c->at == '\\') {
            c->at++;
            if (c->at == c->end || strchr("\"\\/bfnrtu", *c->at) == NULL || *c->at == '\0')
                return false;
            bool unicode = *c->at == 'u';
            for (int i = 1; unicode && i <= 4; i++)
                if (c->end - c->at <= i || hex_digit(c->at[i]) < 0)
                    return false;
        }
        c->at++;
    }
    if (c->at == c->end)
        return false;
    c->at++;
    return true;
}

static bool skip_digits(struct cursor *c)
{
    const char *start = c->at;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9')
        c->at++;
    return c->at > start;
}

static bool skip_number(struct cursor *c)
{
    if (*c->at == '-')
        c->at++;
    if (!skip_digits(c))
        return false;
    if (c->at < c->end && *c->at == '.') {
        c->at++;
        if (!skip_digits(c))
            return false;
    }
    if (c->at < c->end && (*c->at == 'e' || *c->at == 'E')) {
        c->at++;
        if (c->at < c->end && (*c->at == '+' || *c->at == '-'))
            c->at++;
        if (!skip_digits(c))
            return false;
    }
    return true;
}

static bool skip_word(struct cursor *c, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length) != 0)
        return false;
    c->at += length;
    return true;
}

// Steps over a value that holds no others.
static bool skip_scalar(struct cursor *c)
{
    switch (*c->at) {
    case '"':
        return skip_string(c);
    case 't':
        return skip_word(c, "true");
    case 'f':
        return skip_word(c, "false");
    case 'n':
        return skip_word(c, "null");
    default:
        return skip_number(c);
    }
}

// Steps over a value, with a stack of brackets instead of recursion.
static bool skip_value(struct cursor *c)
{
    char open[DEPTH];
    size_t depth = 0;
    for (;;) {
        skip_space(c);
        if (c->at == c->end)
            return false;
        bool container = *c->at == '{' || *c->at == '[';
        if (container) {
            if (depth == DEPTH)
                return false;
            open[depth++] = *c->at++;
            bool empty = take(c, open[depth - 1] == '{' ? '}' : ']');
            depth -= empty ? 1 : 0;
            container = !empty;
        } else if (!skip_scalar(c)) {
            return false;
        }
        // What may follow a value: brackets that close, then a comma where one is still open.
        while (!container && depth > 0 && take(c, open[depth - 1] == '{' ? '}' : ']'))
            depth--;
        if (depth == 0)
            return true;
        if (!container && !take(c, ','))
            return false;
        if (open[depth - 1] == '{' && !(skip_string(c) && take(c, ':')))
            return false;
    }
}

static bool keep(const struct plo_scan_field *fields, size_t count, struct plo_scan_value name,
                 struct plo_scan_value value)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(fields[i].name) != name.length ||
            memcmp(fields[i].name, name.text, name.length) != 0)
            continue;
        if (fields[i].value->text != NULL)
            return false;
        *fields[i].value = value;
    }
    return true;
}

bool plo_scan_object(const char *text, size_t length, const struct plo_scan_field *fields,
                     size_t count)
{
    struct cursor c = { text, text + length };
    if (!take(&c, '{'))
        return false;
    bool more = !take(&c, '}');
    while (more) {
        skip_space(&c);
        struct plo_scan_value name = { c.at + 1, 0 };
        if (!skip_string(&c))
            return false;
        name.length = (size_t)(c.at - name.text) - 1;
        if (!take(&c, ':'))
            return false;
        skip_space(&c);
        struct plo_scan_value value = { c.at, 0 };
        if (!skip_value(&c))
            return false;
        value.length = (size_t)(c.at - value.text);
        if (!keep(fields, count, name, value))
            return false;
        more = take(&c, ',');
        if (!more && !take(&c, '}'))
            return false;
    }
    skip_space(&c);
    return c.at == c.end;
}

static unsigned hex4(const char *text)
{
    unsigned code = 0;
    for (int i = 0; i < 4; i++)
        code = code << 4 | (unsigned)hex_digit(text[i]);
    return code;
}

static void add_code_point(struct plo_str *out, unsigned code)
{
    char bytes[4];
    size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    for (size_t i = length; i-- > 1; code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3f));
    bytes[0] = (char)(lead[length] | code);
    plo_str_add_bytes(out, bytes, length);
}

// One escape from its backslash on; returns what follows it, or NULL.
static const char *add_escape(struct plo_str *out, const char *at, const char *end)
{
    static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    if (at[1] != 'u') {
        plo_str_add_bytes(out, &meant[strchr(names, at[1]) - names], 1);
        return at + 2;
    }
    unsigned code = hex4(at + 2);
    at += 6;
    if (code >= 0xd800 && code < 0xdc00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u') {
        unsigned low = hex4(at + 2);
        if (low >= 0xdc00 && low < 0xe000) {
            add_code_point(out, 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00));
            return at + 6;
        }
    }
    if (code == 0)
        return NULL;
    if (code >= 0xdc80 && code <= 0xdcff) {
        char byte = (char)(code - 0xdc00);
        plo_str_add_bytes(out, &byte, 1);
    } else {
        add_code_point(out, code);
    }
    return at;
}

bool plo_scan_text(struct plo_scan_value value, struct plo_str *out)
{
    if (value.text == NULL || value.length < 2 || value.text[0] != '"')
        return false;
    const char *at = value.text + 1, *end = value.text + value.length - 1;
    while (at < end) {
        const char *stop = memchr(at, '\\', (size_t)(end - at));
        if (stop == NULL)
            stop = end;
        plo_str_add_bytes(out, at, (size_t)(stop - at));
        at = stop;
        if (at < end)
            at = add_escape(out, at, end);
        if (at == NULL)
            return false;
    }
    return !out->failed;
}

bool plo_scan_int(struct plo_scan_value value, int64_t *out)
{
    if (value.text == NULL || value.length == 0)
        return false;
    size_t i = value.text[0] == '-' ? 1 : 0;
    if (i == value.length || value.length > 18)
        return false;
    int64_t number = 0;
    for (; i < value.length; i++) {
        if (value.text[i] < '0' || value.text[i] > '9')
            return false;
        number = number * 10 + (value.text[i] - '0');
    }
    *out = value.text[0] == '-' ? -number : number;
    return true;
}

bool plo_scan_is_null(struct plo_scan_value value)
{
    return value.text == NULL || (value.length == 4 && memcmp(value.text, "null", 4) == 0);
}
