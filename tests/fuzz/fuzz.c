// fuzz.c: what the fuzzing targets share (see fuzz.h).
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pipilo/library.h>

#include "base/file.h"

#define BUDGET (UINT64_C(64) << 20)

static char folder[64];

void fuzz_require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "does not hold: %s\n", what);
    abort();
}

int fuzz_result(int result, const struct pipilo_error *err)
{
    if (result >= 0)
        return result;
    const char *name = pipilo_error_name(err->code);
    if (err->code != result || result == PIPILO_EINTERNAL || name == NULL)
        fprintf(stderr, "result %d, code %d: %s\n", result, err->code, err->message);
    fuzz_require(err->code == result, "the error holds the code that was returned");
    fuzz_require(result != PIPILO_EINTERNAL && name != NULL, "the code is a reason");
    fuzz_require(err->message[0] != '\0', "the error says why");
    fuzz_require(memchr(err->message, '\0', sizeof err->message) != NULL, "its text ends");
    fuzz_require(strpbrk(err->message, "\n\r") == NULL, "and is one line");
    return result;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void leave(void)
{
    if (chdir("/") == 0)
        nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void fuzz_enter(void)
{
    struct pipilo_error err = { 0 };
    if (folder[0] != '\0')
        return;
    // In memory where there is such a place: a file or two are written for every input.
    snprintf(folder, sizeof folder, "%s/pipilo-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    fuzz_require(mkdtemp(folder) != NULL && chdir(folder) == 0, "there is room for files");
    atexit(leave);
    setenv("PIPILO_HOME", folder, 1);
    setenv("PIPILO_CACHE", "0", 1);
    fuzz_require(pipilo_set_threads(1, &err) == 0, "one thread");
    pipilo_set_memory(BUDGET);
}

void fuzz_clear(void)
{
    DIR *here = opendir(".");
    fuzz_require(here != NULL, "the folder can be read");
    for (struct dirent *entry; (entry = readdir(here)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            fuzz_require(remove(entry->d_name) == 0, "what was made can be removed");
    closedir(here);
}

void fuzz_put(const char *name, const void *data, size_t size)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    fuzz_require(fd >= 0 && plo_file_write_all(fd, data, size) == 0, "a file can be written");
    close(fd);
}

uint32_t fuzz_take(struct fuzz_bytes *bytes, size_t count)
{
    uint32_t number = 0;
    for (size_t i = 0; i < count && bytes->at < bytes->end; i++)
        number |= (uint32_t)*bytes->at++ << 8 * i;
    return number;
}

uint32_t fuzz_below(struct fuzz_bytes *bytes, uint32_t limit)
{
    return fuzz_take(bytes, limit > 256 ? 2 : 1) % limit;
}

struct fuzz_bytes fuzz_part(struct fuzz_bytes *bytes)
{
    struct fuzz_bytes part = { bytes->at, bytes->end };
    size_t left = (size_t)(bytes->end - bytes->at);
    const uint8_t *line = left == 0 ? NULL : memmem(bytes->at, left, "%%\n", 3);
    if (line == NULL) {
        bytes->at = bytes->end;
    } else {
        part.end = line;
        bytes->at = line + 3;
    }
    return part;
}

uint32_t fuzz_hash(const uint8_t *data, size_t size)
{
    uint32_t hash = UINT32_C(2166136261);
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ data[i]) * UINT32_C(16777619);
    return hash ^ hash >> 15;
}
