// compiled_file.c: blob, identity, footer, one behind the other (see compiled_file.h). The footer
// stands at the end because the engine's blob must begin at a page.
#include "model/compiled/compiled_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/checksum.h"
#include "base/file.h"

struct footer {
    char magic[8];
    uint64_t blob_size;
    uint64_t text_size;
    uint64_t blob_sum;
    uint64_t text_sum;
    uint64_t own_sum; // of the fields before
};

static const char magic[8] = { 'P', 'L', 'O', 'B', 'L', 'O', 'B', '1' };

static uint64_t sum_of_footer(const struct footer *footer)
{
    return plo_checksum(footer, offsetof(struct footer, own_sum));
}

static bool footer_ok(const struct footer *footer, uint64_t file_size)
{
    if (memcmp(footer->magic, magic, sizeof magic) != 0 ||
        footer->own_sum != sum_of_footer(footer) || file_size < sizeof *footer)
        return false;
    uint64_t rest = file_size - sizeof *footer;
    return footer->text_size <= PLO_COMPILED_TEXT_CEILING && footer->text_size <= rest &&
           footer->blob_size == rest - footer->text_size && footer->blob_size > 0;
}

// A blob is trusted with what the process may do: it must be a file only its owner can write.
static int open_own(const char *path, struct stat *status)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0)
        return errno == ELOOP ? -EPERM : -errno;
    int result = 0;
    if (fstat(fd, status) < 0)
        result = -errno;
    else if (status->st_uid != geteuid() && status->st_uid != 0)
        result = -EACCES;
    else if (!S_ISREG(status->st_mode) || (status->st_mode & (S_IWGRP | S_IWOTH)) != 0)
        result = -EPERM;
    else if ((size_t)status->st_size <= sizeof(struct footer))
        result = -EBADMSG;
    if (result == 0)
        return fd;
    close(fd);
    return result;
}

static int check(const struct plo_compiled_file *file, const char *identity)
{
    struct footer footer;
    const char *end = (const char *)file->map + file->map_size;
    memcpy(&footer, end - sizeof footer, sizeof footer);
    if (!footer_ok(&footer, file->map_size))
        return -EBADMSG;
    const char *text = end - sizeof footer - footer.text_size;
    if (plo_checksum(text, footer.text_size) != footer.text_sum)
        return -EBADMSG;
    if (footer.text_size != strlen(identity) || memcmp(text, identity, footer.text_size) != 0)
        return -ESTALE;
    return plo_checksum(file->map, footer.blob_size) == footer.blob_sum ? 0 : -EBADMSG;
}

int plo_compiled_file_open(struct plo_compiled_file *out, const char *path, const char *identity)
{
    struct stat status;
    *out = (struct plo_compiled_file){ 0 };
    int fd = open_own(path, &status);
    if (fd < 0)
        return fd;
    size_t size = (size_t)status.st_size;
    void *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    int result = map == MAP_FAILED ? -errno : 0;
    if (result == 0) {
        *out = (struct plo_compiled_file){ .map = map, .map_size = size };
        result = check(out, identity);
    }
    if (result == 0) {
        struct footer footer;
        memcpy(&footer, (char *)map + size - sizeof footer, sizeof footer);
        out->blob = map;
        out->blob_size = footer.blob_size;
        // What was used last is kept longest; a folder that cannot be written keeps its order.
        (void)futimens(fd, NULL);
    } else {
        plo_compiled_file_close(out);
    }
    close(fd);
    return result;
}

void plo_compiled_file_close(struct plo_compiled_file *file)
{
    if (file->map != NULL)
        munmap(file->map, file->map_size);
    *file = (struct plo_compiled_file){ 0 };
}

int plo_compiled_file_write(const char *path, const void *blob, size_t blob_size,
                            const char *identity)
{
    size_t text_size = strlen(identity);
    if (text_size > PLO_COMPILED_TEXT_CEILING || blob_size == 0)
        return -EINVAL;
    struct footer footer = {
        .blob_size = blob_size,
        .text_size = text_size,
        .blob_sum = plo_checksum(blob, blob_size),
        .text_sum = plo_checksum(identity, text_size),
    };
    memcpy(footer.magic, magic, sizeof magic);
    footer.own_sum = sum_of_footer(&footer);
    char *temporary = plo_format("%s.XXXXXX", path);
    if (temporary == NULL)
        return -ENOMEM;
    int fd = mkostemp(temporary, O_CLOEXEC);
    int result = fd < 0 ? -errno : plo_file_write_all(fd, blob, blob_size);
    if (result == 0)
        result = plo_file_write_all(fd, identity, text_size);
    if (result == 0)
        result = plo_file_write_all(fd, &footer, sizeof footer);
    if (result == 0 && fsync(fd) < 0)
        result = -errno;
    if (fd >= 0 && close(fd) < 0 && result == 0)
        result = -errno;
    if (result == 0 && rename(temporary, path) < 0)
        result = -errno;
    if (result < 0 && fd >= 0)
        unlink(temporary);
    plo_free(temporary);
    return result;
}

static int read_at(int fd, void *data, size_t size, off_t at)
{
    ssize_t got = pread(fd, data, size, at);
    return got < 0 ? -errno : (size_t)got == size ? 0 : -EBADMSG;
}

int plo_compiled_file_identity(const char *path, char **out)
{
    struct stat status;
    struct footer footer;
    int fd = open_own(path, &status);
    if (fd < 0)
        return fd;
    off_t end = status.st_size - (off_t)sizeof footer;
    int result = read_at(fd, &footer, sizeof footer, end);
    if (result == 0 && !footer_ok(&footer, (uint64_t)status.st_size))
        result = -EBADMSG;
    char *text = result == 0 ? plo_alloc0(1, (size_t)footer.text_size + 1) : NULL;
    if (result == 0 && text == NULL)
        result = -ENOMEM;
    if (result == 0)
        result = read_at(fd, text, (size_t)footer.text_size, end - (off_t)footer.text_size);
    if (result == 0 && plo_checksum(text, (size_t)footer.text_size) != footer.text_sum)
        result = -EBADMSG;
    close(fd);
    if (result < 0)
        plo_free(text);
    else
        *out = text;
    return result;
}
