// store_parts.h: the inside of an open store. Threads: one at a time.
#ifndef PLO_API_STORE_PARTS_H
#define PLO_API_STORE_PARTS_H

#include <pipilo/store.h>

#include "base/json.h"
#include "search/index.h"
#include "search/search.h"
#include "table/table.h"

struct pipilo_store {
    struct plo_table *table;
    char *path;
    struct plo_json *settings; // what vectors were made with; NULL where it cannot be read
    struct pipilo_store_info info;
};

struct pipilo_index {
    struct plo_index *file;
    char *path;
};

// The rows that an index finds for each query, with their exact scores: `found[i]` of them at
// hits + i * limit, best first. Both have room for count * limit and count.
int plo_store_search_index(struct plo_search_hit *hits, size_t *found, pipilo_store *store,
                           const pipilo_index *index, const float *queries, size_t count,
                           size_t limit, struct pipilo_error *err);

#endif
