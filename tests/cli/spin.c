// spin.c: preloaded into a run with --isolate: the helper that is to decode a PNG never ends that.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>

static volatile int helper;

// While calls of the system are still allowed.
__attribute__((constructor)) static void find_out(void)
{
    char name[16] = "";
    prctl(PR_GET_NAME, name);
    helper = strcmp(name, "pipilo-decoder") == 0;
}

int spng_decode_image(void *png, void *out, size_t size, int format, int flags)
{
    int (*real)(void *, void *, size_t, int, int);
    while (helper)
        continue;
    *(void **)&real = dlsym(RTLD_NEXT, "spng_decode_image");
    return real(png, out, size, format, flags);
}
