// exif.c: reads the first directory of a TIFF structure (TIFF 6.0, section 2; EXIF 2.3, 4.6.2).
// Every access goes through plo_input_at, and at most 1,000 entries are looked at.
#include "image/exif.h"

#include <string.h>

enum {
    MAX_ENTRIES = 1000,
    TYPE_SHORT = 3,
    TYPE_LONG = 4,
    TAG_WIDTH = 256,
    TAG_HEIGHT = 257,
    TAG_DEPTH = 258,
    TAG_PHOTOMETRIC = 262,
    TAG_ORIENTATION = 274,
    TAG_SAMPLES = 277,
    TAG_ICC = 34675,
};

struct tiff {
    struct plo_input *input;
    uint64_t offset, size;
    bool big_endian;
};

static const uint8_t *at(const struct tiff *tiff, uint64_t offset, uint32_t count)
{
    if (offset > tiff->size || tiff->size - offset < count)
        return NULL;
    return plo_input_at(tiff->input, tiff->offset + offset, count);
}

static uint32_t get16(const struct tiff *tiff, const uint8_t *p)
{
    return tiff->big_endian ? plo_be16(p) : plo_le16(p);
}

static uint32_t get32(const struct tiff *tiff, const uint8_t *p)
{
    return tiff->big_endian ? plo_be32(p) : plo_le32(p);
}

// The first value of an entry of 12 bytes: tag, type, count, value or its offset.
static uint32_t first_value(const struct tiff *tiff, const uint8_t *entry)
{
    uint32_t type = get16(tiff, entry + 2), count = get32(tiff, entry + 4);
    if (type == TYPE_LONG && count == 1)
        return get32(tiff, entry + 8);
    if (type != TYPE_SHORT || count == 0)
        return 0;
    if (count <= 2)
        return get16(tiff, entry + 8);
    const uint8_t *value = at(tiff, get32(tiff, entry + 8), 2);
    return value != NULL ? get16(tiff, value) : 0;
}

static void take(const struct tiff *tiff, const uint8_t *entry, struct plo_tiff_fields *fields)
{
    uint32_t tag = get16(tiff, entry);
    // `entry` is gone once another range is asked for: nothing follows first_value.
    switch (tag) {
    case TAG_WIDTH:
        fields->width = first_value(tiff, entry);
        break;
    case TAG_HEIGHT:
        fields->height = first_value(tiff, entry);
        break;
    case TAG_DEPTH:
        fields->depth = first_value(tiff, entry);
        break;
    case TAG_PHOTOMETRIC:
        fields->photometric = first_value(tiff, entry);
        break;
    case TAG_ORIENTATION:
        fields->orientation = first_value(tiff, entry);
        break;
    case TAG_SAMPLES:
        fields->samples = first_value(tiff, entry);
        break;
    case TAG_ICC:
        fields->icc = true;
        break;
    default:
        break;
    }
}

bool plo_tiff_read(struct plo_input *input, uint64_t offset, uint64_t size,
                   struct plo_tiff_fields *fields)
{
    struct tiff tiff = { .input = input, .offset = offset, .size = size };
    *fields = (struct plo_tiff_fields){ 0 };
    const uint8_t *head = at(&tiff, 0, 8);
    if (head == NULL || (memcmp(head, "II", 2) != 0 && memcmp(head, "MM", 2) != 0))
        return false;
    tiff.big_endian = head[0] == 'M';
    if (get16(&tiff, head + 2) != 42)
        return false;
    uint64_t directory = get32(&tiff, head + 4);
    const uint8_t *p = at(&tiff, directory, 2);
    uint32_t count = p != NULL ? get16(&tiff, p) : 0;
    fields->cut = p == NULL;
    for (uint32_t i = 0; i < count && i < MAX_ENTRIES; i++) {
        const uint8_t *entry = at(&tiff, directory + 2 + 12 * (uint64_t)i, 12);
        if (entry == NULL) {
            fields->cut = true;
            return true;
        }
        take(&tiff, entry, fields);
    }
    p = at(&tiff, directory + 2 + 12 * (uint64_t)count, 4);
    fields->next = p != NULL ? get32(&tiff, p) : 0;
    return true;
}

uint8_t plo_exif_orientation(struct plo_input *input, uint64_t offset, uint64_t size)
{
    const uint8_t *head = size >= 6 ? plo_input_at(input, offset, 6) : NULL;
    if (head != NULL && memcmp(head, "Exif\0\0", 6) == 0) {
        offset += 6;
        size -= 6;
    }
    struct plo_tiff_fields fields;
    if (!plo_tiff_read(input, offset, size, &fields))
        return 1;
    return fields.orientation >= 1 && fields.orientation <= 8 ? (uint8_t)fields.orientation : 1;
}
