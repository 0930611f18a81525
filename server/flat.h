// flat.h: FlatBuffers (the format of Arrow's messages), written from the end to the beginning as
// the format wants it: what is pointed at comes before what points at it.
//
// An offset is a distance from the end of the buffer; 0 is none. Threads: one at a time.
#ifndef SERVER_FLAT_H
#define SERVER_FLAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FLAT_BYTES = 8192, FLAT_SLOTS = 8 };

struct flat {
    uint8_t data[FLAT_BYTES]; // filled from its end
    size_t used;
    bool failed; // it did not fit
    size_t slots[FLAT_SLOTS], slot_count, table_start;
};

uint32_t flat_string(struct flat *flat, const char *text);
uint32_t flat_offsets(struct flat *flat, const uint32_t *offsets, size_t count);
// Structs of two 64-bit numbers each.
uint32_t flat_pairs(struct flat *flat, const int64_t (*pairs)[2], size_t count);

// A table: begun, its fields in any order, ended. One at a time.
void flat_begin(struct flat *flat);
void flat_number(struct flat *flat, size_t slot, int64_t number, size_t size); // 1, 2, 4, 8 bytes
void flat_offset(struct flat *flat, size_t slot, uint32_t offset);
uint32_t flat_end(struct flat *flat);

// The whole, whose root is that table; a multiple of 8 bytes.
const uint8_t *flat_finish(struct flat *flat, uint32_t root, size_t *size);

#endif
