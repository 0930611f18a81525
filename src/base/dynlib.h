// dynlib.h: libraries opened at first use, so that a run pays only for what it needs (libvips costs
// 0.04 s and 29 MB, OpenVINO more). Threads: any, but the slots of a table are one thread's while
// they are filled.
#ifndef PLO_BASE_DYNLIB_H
#define PLO_BASE_DYNLIB_H

#include <stddef.h>

// The names the libraries are looked for by, for plo_dynlib_open.
enum { PLO_DYNLIB_NAMES = 3 };
#define PLO_LIBVIPS           \
    {                         \
        "libvips.so.42", NULL \
    }
#define PLO_LIBARCHIVE                            \
    {                                             \
        "libarchive.so.13", "libarchive.so", NULL \
    }
#define PLO_LIBCURL                                 \
    {                                               \
        "libcurl.so.4", "libcurl-gnutls.so.4", NULL \
    }

struct plo_dynlib_symbol {
    const char *name;
    void **slot; // where the address goes
};

// Opens the first of `names` (NULL-ended; file names or paths) that loads and fills every slot.
// Returns 0, or -1 with a one-line reason in `why`. The library stays open until the process ends:
// the libraries concerned start threads and register handlers that cannot be taken back.
int plo_dynlib_open(const char *const *names, const struct plo_dynlib_symbol *symbols, size_t count,
                    char *why, size_t why_size);

// The address of `symbol` in a library that the process has already, whoever brought it, by the
// beginning of its file's name ("libwebp.so"). NULL where there is none.
void *plo_dynlib_find(const char *name, const char *symbol);

// The file that the code or data at `address` came from, its links resolved; the caller frees it.
// NULL where that cannot be told.
char *plo_dynlib_file(const void *address);

// The path of `relative` to the folder of the shared object, or program, that pipilo is part of;
// the caller frees it. NULL where that cannot be told.
char *plo_dynlib_beside(const char *relative);

#endif
