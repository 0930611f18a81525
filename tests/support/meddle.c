// meddle.c: changes files in the midst of a program's reading, for tests; loaded with LD_PRELOAD.
//
// MEDDLE_NAME is a part of the names that count. Before the MEDDLE_AT th call that opens or reads
// such a file, counted for each by itself, the file MEDDLE_FILE, or without it the one that is
// read, is removed (MEDDLE_HOW=remove), cut to half (cut), overwritten from its start with the text
// MEDDLE_BY (write) or replaced by the file MEDDLE_BY (replace).
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 64 };

static struct {
    char path[PATH_MAX];
    int calls;
} files[FILES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

// All of it, again and again with the same text.
static int overwrite(const char *path, const char *text)
{
    struct stat status;
    size_t length = strlen(text);
    int fd = REAL(open)(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0)
        return -1;
    for (off_t at = 0; at < status.st_size; at += (off_t)length)
        if (pwrite(fd, text, length, at) < 0)
            return -1;
    return close(fd);
}

static void change(const char *path)
{
    const char *how = getenv("MEDDLE_HOW"), *file = getenv("MEDDLE_FILE");
    struct stat status;
    int failed = 0;
    if (file != NULL)
        path = file;
    if (strcmp(how, "remove") == 0)
        failed = unlink(path);
    else if (strcmp(how, "cut") == 0)
        failed = stat(path, &status) < 0 || truncate(path, status.st_size / 2) < 0;
    else if (strcmp(how, "write") == 0)
        failed = overwrite(path, getenv("MEDDLE_BY"));
    else
        failed = rename(getenv("MEDDLE_BY"), path);
    if (failed) {
        perror(path);
        _exit(99);
    }
}

static void count(const char *path)
{
    const char *name = getenv("MEDDLE_NAME");
    int i = 0, now = 0;
    // A helper that decodes is loaded with this too, and has no such environment.
    if (name == NULL || strstr(path, name) == NULL || strstr(path, " (deleted)") != NULL)
        return;
    pthread_mutex_lock(&lock);
    while (i < FILES && files[i].calls > 0 && strcmp(files[i].path, path) != 0)
        i++;
    if (i < FILES) {
        snprintf(files[i].path, sizeof files[i].path, "%s", path);
        now = ++files[i].calls;
    }
    if (now == strtol(getenv("MEDDLE_AT"), NULL, 10))
        change(path);
    pthread_mutex_unlock(&lock);
}

static void opens(const char *path)
{
    char whole[PATH_MAX]; // as /proc has it of one that is open
    if (realpath(path, whole) != NULL)
        count(whole);
}

// libstdc++'s, by which an engine reads.
FILE *fopen64(const char *path, const char *mode)
{
    opens(path);
    return REAL(fopen64)(path, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    opens(path);
    return REAL(open64)(path, flags, mode);
}

ssize_t pread64(int fd, void *data, size_t size, off64_t offset)
{
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length > 0) {
        path[length] = '\0';
        count(path);
    }
    return REAL(pread64)(fd, data, size, offset);
}
