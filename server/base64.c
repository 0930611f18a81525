// base64.c: base64 both ways (see base64.h).
#include "base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t base64_decoded_most(size_t length)
{
    return length / 4 * 3 + 3;
}

// What a character stands for, or 64 and above.
static uint32_t value_of(unsigned char c)
{
    return c >= 'A' && c <= 'Z'   ? (uint32_t)(c - 'A')
           : c >= 'a' && c <= 'z' ? (uint32_t)(c - 'a' + 26)
           : c >= '0' && c <= '9' ? (uint32_t)(c - '0' + 52)
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : 64;
}

// A table is several times as fast as value_of; it is made from it.
struct table {
    uint8_t of[256];
};

static struct table make_table(void)
{
    struct table table;
    for (int i = 0; i < 256; i++)
        table.of[i] = (uint8_t)value_of((unsigned char)i);
    return table;
}

size_t base64_decode(uint8_t *out, const char *text, size_t length)
{
    const unsigned char *at = (const unsigned char *)text;
    const struct table table = make_table();
    uint8_t *to = out;
    if (length % 4 == 0)
        for (int pad = 0; pad < 2 && length > 0 && at[length - 1] == '='; pad++)
            length--;
    if (length % 4 == 1)
        return SIZE_MAX;
    uint32_t all = 0;
    size_t i = 0;
    for (; i + 4 <= length; i += 4) {
        uint32_t a = table.of[at[i]], b = table.of[at[i + 1]], c = table.of[at[i + 2]],
                 d = table.of[at[i + 3]];
        all |= a | b | c | d;
        uint32_t bits = a << 18 | b << 12 | c << 6 | d;
        to[0] = (uint8_t)(bits >> 16);
        to[1] = (uint8_t)(bits >> 8);
        to[2] = (uint8_t)bits;
        to += 3;
    }
    uint32_t bits = 0, left = (uint32_t)(length - i);
    for (uint32_t k = 0; k < left; k++) {
        uint32_t value = table.of[at[i + k]];
        all |= value;
        bits |= value << (18 - 6 * k);
    }
    if (left >= 2)
        *to++ = (uint8_t)(bits >> 16);
    if (left == 3)
        *to++ = (uint8_t)(bits >> 8);
    return all < 64 ? (size_t)(to - out) : SIZE_MAX;
}

size_t base64_encoded(size_t size)
{
    return (size + 2) / 3 * 4;
}

void base64_encode(char *out, const void *data, size_t size)
{
    const uint8_t *at = data;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t bits = (uint32_t)at[i] << 16;
        bits |= left > 1 ? (uint32_t)at[i + 1] << 8 : 0;
        bits |= left > 2 ? at[i + 2] : 0;
        *out++ = alphabet[bits >> 18];
        *out++ = alphabet[bits >> 12 & 63];
        *out++ = left > 1 ? alphabet[bits >> 6 & 63] : '=';
        *out++ = left > 2 ? alphabet[bits & 63] : '=';
    }
}
