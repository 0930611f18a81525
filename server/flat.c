// flat.c: FlatBuffers from the end to the beginning (see flat.h).
#include "flat.h"

#include <string.h>

static void push(struct flat *flat, const void *bytes, size_t size)
{
    if (flat->failed || size > FLAT_BYTES - flat->used) {
        flat->failed = true;
        return;
    }
    flat->used += size;
    memcpy(flat->data + FLAT_BYTES - flat->used, bytes, size);
}

// Zeros, so that what comes next is aligned once `more` bytes are before it.
static void align(struct flat *flat, size_t to, size_t more)
{
    static const uint8_t zeros[8] = { 0 };
    size_t over = (flat->used + more) % to;
    push(flat, zeros, over > 0 ? to - over : 0);
}

// Little-endian, as the host is.
static void push_number(struct flat *flat, int64_t number, size_t size)
{
    align(flat, size, 0);
    push(flat, &number, size);
}

// From here on to what lies at `offset`.
static void push_offset(struct flat *flat, uint32_t offset)
{
    align(flat, 4, 0);
    push_number(flat, (int64_t)(flat->used + 4 - offset), 4);
}

uint32_t flat_string(struct flat *flat, const char *text)
{
    size_t length = strlen(text);
    align(flat, 4, length + 1);
    push(flat, text, length + 1);
    push_number(flat, (int64_t)length, 4);
    return (uint32_t)flat->used;
}

uint32_t flat_offsets(struct flat *flat, const uint32_t *offsets, size_t count)
{
    align(flat, 4, 4 * count);
    for (size_t i = count; i > 0; i--)
        push_offset(flat, offsets[i - 1]);
    push_number(flat, (int64_t)count, 4);
    return (uint32_t)flat->used;
}

uint32_t flat_pairs(struct flat *flat, const int64_t (*pairs)[2], size_t count)
{
    align(flat, 8, sizeof *pairs * count);
    push(flat, pairs, sizeof *pairs * count);
    push_number(flat, (int64_t)count, 4);
    return (uint32_t)flat->used;
}

void flat_begin(struct flat *flat)
{
    memset(flat->slots, 0, sizeof flat->slots);
    flat->slot_count = 0;
    flat->table_start = flat->used;
}

static void note(struct flat *flat, size_t slot)
{
    flat->slots[slot] = flat->used;
    if (slot >= flat->slot_count)
        flat->slot_count = slot + 1;
}

void flat_number(struct flat *flat, size_t slot, int64_t number, size_t size)
{
    push_number(flat, number, size);
    note(flat, slot);
}

void flat_offset(struct flat *flat, size_t slot, uint32_t offset)
{
    push_offset(flat, offset);
    note(flat, slot);
}

uint32_t flat_end(struct flat *flat)
{
    push_number(flat, 0, 4);
    size_t table = flat->used;
    for (size_t i = flat->slot_count; i > 0; i--) {
        size_t slot = flat->slots[i - 1];
        push_number(flat, slot > 0 ? (int64_t)(table - slot) : 0, 2);
    }
    push_number(flat, (int64_t)(table - flat->table_start), 2);
    push_number(flat, (int64_t)(2 * flat->slot_count + 4), 2);
    int32_t back = (int32_t)(flat->used - table);
    if (!flat->failed)
        memcpy(flat->data + FLAT_BYTES - table, &back, sizeof back);
    return (uint32_t)table;
}

const uint8_t *flat_finish(struct flat *flat, uint32_t root, size_t *size)
{
    align(flat, 8, 4);
    push_offset(flat, root);
    *size = flat->used;
    return flat->data + FLAT_BYTES - flat->used;
}
