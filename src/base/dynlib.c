// dynlib.c: dlopen with a table of symbols (see dynlib.h).
#include "base/dynlib.h"

#include <dlfcn.h>
#include <limits.h>
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

char *plo_dynlib_beside(const char *relative)
{
    static const char here = 0;
    Dl_info info;
    if (dladdr(&here, &info) == 0 || info.dli_fname == NULL)
        return NULL;
    char self[PATH_MAX];
    if (realpath(info.dli_fname, self) == NULL)
        return NULL;
    char *slash = strrchr(self, '/');
    return plo_format("%.*s/%s", (int)(slash - self), self, relative);
}
