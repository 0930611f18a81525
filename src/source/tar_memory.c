// tar_memory.c: what unpacking an archive takes, by its first bytes: libarchive says nothing of it,
// and a dictionary of an .xz may be 4 GB. Formats: the .xz file format 1.1, RFC 8878 (zstd).
#include <string.h>

#include "source/parts.h"

#define MEBIBYTE (UINT64_C(1) << 20)

enum {
    XZ_HEADER = 12,
    XZ_FILTERS = 4,
    LZMA2 = 0x21,
    ZSTD_SINGLE_SEGMENT = 0x20,
};

struct cursor {
    const uint8_t *at, *end;
};

// A number of .xz: seven bits a byte, the lowest first; 0 past the end.
static uint64_t next_number(struct cursor *cursor)
{
    uint64_t number = 0;
    for (unsigned shift = 0; cursor->at < cursor->end && shift < 63; shift += 7) {
        uint8_t byte = *cursor->at++;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            break;
    }
    return number;
}

// The dictionary of the first block: its header has flags, perhaps two sizes, and the filters, of
// which one may be LZMA2 with one byte that says how large.
static uint64_t xz_dictionary(const uint8_t *head, size_t size)
{
    struct cursor cursor = { head + XZ_HEADER + 2, head + size };
    if (size < XZ_HEADER + 2)
        return 0;
    uint8_t flags = head[XZ_HEADER + 1];
    for (int i = 6; i < 8; i++)
        if (flags >> i & 1)
            (void)next_number(&cursor);
    for (int i = 0; i < XZ_FILTERS; i++) {
        uint64_t filter = next_number(&cursor), properties = next_number(&cursor);
        if (filter == LZMA2 && properties == 1 && cursor.at < cursor.end) {
            unsigned bits = *cursor.at & 63;
            return bits >= 40 ? UINT64_C(1) << 32 : (uint64_t)(2 | (bits & 1)) << (bits / 2 + 11);
        }
        if (properties > (uint64_t)(cursor.end - cursor.at))
            break;
        cursor.at += properties;
    }
    return 0;
}

static uint64_t little_endian(const uint8_t *bytes, size_t count)
{
    uint64_t number = 0;
    for (size_t i = count; i > 0; i--)
        number = number << 8 | bytes[i - 1];
    return number;
}

// The window of the first frame. One without a window is a single segment: as large as its content,
// whose size follows in 1, 2, 4 or 8 bytes behind the dictionary's name.
static uint64_t zstd_window(const uint8_t *head, size_t size)
{
    static const size_t name_bytes[4] = { 0, 1, 2, 4 }, size_bytes[4] = { 1, 2, 4, 8 };
    if (size < 18)
        return 0;
    uint8_t flags = head[4];
    if ((flags & ZSTD_SINGLE_SEGMENT) == 0) {
        uint64_t base = UINT64_C(1) << (10 + (head[5] >> 3));
        return base + base / 8 * (head[5] & 7);
    }
    return little_endian(head + 5 + name_bytes[flags & 3], size_bytes[flags >> 6]);
}

uint64_t plo_tar_memory(const uint8_t *head, size_t size)
{
    // Headers (1 MiB each at most, as libarchive has it), blocks that are read, tables.
    uint64_t memory = 2 * MEBIBYTE;
    if (size >= 6 && memcmp(head, "\xfd\x37zXZ", 6) == 0)
        memory += xz_dictionary(head, size);
    else if (size >= 4 && memcmp(head, "\x28\xb5\x2f\xfd", 4) == 0)
        memory += zstd_window(head, size);
    else if (size >= 4 && memcmp(head, "BZh", 3) == 0)
        memory += 4 * MEBIBYTE;
    return memory;
}
