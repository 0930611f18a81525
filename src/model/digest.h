// digest.h: SHA-256 of weights, remembered: hashing 18 MB takes 70 ms, more than loading some
// models. A file is known again by device, inode, size, mtime and ctime, within the process and, in
// `digests` of the cache (cache_folder.h), between processes; a cache that cannot be read or
// written is no error. Threads: any.
#ifndef PLO_MODEL_DIGEST_H
#define PLO_MODEL_DIGEST_H

#include <stdint.h>

#include <pipilo/error.h>

#include "base/sha256.h"

// Errors: PIPILO_ENOTFOUND, PIPILO_EIO.
int plo_digest_file(const char *path, char hex[PLO_SHA256_HEX], struct pipilo_error *err);

// Files whose bytes were read so far in this process.
int64_t plo_digest_reads(void);

#endif
