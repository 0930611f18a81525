// float_text.c: the shortest decimal of a float (see float_text.h). A row has a thousand of them,
// and printf in a loop would cost more than the picture's decoding.
#include "table/float_text.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Exact in a double up to 10^22.
static const double powers[] = { 1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6, 1e7,
                                 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14 };

// True where `decimal` (the double nearest to it) reads back as `value` by whatever way: one that
// lies halfway between two floats could be rounded twice.
static bool reads_back(double decimal, float value)
{
    uint64_t bits = 0;
    memcpy(&bits, &decimal, sizeof bits);
    return (float)decimal == value && (bits & 0x1fffffff) != 0x10000000;
}

// Digits without sign: `digits` is the number, `places` of its digits stand behind the point.
static size_t write_digits(char *out, uint32_t digits, int places)
{
    while (places > 1 && digits % 10 == 0) {
        digits /= 10;
        places--;
    }
    char reversed[24];
    int count = 0;
    do {
        reversed[count++] = (char)('0' + digits % 10);
        digits /= 10;
    } while (digits > 0);
    while (count <= places)
        reversed[count++] = '0';
    size_t length = 0;
    while (count > 0) {
        out[length++] = reversed[--count];
        if (count == places)
            out[length++] = '.';
    }
    out[length] = '\0';
    return length;
}

static size_t by_printf(char *out, float value)
{
    int length = 0;
    for (int precision = 6; precision <= 9; precision++) {
        length = snprintf(out, PLO_FLOAT_TEXT, "%.*g", precision, (double)value);
        if (strtof(out, NULL) == value)
            break;
    }
    // The locale may have another decimal point.
    for (char *c = out; *c != '\0'; c++)
        if (strchr("+-0123456789e", *c) == NULL)
            *c = '.';
    return (size_t)length;
}

size_t plo_float_text(char out[PLO_FLOAT_TEXT], float value)
{
    if (!isfinite(value)) {
        memcpy(out, "null", 5);
        return 4;
    }
    size_t sign = signbit(value) ? 1 : 0;
    out[0] = '-';
    double magnitude = fabs((double)value);
    if (magnitude == 0) {
        memcpy(out + sign, "0.0", 4);
        return sign + 3;
    }
    if (magnitude < 1e-5 || magnitude >= 1e6)
        return by_printf(out, value);
    // The fewest places behind the point that read back; nine digits always do.
    int before = 0;
    while (magnitude >= powers[before])
        before++;
    int leading = 0;
    while (magnitude * powers[leading] < 1)
        leading++;
    int most = before > 0 ? 9 - before : 8 + leading;
    for (int places = before > 0 ? 1 : leading; places <= most; places++) {
        double digits = nearbyint(magnitude * powers[places]);
        if (reads_back(digits / powers[places], fabsf(value)))
            return sign + write_digits(out + sign, (uint32_t)digits, places);
    }
    return by_printf(out, value);
}
