// store.c: an open store and its rows (the public side is <pipilo/store.h>).
#include <errno.h>
#include <math.h>
#include <string.h>

#include "api/store_parts.h"
#include "core/fail.h"

static void fill_info(pipilo_store *store)
{
    const struct plo_table_meta *meta = plo_table_meta(store->table);
    const char *spec = plo_json_string(plo_json_get(store->settings, "model"));
    const struct plo_shard *shard = plo_table_shard(store->table);
    store->info = (struct pipilo_store_info){
        .path = store->path,
        .rows = plo_table_rows(store->table),
        .dim = meta->dim,
        .model = meta->model,
        .model_spec = spec != NULL ? spec : "",
        .fingerprint = meta->fingerprint,
        .fingerprint_json = meta->fingerprint_json,
        .noted_json = meta->noted_json,
        .settings_json = meta->settings_json,
        .version = meta->version,
        .shard_part = shard->part,
        .shard_of = shard->of,
        .shard_inputs = shard->inputs,
    };
}

int pipilo_store_open(pipilo_store **out, const char *path, struct pipilo_error *err)
{
    pipilo_store *store = plo_alloc0(1, sizeof *store);
    if (store == NULL)
        return plo_fail_nomem(err, sizeof *store);
    store->path = plo_strdup(path);
    int result = store->path != NULL ? plo_table_open(&store->table, path, err)
                                     : plo_fail_nomem(err, strlen(path));
    if (result < 0) {
        pipilo_store_close(&store);
        return result;
    }
    const char *settings = plo_table_meta(store->table)->settings_json;
    char why[64];
    // Damaged ones are as good as none.
    if (plo_json_parse(&store->settings, settings, strlen(settings), why, sizeof why) == -ENOMEM) {
        pipilo_store_close(&store);
        return plo_fail_nomem(err, 0);
    }
    fill_info(store);
    *out = store;
    return 0;
}

void pipilo_store_close(pipilo_store **slot)
{
    pipilo_store *store = *slot;
    *slot = NULL;
    if (store == NULL)
        return;
    plo_table_close(store->table);
    plo_json_free(store->settings);
    plo_free(store->path);
    plo_free(store);
}

const struct pipilo_store_info *pipilo_store_info(const pipilo_store *store)
{
    return &store->info;
}

// The table's counts have the public struct's layout, member by member.
int pipilo_store_errors(const struct pipilo_store_count **counts, size_t *count,
                        pipilo_store *store, struct pipilo_error *err)
{
    const struct plo_table_count *found = NULL;
    _Static_assert(sizeof(struct plo_table_count) == sizeof(struct pipilo_store_count) &&
                       offsetof(struct plo_table_count, rows) ==
                           offsetof(struct pipilo_store_count, rows),
                   "one layout");
    PLO_TRY(plo_table_errors(store->table, &found, count, err));
    *counts = (const struct pipilo_store_count *)found;
    return 0;
}

int pipilo_store_row(struct pipilo_store_row *out, pipilo_store *store, int64_t number,
                     struct pipilo_error *err)
{
    struct plo_row row = { 0 };
    PLO_TRY(plo_table_row(store->table, number, &row, err));
    *out = (struct pipilo_store_row){
        .row = number,
        .source = row.source,
        .code = row.code,
        .message = row.message,
        .width = row.width,
        .height = row.height,
        .thumbnail = row.thumbnail,
        .thumbnail_size = row.thumbnail_size,
        .key = row.key,
    };
    return 0;
}

int pipilo_store_vectors(float *out, pipilo_store *store, int64_t first, size_t count,
                         struct pipilo_error *err)
{
    size_t dim = store->info.dim;
    uint8_t *valid = plo_alloc0(count, 1);
    if (valid == NULL)
        return plo_fail_nomem(err, count);
    int result = plo_table_vectors(store->table, first, count, out, valid, err);
    for (size_t i = 0; result == 0 && i < count; i++)
        for (size_t k = 0; !valid[i] && k < dim; k++)
            out[i * dim + k] = NAN;
    plo_free(valid);
    return result;
}
