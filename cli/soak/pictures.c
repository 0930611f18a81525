// pictures.c: a JPEG and a PNG written by hand (see pictures.h).
//
// The JPEG has no pixels to begin with: its coefficients are drawn at random and coded with tables
// in which every symbol has a code of one length, so that no library is needed. A PNG's rows are
// stored, not compressed.
#include "pictures.h"

#include <stdbool.h>
#include <string.h>

enum { MOST_PIXELS = 320, ONE_BAD_IN = 8 }; // pixels of a side

struct picture {
    unsigned char *bytes;
    size_t size;
    uint64_t random;
    unsigned width, height;
    uint64_t bits; // not yet written, from the top
    int bit_count;
};

// xorshift64*: S. Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016.
static uint32_t draw(struct picture *picture)
{
    picture->random ^= picture->random >> 12;
    picture->random ^= picture->random << 25;
    picture->random ^= picture->random >> 27;
    return (uint32_t)(picture->random * UINT64_C(2685821657736338717) >> 32);
}

static void put(struct picture *picture, unsigned byte)
{
    picture->bytes[picture->size++] = (unsigned char)byte;
}

static void put_short(struct picture *picture, unsigned number)
{
    put(picture, number >> 8 & 0xff);
    put(picture, number & 0xff);
}

static void put_swapped(struct picture *picture, unsigned number)
{
    put(picture, number & 0xff);
    put(picture, number >> 8 & 0xff);
}

static void put_long(struct picture *picture, uint32_t number)
{
    put_short(picture, number >> 16);
    put_short(picture, number & 0xffff);
}

// --- JPEG ----------------------------------------------------------------------------------------

enum { DC_SYMBOLS = 12, AC_SIZES = 10, BLOCK = 64, END_OF_BLOCK = 0 };

static void put_bits(struct picture *picture, uint32_t value, int count)
{
    picture->bits = picture->bits << count | value;
    picture->bit_count += count;
    while (picture->bit_count >= 8) {
        picture->bit_count -= 8;
        unsigned byte = picture->bits >> picture->bit_count & 0xff;
        put(picture, byte);
        if (byte == 0xff)
            put(picture, 0);
    }
}

static void flush_bits(struct picture *picture)
{
    if (picture->bit_count > 0)
        put_bits(picture, (1U << (8 - picture->bit_count)) - 1, 8 - picture->bit_count);
}

// Symbols in their order, all with codes of `length` bits: the code of a symbol is its place.
static void put_table(struct picture *picture, unsigned id, int length,
                      const unsigned char *symbols, unsigned count)
{
    put_short(picture, 0xffc4);
    put_short(picture, 19 + count);
    put(picture, id);
    for (int i = 1; i <= 16; i++)
        put(picture, i == length ? count : 0);
    for (unsigned i = 0; i < count; i++)
        put(picture, symbols[i]);
}

// The place of "`run` zeros, then a number of `size` bits".
static unsigned ac_place(int run, int size)
{
    return (unsigned)(1 + run * AC_SIZES + size - 1);
}

static void put_tables(struct picture *picture)
{
    unsigned char dc[DC_SYMBOLS], ac[1 + 16 * AC_SIZES];
    for (int i = 0; i < DC_SYMBOLS; i++)
        dc[i] = (unsigned char)i;
    ac[0] = END_OF_BLOCK;
    for (int run = 0; run < 16; run++)
        for (int size = 1; size <= AC_SIZES; size++)
            ac[ac_place(run, size)] = (unsigned char)(run << 4 | size);
    put_table(picture, 0x00, 4, dc, DC_SYMBOLS);
    put_table(picture, 0x10, 8, ac, sizeof ac);
}

static int bits_of(int number)
{
    int bits = 0;
    for (int rest = number < 0 ? -number : number; rest > 0; rest >>= 1)
        bits++;
    return bits;
}

static void put_number(struct picture *picture, int number, int bits)
{
    put_bits(picture, (uint32_t)(number < 0 ? number + (1 << bits) - 1 : number), bits);
}

static void put_dc(struct picture *picture, int *before)
{
    int value = (int)(draw(picture) % 400) - 200, change = value - *before, bits = bits_of(change);
    *before = value;
    put_bits(picture, (uint32_t)bits, 4);
    put_number(picture, change, bits);
}

// A few coefficients, further apart each time.
static void put_ac(struct picture *picture)
{
    for (int at = 1; at < BLOCK && draw(picture) % 4 != 0;) {
        int run = (int)(draw(picture) % 6), value = (int)(draw(picture) % 63) - 31;
        if (value == 0 || at + run >= BLOCK)
            break;
        int bits = bits_of(value);
        put_bits(picture, ac_place(run, bits), 8);
        put_number(picture, value, bits);
        at += run + 1;
        if (at == BLOCK)
            return;
    }
    put_bits(picture, 0, 8);
}

static void put_frame(struct picture *picture, bool progressive, unsigned components, bool halved)
{
    put_short(picture, 0xffd8);
    put_short(picture, 0xffdb);
    put_short(picture, 3 + BLOCK);
    put(picture, 0);
    for (int i = 0; i < BLOCK; i++)
        put(picture, 2);
    put_short(picture, progressive ? 0xffc2 : 0xffc0);
    put_short(picture, 8 + 3 * components);
    put(picture, 8);
    put_short(picture, picture->height);
    put_short(picture, picture->width);
    put(picture, components);
    for (unsigned i = 0; i < components; i++) {
        put(picture, i + 1);
        put(picture, i == 0 && halved ? 0x22 : 0x11);
        put(picture, 0);
    }
}

static void put_scan(struct picture *picture, unsigned first, unsigned components, unsigned from,
                     unsigned to)
{
    put_short(picture, 0xffda);
    put_short(picture, 6 + 2 * components);
    put(picture, components);
    for (unsigned i = 0; i < components; i++) {
        put(picture, first + i + 1);
        put(picture, 0x00);
    }
    put(picture, from);
    put(picture, to);
    put(picture, 0);
}

static unsigned blocks(unsigned pixels, unsigned size)
{
    return (pixels + size - 1) / size;
}

// One scan of all components, block by block; with `whole` their other coefficients too.
static void put_first_scan(struct picture *picture, unsigned components, bool halved, bool whole)
{
    int before[3] = { 0 };
    unsigned unit = halved ? 16 : 8;
    unsigned count = blocks(picture->width, unit) * blocks(picture->height, unit);
    put_scan(picture, 0, components, 0, whole ? BLOCK - 1 : 0);
    for (unsigned i = 0; i < count; i++) {
        for (unsigned c = 0; c < components; c++) {
            for (int b = 0; b < (c == 0 && halved ? 4 : 1); b++) {
                put_dc(picture, &before[c]);
                if (whole)
                    put_ac(picture);
            }
        }
    }
    flush_bits(picture);
}

static void put_later_scan(struct picture *picture, unsigned component, bool halved)
{
    unsigned unit = halved && component > 0 ? 16 : 8;
    unsigned count = blocks(picture->width, unit) * blocks(picture->height, unit);
    put_scan(picture, component, 1, 1, BLOCK - 1);
    for (unsigned i = 0; i < count; i++)
        put_ac(picture);
    flush_bits(picture);
}

static void make_jpeg(struct picture *picture)
{
    bool progressive = draw(picture) % 4 == 0, grey = draw(picture) % 5 == 0;
    bool halved = !grey && draw(picture) % 2 == 0;
    unsigned components = grey ? 1 : 3;
    put_frame(picture, progressive, components, halved);
    put_tables(picture);
    put_first_scan(picture, components, halved, !progressive);
    for (unsigned i = 0; progressive && i < components; i++)
        put_later_scan(picture, i, halved);
    put_short(picture, 0xffd9);
}

// --- PNG -----------------------------------------------------------------------------------------

// One bit after the other: a picture has few bytes.
static uint32_t crc_of(const unsigned char *bytes, size_t count)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < count; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static size_t begin_chunk(struct picture *picture, const char *name)
{
    size_t at = picture->size;
    put_long(picture, 0);
    for (; *name != '\0'; name++)
        put(picture, (unsigned char)*name);
    return at;
}

static void end_chunk(struct picture *picture, size_t at)
{
    uint32_t length = (uint32_t)(picture->size - at - 8);
    for (int i = 0; i < 4; i++)
        picture->bytes[at + (size_t)i] = (unsigned char)(length >> (24 - 8 * i));
    put_long(picture, crc_of(picture->bytes + at + 4, length + 4));
}

// Rows of smooth colours behind their filter's number, each one a stored block of a zlib stream.
static void put_rows(struct picture *picture, unsigned row)
{
    uint32_t low = 1, high = 0, seed = draw(picture);
    put_short(picture, 0x7801);
    for (unsigned y = 0; y < picture->height; y++) {
        put(picture, y + 1 == picture->height);
        put_swapped(picture, row + 1);
        put_swapped(picture, ~(row + 1));
        for (unsigned i = 0; i <= row; i++) {
            unsigned byte = i == 0 ? 0 : (i * (seed % 7 + 1) + y * (seed >> 8) % 5 + seed) & 0xff;
            put(picture, byte);
            low = (low + byte) % 65521;
            high = (high + low) % 65521;
        }
    }
    put_long(picture, high << 16 | low);
}

static void make_png(struct picture *picture)
{
    static const struct {
        unsigned type, channels;
    } kinds[] = { { 0, 1 }, { 2, 3 }, { 4, 2 }, { 6, 4 } };
    unsigned kind = draw(picture) % 4, depth = draw(picture) % 4 == 0 ? 16 : 8;
    put_long(picture, 0x89504e47);
    put_long(picture, 0x0d0a1a0a);
    size_t at = begin_chunk(picture, "IHDR");
    put_long(picture, picture->width);
    put_long(picture, picture->height);
    put(picture, depth);
    put(picture, kinds[kind].type);
    for (int i = 0; i < 3; i++)
        put(picture, 0);
    end_chunk(picture, at);
    at = begin_chunk(picture, "IDAT");
    put_rows(picture, picture->width * kinds[kind].channels * depth / 8);
    end_chunk(picture, at);
    end_chunk(picture, begin_chunk(picture, "IEND"));
}

// --- damage --------------------------------------------------------------------------------------

static enum soak_picture_kind damage(struct picture *picture)
{
    switch (draw(picture) % 4) {
    case 0: // cut
        picture->size = picture->size * (draw(picture) % 70) / 100;
        return SOAK_BAD;
    case 1: // empty, or no picture
        picture->size = draw(picture) % 2 == 0 ? 0 : picture->size;
        memset(picture->bytes, 'x', picture->size);
        return SOAK_BAD;
    default: // bytes changed
        for (uint32_t i = 0; i < 4; i++)
            picture->bytes[draw(picture) % picture->size] ^=
                (unsigned char)(1 << draw(picture) % 8);
        return SOAK_MAYBE;
    }
}

// Small ones are more frequent.
static unsigned side(struct picture *picture)
{
    unsigned most = 8 + draw(picture) % (MOST_PIXELS - 7);
    return 1 + draw(picture) % most;
}

size_t soak_picture(uint64_t number, unsigned char *out, enum soak_picture_kind *kind)
{
    // The multiplier spreads numbers that follow one another; the state must not be 0.
    struct picture picture = { .bytes = out,
                               .random = (number + 1) * UINT64_C(0x9e3779b97f4a7c15) };
    for (int i = 0; i < 4; i++)
        draw(&picture);
    picture.width = side(&picture);
    picture.height = side(&picture);
    if (draw(&picture) % 3 == 0)
        make_png(&picture);
    else
        make_jpeg(&picture);
    *kind = number % ONE_BAD_IN == ONE_BAD_IN - 1 ? damage(&picture) : SOAK_GOOD;
    return picture.size;
}
