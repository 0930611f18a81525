// leak.c: put before libjpeg (LD_PRELOAD), loses something at every picture, so that it can be seen
// whether `pipilo soak` finds it. PIPILO_TEST_LEAK says what: "heap" 4 KB, "anonymous" 32 KB, now
// and then a "descriptor" or a "thread". So much, that what is under way at the moment of a look,
// which in a run of seconds may come and go slowly, never hides it.
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <jpeglib.h>

enum { BYTES = 4 << 10, MAPPED = 32 << 10, NOW_AND_THEN = 200 };

static _Atomic long pictures;

static void *sleep_for_ever(void *unused)
{
    for (;;)
        pause();
    return unused;
}

static void lose(const char *what)
{
    bool now = atomic_fetch_add(&pictures, 1) % NOW_AND_THEN == 0;
    pthread_t thread;
    if (strcmp(what, "heap") == 0) {
        char *volatile lost = malloc(BYTES);
        memset(lost, 1, BYTES);
    } else if (strcmp(what, "anonymous") == 0) {
        char *lost = mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(lost, 1, MAPPED);
    } else if (strcmp(what, "descriptor") == 0 && now) {
        now = dup(0) < 0;
    } else if (strcmp(what, "thread") == 0 && now) {
        pthread_create(&thread, NULL, sleep_for_ever, NULL);
    }
}

// Everything of this project is hidden, unless it says otherwise.
__attribute__((visibility("default"))) void jpeg_destroy_decompress(j_decompress_ptr jpeg)
{
    static void (*real)(j_decompress_ptr);
    const char *what = getenv("PIPILO_TEST_LEAK");
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "jpeg_destroy_decompress");
    lose(what != NULL ? what : "");
    real(jpeg);
}
