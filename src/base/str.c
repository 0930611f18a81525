// str.c: the growing string and the search for the nearest name (see str.h).
#include "base/str.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static bool reserve(struct plo_str *str, size_t more)
{
    size_t ceiling = str->ceiling > 0 ? str->ceiling : PLO_STR_CEILING;
    if (str->failed || more > ceiling - str->length) {
        str->failed = true;
        return false;
    }
    size_t wanted = str->length + more + 1;
    if (wanted <= str->capacity)
        return true;
    size_t capacity = str->capacity > 0 ? str->capacity : 64;
    while (capacity < wanted)
        capacity *= 2;
    char *data = plo_realloc(str->data, capacity, 1);
    if (data == NULL) {
        str->failed = true;
        return false;
    }
    str->data = data;
    str->capacity = capacity;
    return true;
}

void plo_str_add_bytes(struct plo_str *str, const char *text, size_t length)
{
    if (!reserve(str, length))
        return;
    memcpy(str->data + str->length, text, length);
    str->length += length;
    str->data[str->length] = '\0';
}

void plo_str_add(struct plo_str *str, const char *text)
{
    plo_str_add_bytes(str, text, strlen(text));
}

void plo_str_addf(struct plo_str *str, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length >= 0 && reserve(str, (size_t)length)) {
        vsnprintf(str->data + str->length, (size_t)length + 1, format, args);
        str->length += (size_t)length;
    } else {
        str->failed = true;
    }
    va_end(args);
}

// Length of the well-formed UTF-8 sequence at `s` (RFC 3629), or 0.
static size_t utf8_length(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    size_t length = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return length;
}

void plo_str_add_json(struct plo_str *str, const char *text)
{
    plo_str_add(str, "\"");
    const unsigned char *s = (const unsigned char *)text;
    while (*s != '\0') {
        size_t length = utf8_length(s);
        if (length == 0) {
            plo_str_addf(str, "\\udc%02x", *s);
            length = 1;
        } else if (*s == '"' || *s == '\\') {
            plo_str_addf(str, "\\%c", *s);
        } else if (*s == '\n') {
            plo_str_add(str, "\\n");
        } else if (*s < 0x20 || *s == 0x7f) {
            plo_str_addf(str, "\\u%04x", *s);
        } else {
            plo_str_add_bytes(str, (const char *)s, length);
        }
        s += length;
    }
    plo_str_add(str, "\"");
}

size_t plo_str_whole(const char *text, size_t length)
{
    const unsigned char *s = (const unsigned char *)text;
    for (size_t back = 1; back <= 3 && back <= length; back++) {
        unsigned char c = s[length - back];
        if ((c & 0xc0) == 0x80)
            continue;
        size_t needs = c > 0xf4 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 1;
        return needs > back ? length - back : length;
    }
    return length;
}

char *plo_str_take(struct plo_str *str)
{
    if (!str->failed)
        plo_str_add(str, "");
    char *text = str->failed ? NULL : str->data;
    if (text == NULL)
        plo_free(str->data);
    *str = (struct plo_str){ .ceiling = str->ceiling };
    return text;
}

void plo_str_reset(struct plo_str *str)
{
    plo_free(str->data);
    *str = (struct plo_str){ .ceiling = str->ceiling };
}

// Optimal string alignment distance; words of 63 bytes at most are compared.
static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
    uint8_t rows[3][64];
    for (size_t j = 0; j <= m; j++)
        rows[0][j] = (uint8_t)j;
    for (size_t i = 1; i <= n; i++) {
        uint8_t *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        now[0] = (uint8_t)i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1u < best)
                best = last[j] + 1u;
            if (now[j - 1] + 1u < best)
                best = now[j - 1] + 1u;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1u < best)
                best = before[j - 2] + 1u;
            now[j] = (uint8_t)best;
        }
    }
    return rows[n % 3][m];
}

const char *plo_str_nearest(const char *word, const char *const *candidates)
{
    size_t length = strlen(word);
    const char *nearest = NULL;
    size_t best = length / 3 + 2;
    for (; length < 64 && *candidates != NULL; candidates++) {
        size_t other = strlen(*candidates);
        if (other == 0 || other >= 64)
            continue;
        size_t d = distance(word, length, *candidates, other);
        if (d < best && d < other) {
            best = d;
            nearest = *candidates;
        }
    }
    return nearest;
}
