// search_rate.c: how fast a store is searched, beside how fast its bytes can be read at all.
//
// usage: search_rate STORE.npy TIMES
//
// Prints one JSON object: bytes a second that all cores read of the mapped file ("mapped") and of
// huge pages of memory ("memory") when they do nothing but add them up, then seconds a search takes
// with 1 and with 8 queries. Medians of TIMES, taken in turn, after one round that warms up.
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <pipilo/pipilo.h>

#include "base/cores.h"

enum { MOST = 1024, PIECE = 1 << 20, SEVERAL = 8, MEMORY = 1 << 30 };

struct region {
    const uint8_t *bytes;
    size_t size, next;
};

static uint64_t seen;

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

__attribute__((target_clones("avx512f", "avx2", "default"))) static uint64_t
sum(const uint64_t *words, size_t count)
{
    uint64_t lanes[32] = { 0 };
    for (size_t i = 0; i + 32 <= count; i += 32)
        for (size_t k = 0; k < 32; k++)
            lanes[k] += words[i + k];
    for (size_t k = 1; k < 32; k++)
        lanes[0] += lanes[k];
    return lanes[0];
}

static void *add_up(void *cookie)
{
    struct region *region = cookie;
    uint64_t total = 0;
    for (;;) {
        size_t at = __atomic_fetch_add(&region->next, PIECE, __ATOMIC_RELAXED);
        if (at >= region->size)
            break;
        size_t size = region->size - at < PIECE ? region->size - at : PIECE;
        total += sum((const uint64_t *)(const void *)(region->bytes + at), size / 8);
    }
    __atomic_fetch_add(&seen, total, __ATOMIC_RELAXED);
    return NULL;
}

static double read_rate(const void *bytes, size_t size)
{
    struct region region = { .bytes = bytes, .size = size };
    pthread_t threads[MOST];
    int count = plo_cores() < MOST ? plo_cores() : MOST;
    double begun = seconds();
    for (int i = 1; i < count; i++)
        if (pthread_create(&threads[i], NULL, add_up, &region) != 0)
            exit(1);
    add_up(&region);
    for (int i = 1; i < count; i++)
        pthread_join(threads[i], NULL);
    return (double)size / (seconds() - begun);
}

static const void *map_file(const char *path, size_t *size)
{
    struct stat status;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &status) < 0)
        exit(1);
    *size = (size_t)status.st_size & ~(size_t)4095;
    void *bytes = mmap(NULL, *size, PROT_READ, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED)
        exit(1);
    close(fd);
    return bytes;
}

static const void *make_memory(void)
{
    void *bytes = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED)
        exit(1);
    madvise(bytes, MEMORY, MADV_HUGEPAGE);
    memset(bytes, 1, MEMORY);
    return bytes;
}

static double search(pipilo_store *store, int64_t row, size_t count)
{
    struct pipilo_query queries[SEVERAL];
    struct pipilo_hits *hits = NULL;
    struct pipilo_error err;
    for (size_t i = 0; i < count; i++) {
        queries[i] = (struct pipilo_query)PIPILO_QUERY_INIT;
        queries[i].row = row + (int64_t)i;
    }
    double begun = seconds();
    if (pipilo_store_search(&hits, store, queries, count, 10, NULL, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    begun = seconds() - begun;
    pipilo_free(hits);
    return begun;
}

static int by_size(const void *a, const void *b)
{
    const double *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, by_size);
    return values[count / 2];
}

int main(int argc, char **argv)
{
    static double mapped[MOST], memory[MOST], one[MOST], several[MOST];
    pipilo_store *store = NULL;
    struct pipilo_error err;
    size_t size = 0;
    int times = argc == 3 ? (int)strtol(argv[2], NULL, 10) : 0;
    if (times < 1 || times > MOST - 1)
        return 2;
    if (pipilo_store_open(&store, argv[1], &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    const void *file = map_file(argv[1], &size), *huge = make_memory();
    for (int i = -1; i < times; i++) {
        int at = i < 0 ? 0 : i;
        mapped[at] = read_rate(file, size);
        memory[at] = read_rate(huge, MEMORY);
        one[at] = search(store, at, 1);
        several[at] = search(store, at, SEVERAL);
    }
    printf(
        "{\"bytes\": %zu, \"mapped\": %.6g, \"memory\": %.6g, \"one\": %.6g, \"several\": %.6g}\n",
        size, median(mapped, (size_t)times), median(memory, (size_t)times),
        median(one, (size_t)times), median(several, (size_t)times));
    pipilo_store_close(&store);
    return 0;
}
