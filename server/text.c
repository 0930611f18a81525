// text.c: a growing text (see text.h).
#include "text.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool grow(struct text *text, size_t more)
{
    if (text->failed)
        return false;
    if (more > TEXT_CEILING || text->length + more + 1 > TEXT_CEILING) {
        text->failed = text->full = true;
        return false;
    }
    size_t wanted = text->length + more + 1;
    if (wanted <= text->capacity)
        return true;
    size_t capacity = text->capacity < 256 ? 256 : text->capacity;
    while (capacity < wanted)
        capacity *= 2;
    char *data = realloc(text->data, capacity);
    text->failed = data == NULL;
    if (data == NULL)
        return false;
    text->data = data;
    text->capacity = capacity;
    return true;
}

char *text_room(struct text *text, size_t length)
{
    if (!grow(text, length))
        return NULL;
    char *room = text->data + text->length;
    text->length += length;
    text->data[text->length] = '\0';
    return room;
}

void text_add_bytes(struct text *text, const void *more, size_t length)
{
    char *room = text_room(text, length);
    if (room != NULL && length > 0)
        memcpy(room, more, length);
}

void text_add(struct text *text, const char *more)
{
    text_add_bytes(text, more, strlen(more));
}

void text_addf(struct text *text, const char *format, ...)
{
    char small[512];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (length < 0)
        return;
    if ((size_t)length < sizeof small) {
        text_add_bytes(text, small, (size_t)length);
        return;
    }
    char *room = text_room(text, (size_t)length);
    if (room == NULL)
        return;
    va_start(args, format);
    vsnprintf(room, (size_t)length + 1, format, args);
    va_end(args);
}

// Bytes of the UTF-8 character at `at`, or 0 for what is none.
static size_t utf8_length(const unsigned char *at)
{
    static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t length = at[0] < 0x80   ? 1
                    : at[0] < 0xc2 ? 0
                    : at[0] < 0xe0 ? 2
                    : at[0] < 0xf0 ? 3
                    : at[0] < 0xf5 ? 4
                                   : 0;
    if (length < 2)
        return length;
    unsigned code = at[0] & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3fu);
    }
    bool good = code >= least[length] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
    return good ? length : 0;
}

void text_add_json(struct text *text, const char *more)
{
    const unsigned char *at = (const unsigned char *)more;
    text_add(text, "\"");
    while (*at != '\0') {
        const unsigned char *start = at;
        size_t length = 1;
        while (*at >= 0x20 && *at != '"' && *at != '\\' && (length = utf8_length(at)) > 0)
            at += length;
        text_add_bytes(text, start, (size_t)(at - start));
        if (*at == '\0')
            break;
        if (*at == '"' || *at == '\\')
            text_addf(text, "\\%c", *at);
        else if (*at < 0x20)
            text_addf(text, "\\u%04x", (unsigned)*at);
        else
            text_add(text, "\xef\xbf\xbd");
        at++;
    }
    text_add(text, "\"");
}

void text_add_label(struct text *text, const char *more)
{
    text_add(text, "\"");
    for (; *more != '\0'; more++) {
        if (*more == '"' || *more == '\\')
            text_add(text, "\\");
        text_add_bytes(text, *more != '\n' ? more : " ", 1);
    }
    text_add(text, "\"");
}

char *text_clean(const char *name)
{
    const unsigned char *at = (const unsigned char *)name;
    struct text clean = { 0 };
    text_add(&clean, "");
    while (*at != '\0') {
        size_t length = utf8_length(at);
        if (length > 0)
            text_add_bytes(&clean, at, length);
        else
            text_add(&clean, "\xef\xbf\xbd");
        at += length > 0 ? length : 1;
    }
    if (clean.failed)
        text_reset(&clean);
    return clean.data;
}

void text_add_float(struct text *text, float number)
{
    char digits[32];
    if (!isfinite(number)) {
        text_add(text, "null");
        return;
    }
    int length = snprintf(digits, sizeof digits, "%.9g", (double)number);
    text_add_bytes(text, digits, (size_t)length);
}

void text_reset(struct text *text)
{
    free(text->data);
    *text = (struct text){ 0 };
}
