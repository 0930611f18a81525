// faults.c: see faults.h.
#undef _FILE_OFFSET_BITS // both names of each function are defined here
#include "faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <glob.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static _Atomic int at_fault;
static _Atomic int64_t fail_at, calls;
static atomic_bool lasts;

void fault_begin(enum fault what, int64_t nth, bool lasting)
{
    calls = 0;
    fail_at = nth;
    lasts = lasting;
    at_fault = (int)what;
}

int64_t fault_end(void)
{
    at_fault = FAULT_NONE;
    return calls;
}

#if FAULTS_OF_THE_SYSTEM

static bool fails(enum fault what)
{
    if (at_fault != (int)what)
        return false;
    int64_t call = atomic_fetch_add(&calls, 1) + 1;
    return call == fail_at || (lasts && call > fail_at);
}

static _Thread_local bool in_glob;

// Never jansson's, libarchive's, GLib's nor glob's: where they get no memory, 2.14 drops a
// character of what it reads and goes on, 3.6 and GLib end the process, and glibc 2.36 frees names
// twice.
static bool fails_malloc(const void *caller)
{
    Dl_info info;
    if (at_fault != (int)FAULT_MALLOC || in_glob)
        return false;
    static const char *const spared[] = { "libjansson", "libarchive", "libglib", "libgobject" };
    bool known = dladdr(caller, &info) != 0;
    for (size_t i = 0; known && i < sizeof spared / sizeof *spared; i++)
        if (strstr(info.dli_fname, spared[i]) != NULL)
            return false;
    return fails(FAULT_MALLOC);
}
#define FAILS_MALLOC() fails_malloc(__builtin_return_address(0))

// glibc's own, by the names it keeps for who replaces them.
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

#define EXPORT __attribute__((visibility("default")))

static void *none(void)
{
    errno = ENOMEM;
    return NULL;
}

EXPORT void *malloc(size_t size)
{
    return FAILS_MALLOC() ? none() : __libc_malloc(size);
}

EXPORT void *calloc(size_t count, size_t size)
{
    return FAILS_MALLOC() ? none() : __libc_calloc(count, size);
}

EXPORT void *realloc(void *block, size_t size)
{
    return FAILS_MALLOC() ? none() : __libc_realloc(block, size);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
    return FAILS_MALLOC() ? none() : __libc_memalign(alignment, size);
}

EXPORT int posix_memalign(void **out, size_t alignment, size_t size)
{
    void *block = FAILS_MALLOC() ? NULL : __libc_memalign(alignment, size);
    if (block == NULL)
        return ENOMEM;
    *out = block;
    return 0;
}

// libc's function of that name, into a pointer of its type.
#define NEXT(function, name)                             \
    do {                                                 \
        if ((function) == NULL) {                        \
            void *symbol = dlsym(RTLD_NEXT, name);       \
            memcpy(&(function), &symbol, sizeof symbol); \
        }                                                \
    } while (0)

EXPORT ssize_t read(int fd, void *data, size_t size)
{
    static ssize_t (*next)(int, void *, size_t);
    NEXT(next, "read");
    if (fails(FAULT_READ)) {
        errno = EIO;
        return -1;
    }
    return next(fd, data, size);
}

static ssize_t read_at(int fd, void *data, size_t size, off_t offset)
{
    static ssize_t (*next)(int, void *, size_t, off_t);
    NEXT(next, "pread64");
    if (fails(FAULT_READ)) {
        errno = EIO;
        return -1;
    }
    return next(fd, data, size, offset);
}

EXPORT ssize_t pread(int fd, void *data, size_t size, off_t offset)
{
    return read_at(fd, data, size, offset);
}

EXPORT ssize_t pread64(int fd, void *data, size_t size, off64_t offset)
{
    return read_at(fd, data, size, offset);
}

static void *map(void *place, size_t size, int protection, int flags, int fd, off_t offset)
{
    static void *(*next)(void *, size_t, int, int, int, off_t);
    NEXT(next, "mmap64");
    if (fd >= 0 && fails(FAULT_MMAP)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return next(place, size, protection, flags, fd, offset);
}

EXPORT void *mmap(void *place, size_t size, int protection, int flags, int fd, off_t offset)
{
    return map(place, size, protection, flags, fd, offset);
}

EXPORT void *mmap64(void *place, size_t size, int protection, int flags, int fd, off64_t offset)
{
    return map(place, size, protection, flags, fd, offset);
}

EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*begin)(void *), void *cookie)
{
    static int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    NEXT(next, "pthread_create");
    return fails(FAULT_THREAD) ? EAGAIN : next(thread, attributes, begin, cookie);
}

EXPORT int glob64(const char *pattern, int flags, int (*fail)(const char *, int), glob64_t *matches)
{
    static int (*next)(const char *, int, int (*)(const char *, int), glob64_t *);
    NEXT(next, "glob64");
    in_glob = true;
    int result = next(pattern, flags, fail, matches);
    in_glob = false;
    return result;
}

EXPORT void *dlopen(const char *path, int mode)
{
    static void *(*next)(const char *, int);
    NEXT(next, "dlopen");
    return fails(FAULT_DLOPEN) ? NULL : next(path, mode);
}

#endif
