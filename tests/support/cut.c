// cut.c: ends a program in the midst of its writing, for tests; loaded with LD_PRELOAD.
//
// CUT_NAME is a part of the names that count ("out."). The CUT_AT th call that changes such a file
// or its name does not happen: the process is killed before it. With CUT_POWER the disk then holds
// what a power cut may leave: of each file what it was at its last fsync, followed, by a dice
// seeded with CUT_AT, by nothing, by what was written since, or by as many zeros. Names are taken
// to be on the disk at once and in order, as a journaling file system has them. Without CUT_AT the
// calls are counted, and their number goes to the file CUT_COUNT.
//
// With CUT_SIGNAL the CUT_AT th call happens, a while after that signal was sent to the process.
//
// CUT_FULL instead of CUT_AT: from that many bytes on there is no space left.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 256 };

static struct synced {
    dev_t device;
    ino_t inode;
    char *data;
    size_t size;
    char path[PATH_MAX];
} files[FILES];
static int file_count;
static long calls;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

// The C library's own, looked up before anything else happens: a call from a handler of signals
// must not look up, which ThreadSanitizer ends in a lock of its own.
#define EACH(X) \
    X(open) X(write) X(pwrite) X(ftruncate) X(fsync) X(fdatasync) X(unlink) X(rename) X(renameat2)
#define MEMBER(name) __typeof__(&name) name;
#define FOUND(name)  ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FIND(name)   real.name = FOUND(name);
#define REAL(name)   (real.name != NULL ? real.name : FOUND(name))

static struct {
    EACH(MEMBER)
} real;

__attribute__((constructor)) static void find_all(void)
{
    EACH(FIND)
}

static int counts(const char *path)
{
    const char *name = getenv("CUT_NAME");
    return name != NULL && path != NULL && strstr(path, name) != NULL;
}

static int path_of(int fd, char *path)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length > 0 ? length : 0] = '\0';
    return counts(path);
}

static struct synced *find(int fd)
{
    struct stat status;
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        return NULL;
    for (int i = 0; i < file_count; i++)
        if (files[i].inode == status.st_ino && files[i].device == status.st_dev)
            return &files[i];
    if (file_count == FILES)
        return NULL;
    files[file_count].inode = status.st_ino;
    files[file_count].device = status.st_dev;
    return &files[file_count++];
}

// Notes a file the first time it is seen: what is there by then is on the disk.
static void keep(int fd, int again)
{
    int known = file_count;
    struct synced *file = find(fd);
    if (file == NULL || (file_count == known && !again && file->data != NULL))
        return;
    struct stat status;
    fstat(fd, &status);
    free(file->data);
    file->data = malloc((size_t)status.st_size + 1);
    file->size = (size_t)status.st_size;
    path_of(fd, file->path);
    int own = open(file->path, O_RDONLY | O_CLOEXEC);
    if (own >= 0) {
        ssize_t got = pread(own, file->data, file->size, 0);
        file->size = got > 0 ? (size_t)got : 0;
        close(own);
    }
}

static void lose(const struct synced *file)
{
    struct stat status;
    int fd = REAL(open)(file->path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0 || status.st_ino != file->inode)
        return;
    size_t now = (size_t)status.st_size, size = file->size;
    int dice = rand() % 3;
    // What was written over may be there or not; here it is as it was.
    if (REAL(pwrite)(fd, file->data, now < size ? now : size, 0) < 0)
        _exit(99);
    if (now > size && dice == 0 && REAL(ftruncate)(fd, (off_t)size) < 0)
        _exit(99);
    if (now > size && dice == 1 &&
        (REAL(ftruncate)(fd, (off_t)size) < 0 || REAL(ftruncate)(fd, (off_t)now) < 0))
        _exit(99);
    if (now < size && REAL(pwrite)(fd, file->data, size, 0) < 0)
        _exit(99);
    close(fd);
}

// Told each time, for a program may leave without a word.
static void tell(const char *path)
{
    int fd = REAL(open)(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    char text[32];
    int length = snprintf(text, sizeof text, "%ld\n", calls);
    if (fd < 0 || REAL(pwrite)(fd, text, (size_t)length, 0) < 0)
        _exit(99);
    close(fd);
}

static void step(void)
{
    const char *at = getenv("CUT_AT"), *count = getenv("CUT_COUNT"), *number = getenv("CUT_SIGNAL");
    calls++;
    if (count != NULL)
        tell(count);
    if (at == NULL || calls < strtol(at, NULL, 10))
        return;
    if (number != NULL) {
        if (calls == strtol(at, NULL, 10)) {
            kill(getpid(), (int)strtol(number, NULL, 10));
            usleep(500 * 1000);
        }
        return;
    }
    srand((unsigned)strtol(at, NULL, 10));
    for (int i = 0; getenv("CUT_POWER") != NULL && i < file_count; i++)
        lose(&files[i]);
    kill(getpid(), SIGKILL);
    pause();
}

static void on_fd(int fd, int synced)
{
    char path[PATH_MAX];
    int before = errno;
    if (path_of(fd, path)) {
        pthread_mutex_lock(&lock);
        keep(fd, 0);
        step();
        if (synced)
            keep(fd, 1);
        pthread_mutex_unlock(&lock);
    }
    errno = before;
}

static void on_name(const char *path)
{
    if (!counts(path))
        return;
    pthread_mutex_lock(&lock);
    step();
    pthread_mutex_unlock(&lock);
}

// A file goes by its new name from here on.
static void renamed(const char *from, const char *to)
{
    char whole[PATH_MAX], new[PATH_MAX];
    if (!counts(from) || realpath(to, new) == NULL)
        return;
    snprintf(whole, sizeof whole, "%s", new);
    struct stat status;
    if (stat(new, &status) < 0)
        return;
    for (int i = 0; i < file_count; i++)
        if (files[i].inode == status.st_ino && files[i].device == status.st_dev)
            snprintf(files[i].path, sizeof files[i].path, "%s", whole);
}

static int full(int fd, size_t size)
{
    static long long written;
    char path[PATH_MAX];
    const char *limit = getenv("CUT_FULL");
    if (limit == NULL || !path_of(fd, path))
        return 0;
    pthread_mutex_lock(&lock);
    written += (long long)size;
    int is = written > strtoll(limit, NULL, 10);
    pthread_mutex_unlock(&lock);
    if (is)
        errno = ENOSPC;
    return is;
}

ssize_t write(int fd, const void *data, size_t size)
{
    on_fd(fd, 0);
    return full(fd, size) ? -1 : REAL(write)(fd, data, size);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    on_fd(fd, 0);
    return full(fd, size) ? -1 : REAL(pwrite)(fd, data, size, at);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off_t at)
{
    return pwrite(fd, data, size, at);
}

int ftruncate(int fd, off_t size)
{
    on_fd(fd, 0);
    return REAL(ftruncate)(fd, size);
}

int ftruncate64(int fd, off_t size)
{
    return ftruncate(fd, size);
}

int fsync(int fd)
{
    on_fd(fd, 1);
    return REAL(fsync)(fd);
}

int fdatasync(int fd)
{
    on_fd(fd, 1);
    return REAL(fdatasync)(fd);
}

int unlink(const char *path)
{
    on_name(path);
    return REAL(unlink)(path);
}

int rename(const char *from, const char *to)
{
    on_name(from);
    int result = REAL(rename)(from, to);
    renamed(from, to);
    return result;
}

int renameat2(int a, const char *from, int b, const char *to, unsigned flags)
{
    on_name(from);
    int result = REAL(renameat2)(a, from, b, to, flags);
    renamed(from, to);
    return result;
}

static int open_file(const char *path, int flags, mode_t mode)
{
    if (flags & O_CREAT)
        on_name(path);
    return REAL(open)(path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & O_CREAT ? (mode_t)va_arg(more, int) : 0;
    va_end(more);
    return open_file(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & O_CREAT ? (mode_t)va_arg(more, int) : 0;
    va_end(more);
    return open_file(path, flags, mode);
}
