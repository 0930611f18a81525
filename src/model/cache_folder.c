// cache_folder.c: the environment's word for the cache (see cache_folder.h).
#include "model/cache_folder.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

char *plo_cache_folder(void)
{
    const char *own = getenv("PIPILO_CACHE");
    const char *base = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    if (own != NULL && strcmp(own, "0") == 0)
        return NULL;
    if (own != NULL && own[0] == '/')
        return plo_strdup(own);
    if (base != NULL && base[0] == '/')
        return plo_format("%s/pipilo", base);
    return home != NULL && home[0] == '/' ? plo_format("%s/.cache/pipilo", home) : NULL;
}

char *plo_cache_path(const char *name)
{
    char *folder = plo_cache_folder();
    char *path = folder != NULL ? plo_format("%s/%s", folder, name) : NULL;
    plo_free(folder);
    return path;
}
