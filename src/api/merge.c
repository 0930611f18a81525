// merge.c: shards to one table (the public side is <pipilo/store.h>).
#include <pipilo/store.h>

#include <string.h>

#include "table/merge.h"

int pipilo_store_merge(const char *out, const char *const *shards, size_t count,
                       const struct pipilo_merge_options *options, struct pipilo_error *err)
{
    struct pipilo_merge_options given = PIPILO_MERGE_OPTIONS_INIT;
    if (options != NULL)
        memcpy(&given, options,
               options->struct_size < sizeof given ? options->struct_size : sizeof given);
    struct plo_merge_options own = {
        .force = given.force,
        .progress = given.progress,
        .cookie = given.cookie,
    };
    return plo_table_merge(out, shards, count, &own, err);
}
