// checksum.h: a fast 64-bit checksum against accidents: torn writes and flipped bits. It reads at
// the speed of memory (SHA-256 takes 4 ns a byte) and is no digest: whoever wants to can forge it.
// Any change within one 8-byte word is found for certain, every other one but for chance.
// The value depends on the machine's byte order. Threads: any.
#ifndef PLO_BASE_CHECKSUM_H
#define PLO_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

uint64_t plo_checksum(const void *data, size_t size);

#endif
