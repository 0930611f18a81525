// compiled_cache.h: the folder of compiled models: which file is whose, how large it may grow, and
// what is in it. The folder is `compiled` of the cache (cache_folder.h).
//
// It may hold PIPILO_CACHE_MAX bytes (default 2 GiB, "0": nothing is kept): before a file is added,
// those used longest ago go.
// Threads and processes: any, at any time.
#ifndef PLO_MODEL_COMPILED_CACHE_H
#define PLO_MODEL_COMPILED_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipilo/error.h>

// The file that belongs to an identity, whether it is there or not; NULL where nothing is kept. The
// caller frees it.
char *plo_compiled_cache_path(const char *identity);

// Makes the folder of `path`; false, and the complaint is made, where no file can be written there.
bool plo_compiled_cache_ready(const char *path);

// Keeps a blob. Where that fails, the reason becomes the trouble below, and nothing else happens.
void plo_compiled_cache_store(const char *path, const void *blob, size_t size,
                              const char *identity);

// Keeps the reason for storing nothing, the first of the process, for plo_compiled_cache_trouble.
void plo_compiled_cache_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Why a compiled model could not be kept, or NULL; static. Told once: the next call gives NULL.
const char *plo_compiled_cache_trouble(void);

struct plo_compiled_entry {
    char *path;
    char *identity; // NULL: the file is damaged, or not ours to use
    uint64_t bytes;
    int64_t used; // seconds since 1970
};

// What is kept, the last used first; freed with plo_compiled_cache_free. A folder that is not there
// is an empty one. Errors: PIPILO_EIO, PIPILO_ENOMEM.
int plo_compiled_cache_list(struct plo_compiled_entry **out, size_t *count,
                            struct pipilo_error *err);
void plo_compiled_cache_free(struct plo_compiled_entry *entries, size_t count);

// Removes everything; gives the number of files and their bytes. Errors: PIPILO_EIO naming the
// first that stays, PIPILO_ENOMEM.
int plo_compiled_cache_clear(size_t *files, uint64_t *bytes, struct pipilo_error *err);

// The bound in bytes: PIPILO_CACHE_MAX, a size as pipilo_size_parse takes it but no share. What is
// no such size is complained of, and 2 GiB are the bound.
uint64_t plo_compiled_cache_max(void);

#endif
