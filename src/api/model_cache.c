// model_cache.c: the kept compiled models (the public side is <pipilo/model_cache.h>).
#include <pipilo/model_cache.h>

#include <string.h>

#include "api/pack.h"
#include "base/alloc.h"
#include "base/json.h"
#include "core/fail.h"
#include "model/cache_folder.h"
#include "model/compiled_cache.h"

static struct plo_json *parse(const char *identity)
{
    struct plo_json *root = NULL;
    char why[128];
    if (identity == NULL || plo_json_parse(&root, identity, strlen(identity), why, sizeof why) < 0)
        return NULL;
    return root;
}

// Lays out the answer; run twice (see pack.h).
static void pack_cache(struct plo_pack *pack, const char *folder,
                       const struct plo_compiled_entry *entries, size_t count)
{
    struct pipilo_model_cache *cache = plo_pack_room(pack, sizeof *cache);
    struct pipilo_cached_model *models = plo_pack_room(pack, count * sizeof *models);
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        struct plo_json *root = parse(entries[i].identity);
        struct pipilo_cached_model full = {
            .path = plo_pack_text(pack, entries[i].path),
            .model = plo_pack_text(pack, plo_json_string(plo_json_get(root, "model"))),
            .precision = plo_pack_text(pack, plo_json_string(plo_json_get(root, "precision"))),
            .identity = plo_pack_text(pack, entries[i].identity),
            .bytes = entries[i].bytes,
            .used = entries[i].used,
        };
        plo_json_free(root);
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
    pack_cache(&pack, folder, entries, count);
    int result = plo_pack_begin(&pack, err);
    if (result == 0) {
        pack_cache(&pack, folder, entries, count);
        *out = plo_pack_result(&pack);
    }
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
