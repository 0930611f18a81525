// run_corpus.c: a fuzzing target as a plain test: every file of the folders that are named, whole,
// then cut and with a byte changed at places spread over it. After each, no block of memory may be
// left that was not there before.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pipilo/library.h>

#include "base/alloc.h"
#include "base/file.h"
#include "fuzz.h"

enum { CEILING = 1 << 20, PLACES = 8 };

static size_t executions;

static void run(const uint8_t *data, size_t size)
{
    // Of a size of its own, so that a sanitizer sees a step past it.
    uint8_t *copy = malloc(size + (size == 0));
    fuzz_require(copy != NULL, "there is memory");
    if (size > 0)
        memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    executions++;
}

static void run_damaged(uint8_t *data, size_t size)
{
    for (size_t i = 0; i < PLACES; i++) {
        size_t at = size * i / PLACES;
        run(data, at);
        if (at < size) {
            uint8_t before = data[at];
            data[at] ^= (uint8_t)(1U << i % 8);
            run(data, size);
            data[at] = before;
        }
    }
}

static int run_file(const char *path)
{
    struct plo_buf *buf = NULL;
    if (plo_file_read(path, CEILING, &buf) < 0) {
        fprintf(stderr, "cannot read %s\n", path);
        return -1;
    }
    // What is kept for the process, a thread or a table, comes with the first time.
    run(buf->data, buf->size);
    pipilo_trim();
    int64_t before = plo_alloc_live();
    run(buf->data, buf->size);
    run_damaged(buf->data, buf->size);
    pipilo_trim();
    if (plo_alloc_live() != before)
        fprintf(stderr, "%s: %lld blocks were left\n", path,
                (long long)(plo_alloc_live() - before));
    int result = plo_alloc_live() == before ? 0 : -1;
    plo_buf_unref(&buf);
    return result;
}

// Every file of the folder, by name; how many there were, or -1.
static int run_folder(const char *path)
{
    struct dirent **names = NULL;
    int count = scandir(path, &names, NULL, alphasort), result = count < 0 ? -1 : 0;
    int files = 0;
    for (int i = 0; i < count; i++) {
        char *file = plo_format("%s/%s", path, names[i]->d_name);
        fuzz_require(file != NULL, "there is memory");
        if (names[i]->d_name[0] != '.') {
            result = run_file(file) < 0 ? -1 : result;
            files++;
        }
        plo_free(file);
        free(names[i]);
    }
    free(names);
    return result < 0 ? -1 : files;
}

int main(int argc, char **argv)
{
    struct pipilo_error err = { 0 };
    int files = 0;
    for (int i = 1; i < argc; i++) {
        // Targets stand in a folder of their own.
        char *whole = realpath(argv[i], NULL);
        int count = whole != NULL ? run_folder(whole) : -1;
        free(whole);
        if (count < 0)
            return 1;
        files += count;
    }
    if (pipilo_close(&err) < 0 || plo_alloc_live() != 0) {
        fprintf(stderr, "left at the end: %lld blocks; %s\n", (long long)plo_alloc_live(),
                err.message);
        return 1;
    }
    printf("%d inputs, %zu executions\n", files, executions);
    // A corpus that has gone proves nothing.
    return files == 0;
}
