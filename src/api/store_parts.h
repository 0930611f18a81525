// store_parts.h: the inside of an open store. Threads: one at a time.
#ifndef PLO_API_STORE_PARTS_H
#define PLO_API_STORE_PARTS_H

#include <pipilo/store.h>

#include "base/json.h"
#include "table/table.h"

struct pipilo_store {
    struct plo_table *table;
    char *path;
    struct plo_json *settings; // what vectors were made with; NULL where it cannot be read
    struct pipilo_store_info info;
};

#endif
