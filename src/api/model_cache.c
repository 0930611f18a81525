// model_cache.c: the kept compiled models (the public side is <pipilo/model_cache.h>).
#include <pipilo/model_cache.h>

#include <errno.h>
#include <string.h>

#include "api/pack.h"
#include "base/alloc.h"
#include "base/json.h"
#include "core/fail.h"
#include "model/cache_folder.h"
#include "model/compiled/compiled_cache.h"

// What the entries were compiled from; NULL where one does not say it.
static int parse_all(struct plo_json **roots, const struct plo_compiled_entry *entries,
                     size_t count, struct pipilo_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const char *identity = entries[i].identity;
        char why[128];
        if (identity != NULL &&
            plo_json_parse(&roots[i], identity, strlen(identity), why, sizeof why) == -ENOMEM)
            return plo_fail_nomem(err, 0);
    }
    return 0;
}

// Lays out the answer; run twice (see pack.h).
static void pack_cache(struct plo_pack *pack, const char *folder,
                       const struct plo_compiled_entry *entries, struct plo_json *const *roots,
                       size_t count)
{
    struct pipilo_model_cache *cache = plo_pack_room(pack, sizeof *cache);
    struct pipilo_cached_model *models = plo_pack_room(pack, count * sizeof *models);
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        struct pipilo_cached_model full = {
            .path = plo_pack_text(pack, entries[i].path),
            .model = plo_pack_text(pack, plo_json_string(plo_json_get(roots[i], "model"))),
            .precision = plo_pack_text(pack, plo_json_string(plo_json_get(roots[i], "precision"))),
            .identity = plo_pack_text(pack, entries[i].identity),
            .bytes = entries[i].bytes,
            .used = entries[i].used,
        };
        if (models != NULL)
            models[i] = full;
        bytes += full.bytes;
    }
    const char *place = plo_pack_text(pack, folder);
    if (cache != NULL)
        *cache =
            (struct pipilo_model_cache){ place, bytes, plo_compiled_cache_max(), count, models };
}

int pipilo_model_cache_show(struct pipilo_model_cache **out, struct pipilo_error *err)
{
    struct plo_compiled_entry *entries = NULL;
    struct plo_pack pack = { 0 };
    size_t count = 0;
    PLO_TRY(plo_compiled_cache_list(&entries, &count, err));
    char *folder = plo_cache_path("compiled");
    struct plo_json **roots = plo_alloc0(count, sizeof(struct plo_json *));
    int result = roots != NULL ? parse_all(roots, entries, count, err) : plo_fail_nomem(err, 0);
    if (result == 0) {
        pack_cache(&pack, folder, entries, roots, count);
        result = plo_pack_begin(&pack, err);
    }
    if (result == 0) {
        pack_cache(&pack, folder, entries, roots, count);
        *out = plo_pack_result(&pack);
    }
    for (size_t i = 0; roots != NULL && i < count; i++)
        plo_json_free(roots[i]);
    plo_free((void *)roots);
    plo_free(folder);
    plo_compiled_cache_free(entries, count);
    return result;
}

int pipilo_model_cache_clear(size_t *files, uint64_t *bytes, struct pipilo_error *err)
{
    return plo_compiled_cache_clear(files, bytes, err);
}

const char *pipilo_model_cache_trouble(void)
{
    return plo_compiled_cache_trouble();
}
