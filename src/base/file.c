// file.c: whole files, read and replaced (see file.h).
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

// Opens a regular file and nothing else: O_NONBLOCK keeps a FIFO from holding the thread.
static int open_regular(const char *path, size_t ceiling, size_t *size)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    int result = 0;
    if (fstat(fd, &status) < 0)
        result = -errno;
    else if (S_ISDIR(status.st_mode))
        result = -EISDIR;
    else if (!S_ISREG(status.st_mode))
        result = -EINVAL;
    else if ((uint64_t)status.st_size > ceiling)
        result = -EFBIG;
    if (result < 0) {
        close(fd);
        return result;
    }
    *size = (size_t)status.st_size;
    return fd;
}

static ssize_t read_all(int fd, uint8_t *data, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = read(fd, data + done, size - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

int plo_file_read(const char *path, size_t ceiling, struct plo_buf **out)
{
    size_t size = 0;
    int fd = open_regular(path, ceiling, &size);
    if (fd < 0)
        return fd;
    struct plo_buf *buf = plo_buf_create(size);
    ssize_t got = buf != NULL ? read_all(fd, buf->data, size) : -ENOMEM;
    close(fd);
    if (got < 0) {
        plo_buf_unref(&buf);
        return (int)got;
    }
    buf->size = (size_t)got;
    *out = buf;
    return 0;
}

int plo_file_read_text(const char *path, size_t ceiling, char **out)
{
    size_t size = 0;
    int fd = open_regular(path, ceiling, &size);
    if (fd < 0)
        return fd;
    char *text = plo_alloc(size + 1);
    ssize_t got = text != NULL ? read_all(fd, (uint8_t *)text, size) : -ENOMEM;
    close(fd);
    if (got < 0) {
        plo_free(text);
        return (int)got;
    }
    text[got] = '\0';
    *out = text;
    return 0;
}

int plo_file_write_all(int fd, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    while (size > 0) {
        ssize_t put = write(fd, bytes, size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -errno;
        bytes += put;
        size -= (size_t)put;
    }
    return 0;
}

// A new file beside `path`. The kernel takes the umask off its mode: umask() itself cannot be asked
// without changing it, for a moment, for every thread of the process.
static int create_beside(const char *path, char **name)
{
    static _Atomic unsigned last;
    int fd = -EEXIST;
    while (fd == -EEXIST) { // which a process of the same number may have left
        plo_free(*name);
        *name = plo_format("%s.%ld-%u", path, (long)getpid(), atomic_fetch_add(&last, 1));
        if (*name == NULL)
            return -ENOMEM;
        fd = open(*name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0)
            fd = -errno;
    }
    return fd;
}

int plo_file_replace(const char *path, const void *data, size_t size)
{
    char *temporary = NULL;
    int fd = create_beside(path, &temporary);
    if (fd < 0) {
        plo_free(temporary);
        return fd;
    }
    int result = plo_file_write_all(fd, data, size);
    if (result == 0 && fsync(fd) < 0)
        result = -errno;
    if (close(fd) < 0 && result == 0)
        result = -errno;
    if (result == 0 && rename(temporary, path) < 0)
        result = -errno;
    if (result < 0)
        unlink(temporary);
    plo_free(temporary);
    return result;
}

int plo_file_make_folders(const char *path)
{
    char *copy = plo_strdup(path);
    if (copy == NULL)
        return -ENOMEM;
    int result = 0;
    for (char *slash = copy + 1; result == 0; slash++) {
        if (*slash != '/' && *slash != '\0')
            continue;
        bool last = *slash == '\0';
        *slash = '\0';
        if (mkdir(copy, 0777) < 0 && errno != EEXIST)
            result = -errno;
        if (last)
            break;
        *slash = '/';
    }
    plo_free(copy);
    return result;
}

char *plo_file_join(const char *folder, const char *name)
{
    if (name[0] == '/' || folder[0] == '\0')
        return plo_strdup(name);
    size_t length = strlen(folder);
    return plo_format("%s%s%s", folder, folder[length - 1] == '/' ? "" : "/", name);
}

const char *plo_file_suffix(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    return dot != NULL && dot != name ? dot + 1 : "";
}
