// sha256.h: SHA-256 (FIPS 180-4), computed by nettle. Threads: any.
#ifndef PLO_BASE_SHA256_H
#define PLO_BASE_SHA256_H

#include <stddef.h>

enum { PLO_SHA256_HEX = 65 }; // 64 lower-case hex digits and the NUL

void plo_sha256_hex(const void *data, size_t size, char hex[PLO_SHA256_HEX]);

// Digest of a regular file's bytes, read in pieces. Returns 0 or a negative errno: -EISDIR or
// -EINVAL where it is no regular file.
int plo_sha256_file(const char *path, char hex[PLO_SHA256_HEX]);

#endif
