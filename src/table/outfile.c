// outfile.c: buffered writing beside the final name (see outfile.h).
#include "table/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "core/fail.h"
#include "table/kinds.h"

enum { BUFFER = 256 * 1024 };

static const char *shown(const struct plo_outfile *file)
{
    return file->path != NULL ? file->path : file->partial != NULL ? file->partial : "the output";
}

static int fail_write(const struct plo_outfile *file, int negative_errno, struct pipilo_error *err)
{
    return plo_fail_errno(err, negative_errno, "cannot write %s", shown(file));
}

// Opens and locks; the lock tells a live run from one that was killed. The file may be renamed or
// removed between the two steps, so its name is looked at again.
static int open_locked(struct plo_outfile *file, struct pipilo_error *err)
{
    for (int attempt = 0; attempt < 8; attempt++) {
        file->fd = open(file->partial, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (file->fd < 0)
            return fail_write(file, -errno, err);
        struct stat mine, there;
        bool same = false;
        int locked = flock(file->fd, LOCK_EX | LOCK_NB);
        if (locked == 0)
            same = fstat(file->fd, &mine) == 0 && lstat(file->partial, &there) == 0 &&
                   mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
        // A file system without locks is no reason not to write.
        if (same || (locked < 0 && errno != EWOULDBLOCK && errno != EINTR))
            return 0;
        close(file->fd);
        file->fd = -1;
    }
    return plo_fail(err, PIPILO_EBUSY, "another run is writing %s", shown(file));
}

int plo_outfile_claim(struct plo_outfile *file, const char *path, const char *partial,
                      struct pipilo_error *err)
{
    *file = PLO_OUTFILE_INIT;
    file->path = path != NULL ? plo_strdup(path) : NULL;
    file->partial = plo_strdup(partial);
    int result = 0;
    if (file->partial == NULL || (path != NULL && file->path == NULL))
        result = plo_fail_nomem(err, 0);
    else
        result = open_locked(file, err);
    if (result < 0) {
        // What another run writes is not this one's to remove.
        plo_free(file->path);
        plo_free(file->partial);
        *file = PLO_OUTFILE_INIT;
    }
    return result;
}

int plo_outfile_open(struct plo_outfile *file, const char *path, const char *partial,
                     struct pipilo_error *err)
{
    *file = PLO_OUTFILE_INIT;
    char *buffer = plo_alloc(BUFFER);
    if (buffer == NULL)
        return plo_fail_nomem(err, BUFFER);
    int result = 0;
    if (partial == NULL)
        file->fd = STDOUT_FILENO;
    else
        result = plo_outfile_claim(file, path, partial, err);
    if (result == 0)
        file->buffer = buffer;
    else
        plo_free(buffer);
    return result;
}

int plo_outfile_there(const struct plo_outfile *file, uint64_t *size, struct pipilo_error *err)
{
    struct stat status;
    if (fstat(file->fd, &status) < 0)
        return plo_fail_errno(err, -errno, "cannot look at %s", file->partial);
    *size = (uint64_t)status.st_size;
    return 0;
}

int plo_outfile_cut(struct plo_outfile *file, uint64_t size, struct pipilo_error *err)
{
    uint64_t there = 0;
    PLO_TRY(plo_outfile_there(file, &there, err));
    if (there < size)
        return plo_fail(err, PIPILO_ECORRUPT,
                        "%s has %llu bytes, and its journal tells of %llu: begin anew with --force "
                        "and without --resume",
                        file->partial, (unsigned long long)there, (unsigned long long)size);
    if (ftruncate(file->fd, (off_t)size) < 0 || lseek(file->fd, (off_t)size, SEEK_SET) < 0)
        return fail_write(file, -errno, err);
    file->size = size;
    return 0;
}

int plo_outfile_create(struct plo_outfile *file, const char *path, const char *partial,
                       struct pipilo_error *err)
{
    PLO_TRY(plo_outfile_open(file, path, partial, err));
    int result = partial != NULL ? plo_outfile_cut(file, 0, err) : 0;
    if (result < 0)
        plo_outfile_close(file, false);
    return result;
}

int plo_outfile_flush(struct plo_outfile *file, struct pipilo_error *err)
{
    int result = plo_file_write_all(file->fd, file->buffer, file->filled);
    file->filled = 0;
    return result < 0 ? fail_write(file, result, err) : 0;
}

int plo_outfile_write(struct plo_outfile *file, const void *data, size_t size,
                      struct pipilo_error *err)
{
    if (size > BUFFER - file->filled)
        PLO_TRY(plo_outfile_flush(file, err));
    file->size += size;
    if (size >= BUFFER) {
        int result = plo_file_write_all(file->fd, data, size);
        return result < 0 ? fail_write(file, result, err) : 0;
    }
    memcpy(file->buffer + file->filled, data, size);
    file->filled += size;
    return 0;
}

int plo_outfile_patch(struct plo_outfile *file, uint64_t offset, const void *data, size_t size,
                      struct pipilo_error *err)
{
    PLO_TRY(plo_outfile_flush(file, err));
    const char *from = data;
    while (size > 0) {
        ssize_t done = pwrite(file->fd, from, size, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return fail_write(file, -errno, err);
        from += done;
        offset += (uint64_t)done;
        size -= (size_t)done;
    }
    return 0;
}

int plo_outfile_copy(struct plo_outfile *file, int from, uint64_t offset, uint64_t size,
                     struct pipilo_error *err)
{
    // Small pieces, such as a line, go through the buffer; a system call each would cost more.
    bool in_kernel = size >= BUFFER;
    if (in_kernel)
        PLO_TRY(plo_outfile_flush(file, err));
    while (size > 0) {
        ssize_t done = 0;
        if (in_kernel) {
            off_t at = (off_t)offset;
            done = copy_file_range(from, &at, file->fd, NULL, size < 1 << 30 ? size : 1 << 30, 0);
            if (done < 0 && errno != EINTR) {
                in_kernel = false;
                continue;
            }
            file->size += done > 0 ? (uint64_t)done : 0;
        } else {
            char piece[16384];
            done = pread(from, piece, size < sizeof piece ? size : sizeof piece, (off_t)offset);
            if (done > 0)
                PLO_TRY(plo_outfile_write(file, piece, (size_t)done, err));
        }
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return fail_write(file, -errno, err);
        if (done == 0)
            return plo_fail(err, PIPILO_ECORRUPT, "what %s is to be updated from has shrunk",
                            shown(file));
        offset += (uint64_t)done;
        size -= (uint64_t)done;
    }
    return 0;
}

int plo_outfile_settle(struct plo_outfile *file, struct pipilo_error *err)
{
    PLO_TRY(plo_outfile_flush(file, err));
    return fdatasync(file->fd) < 0 ? fail_write(file, -errno, err) : 0;
}

int plo_outfile_sync(struct plo_outfile *file, struct pipilo_error *err)
{
    PLO_TRY(plo_outfile_flush(file, err));
    if (file->partial != NULL && fsync(file->fd) < 0)
        return fail_write(file, -errno, err);
    return 0;
}

void plo_outfile_sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL   ? plo_strdup(".")
                   : slash == path ? plo_strdup("/")
                                   : plo_strndup(path, (size_t)(slash - path));
    int fd = folder != NULL ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
    plo_free(folder);
}

int plo_outfile_place(struct plo_outfile *file, bool replace, struct pipilo_error *err)
{
    int result =
        renameat2(AT_FDCWD, file->partial, AT_FDCWD, file->path, replace ? 0 : RENAME_NOREPLACE);
    if (result < 0 && !replace && (errno == EINVAL || errno == ENOSYS)) {
        // A file system without that flag: look, then rename.
        struct stat there;
        if (lstat(file->path, &there) == 0)
            errno = EEXIST;
        else
            result = rename(file->partial, file->path);
    }
    if (result < 0 && errno == EEXIST)
        return plo_table_fail_exists(file->path, err);
    if (result < 0)
        return fail_write(file, -errno, err);
    file->placed = true;
    plo_outfile_sync_folder(file->path);
    return 0;
}

int plo_outfile_place_left(const char *path, const char *partial, bool replace,
                           struct pipilo_error *err)
{
    struct stat status;
    if (lstat(partial, &status) < 0)
        return 0;
    struct plo_outfile left = PLO_OUTFILE_INIT;
    int result = plo_outfile_claim(&left, path, partial, err);
    if (result == 0)
        result = plo_outfile_place(&left, replace, err);
    plo_outfile_close(&left, true);
    return result;
}

void plo_outfile_close(struct plo_outfile *file, bool keep)
{
    if (file->fd >= 0 && !keep && file->partial != NULL)
        unlink(file->placed ? file->path : file->partial);
    if (file->fd >= 0 && file->partial != NULL)
        close(file->fd);
    plo_free(file->buffer);
    plo_free(file->path);
    plo_free(file->partial);
    *file = PLO_OUTFILE_INIT;
}
