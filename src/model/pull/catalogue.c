// catalogue.c: the table of catalogue.def.
#include "model/pull/catalogue.h"

#include <string.h>

#include "base/alloc.h"

static const struct plo_catalogue_entry entries[] = {
#define PLO_CATALOGUE(name, reference, license, dim, megabytes, output, pool, config, summary, \
                      evidence)                                                                \
    { name, reference, license, dim, megabytes, output, pool, config, summary, evidence },
#include "model/pull/catalogue.def"
#undef PLO_CATALOGUE
};

const struct plo_catalogue_entry *plo_catalogue(size_t *count)
{
    *count = PLO_COUNT(entries);
    return entries;
}

const struct plo_catalogue_entry *plo_catalogue_find(const char *name)
{
    for (size_t i = 0; i < PLO_COUNT(entries); i++)
        if (strcmp(entries[i].name, name) == 0)
            return &entries[i];
    return NULL;
}
