// model_cache.h: compiled models that are kept between processes, so that a program starts at once.
//
//     struct pipilo_model_cache *cache = NULL;
//     if (pipilo_model_cache_show(&cache, &err) == 0)
//         printf("%zu compiled models in %s\n", cache->count, cache->folder);
//     pipilo_free(cache);
//
// Opening a model uses the cache by itself. What comes from it gives the same vectors to the last
// bit. It is in `compiled` of $PIPILO_CACHE, else of $XDG_CACHE_HOME/pipilo, else of
// ~/.cache/pipilo; PIPILO_CACHE=0 turns it off. PIPILO_CACHE_MAX is how many bytes it may hold
// (2 GiB): what was used longest ago goes first.
//
// Threads: any.
#ifndef PIPILO_MODEL_CACHE_H
#define PIPILO_MODEL_CACHE_H

#include "value.h"

#ifdef __cplusplus
extern "C" {
#endif

// One compiled model.
struct pipilo_cached_model {
    const char *path;
    const char *model;     // its name; NULL: the file is damaged, or not only ours to write
    const char *precision; // "f32", "bf16"; NULL as above
    const char *identity;  // all it was compiled from and for, a line of JSON; NULL as above
    uint64_t bytes;        // of the file
    int64_t used;          // when last, in seconds since 1970
};

struct pipilo_model_cache {
    const char *folder; // NULL: the cache is off
    uint64_t bytes;     // of all files
    uint64_t max;       // that they may have
    size_t count;
    const struct pipilo_cached_model *models; // the last used first
};

// What is kept; one block, freed by the caller with pipilo_free. A folder that is not there is an
// empty one. Errors: PIPILO_EIO, PIPILO_ENOMEM.
PIPILO_API int pipilo_model_cache_show(struct pipilo_model_cache **out, struct pipilo_error *err);

// Removes every compiled model; `files` and `bytes` tell how much that was. Models that are loaded
// go on. Errors: PIPILO_EIO naming the first file that stays, PIPILO_ENOMEM.
PIPILO_API int pipilo_model_cache_clear(size_t *files, uint64_t *bytes, struct pipilo_error *err);

// Why this process could not keep a compiled model, such as a folder that cannot be written or a
// full disk; NULL where it could, and when it was told before. Nothing but the next start's time
// depends on it. Static.
PIPILO_API const char *pipilo_model_cache_trouble(void);

#ifdef __cplusplus
}
#endif
#endif
