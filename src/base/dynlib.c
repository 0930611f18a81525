// dynlib.c: dlopen with a table of symbols (see dynlib.h).
#include "base/dynlib.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

int plo_dynlib_open(const char *const *names, const struct plo_dynlib_symbol *symbols, size_t count,
                    char *why, size_t why_size)
{
    void *library = NULL;
    snprintf(why, why_size, "no library name given");
    for (; library == NULL && *names != NULL; names++) {
        library = dlopen(*names, RTLD_NOW | RTLD_LOCAL);
        if (library == NULL)
            snprintf(why, why_size, "%s", dlerror());
    }
    if (library == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        void *address = dlsym(library, symbols[i].name);
        if (address == NULL) {
            snprintf(why, why_size, "the library lacks the function %s", symbols[i].name);
            return -1;
        }
        // POSIX promises that a data pointer from dlsym holds a function's address.
        memcpy(symbols[i].slot, &address, sizeof address);
    }
    return 0;
}

struct sought {
    const char *name;
    char path[PATH_MAX]; // "": not found
};

static int look_at(struct dl_phdr_info *info, size_t size, void *cookie)
{
    struct sought *sought = cookie;
    const char *slash = strrchr(info->dlpi_name, '/');
    (void)size;
    if (slash == NULL || strncmp(slash + 1, sought->name, strlen(sought->name)) != 0)
        return 0;
    snprintf(sought->path, sizeof sought->path, "%s", info->dlpi_name);
    return 1;
}

void *plo_dynlib_find(const char *name, const char *symbol)
{
    struct sought sought = { .name = name };
    dl_iterate_phdr(look_at, &sought);
    void *library = sought.path[0] != '\0' ? dlopen(sought.path, RTLD_LAZY | RTLD_NOLOAD) : NULL;
    void *address = library != NULL ? dlsym(library, symbol) : NULL;
    if (library != NULL)
        dlclose(library);
    return address;
}

char *plo_dynlib_file(const void *address)
{
    Dl_info info;
    char file[PATH_MAX];
    if (dladdr(address, &info) == 0 || info.dli_fname == NULL ||
        realpath(info.dli_fname, file) == NULL)
        return NULL;
    return plo_format("%s", file);
}

char *plo_dynlib_beside(const char *relative)
{
    static const char here = 0;
    char *self = plo_dynlib_file(&here);
    if (self == NULL)
        return NULL;
    char *path = plo_format("%.*s/%s", (int)(strrchr(self, '/') - self), self, relative);
    plo_free(self);
    return path;
}
