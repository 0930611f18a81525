// checksum.c: several chains of xor, multiply and rotate (see checksum.h). Each step is one to one,
// so that two inputs that differ in one word never meet again.
#include "base/checksum.h"

#include <string.h>

enum { LANES = 8, WORD = 8, BLOCK = LANES * WORD };

// An odd number, so that multiplying by it loses nothing.
static const uint64_t factor = UINT64_C(0x9e3779b97f4a7c15);

static uint64_t step(uint64_t lane, uint64_t word)
{
    uint64_t mixed = (lane ^ word) * factor;
    return mixed << 29 | mixed >> 35;
}

uint64_t plo_checksum(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    uint64_t lanes[LANES], words[LANES];
    for (uint64_t i = 0; i < LANES; i++)
        lanes[i] = step(size, i);
    size_t whole = size - size % BLOCK;
    for (size_t at = 0; at < whole; at += BLOCK) {
        memcpy(words, bytes + at, BLOCK);
        for (size_t i = 0; i < LANES; i++)
            lanes[i] = step(lanes[i], words[i]);
    }
    // The length is in every lane already, so zeros may fill up the last block.
    memset(words, 0, sizeof words);
    if (size > whole)
        memcpy(words, bytes + whole, size - whole);
    uint64_t sum = size;
    for (size_t i = 0; i < LANES; i++)
        sum = step(sum, step(lanes[i], words[i]));
    return sum ^ sum >> 32;
}
