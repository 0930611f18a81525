// no_deepbind: a dlopen for tests under ASan. OpenVINO's TBB opens libraries with RTLD_DEEPBIND,
// at which ASan ends the process, for good reason: such a library would see another malloc. Linked
// into a test program this one stands before libasan's, clears the flag and goes on to it.
#include <dlfcn.h>
#include <string.h>

__attribute__((visibility("default"))) void *dlopen(const char *path, int mode)
{
    static void *(*next)(const char *, int);
    if (!next) {
        void *symbol = dlsym(RTLD_NEXT, "dlopen");
        memcpy(&next, &symbol, sizeof(next));
    }
    return next(path, mode & ~RTLD_DEEPBIND);
}
