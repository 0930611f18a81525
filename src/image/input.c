// input.c: ranges of a buffer or a file for the header parsers, and the whole file for the decoders
// (see input.h).
#include "image/input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fail.h"

void plo_input_init(struct plo_input *input, const uint8_t *data, size_t size)
{
    input->data = data;
    input->size = size;
    input->fd = -1;
    input->path = NULL;
    input->window_start = 0;
    input->window_size = 0;
    input->failed = false;
}

static int check_regular(int fd, const char *path, uint64_t ceiling, uint64_t *size,
                         struct pipilo_error *err)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return plo_fail_errno(err, -errno, "%s", path);
    if (S_ISDIR(status.st_mode))
        return plo_fail(err, PIPILO_EIO, "%s: is a folder", path);
    if (!S_ISREG(status.st_mode))
        return plo_fail(err, PIPILO_EIO, "%s: is not a regular file", path);
    *size = (uint64_t)status.st_size;
    if (*size > ceiling)
        return plo_fail(err, PIPILO_ELIMIT, "the file has %llu bytes, the limit is %llu",
                        (unsigned long long)*size, (unsigned long long)ceiling);
    return 0;
}

// O_NONBLOCK keeps a FIFO from holding the thread.
static int open_file(const char *path)
{
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

int plo_input_open(struct plo_input *input, const char *path, uint64_t ceiling,
                   struct pipilo_error *err)
{
    plo_input_init(input, NULL, 0);
    int fd = open_file(path);
    if (fd < 0)
        return plo_fail_errno(err, -errno, "%s", path);
    int result = check_regular(fd, path, ceiling, &input->size, err);
    if (result < 0) {
        close(fd);
        return result;
    }
    input->fd = fd;
    input->path = path;
    return 0;
}

void plo_input_close(struct plo_input *input)
{
    if (input->fd >= 0)
        close(input->fd);
    input->fd = -1;
}

static ssize_t read_at(int fd, uint8_t *data, size_t size, uint64_t offset)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(fd, data + done, size - done, (off_t)(offset + done));
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

const uint8_t *plo_input_at(struct plo_input *input, uint64_t offset, uint32_t count)
{
    if (count > PLO_INPUT_WINDOW || offset > input->size || input->size - offset < count)
        return NULL;
    if (input->data != NULL)
        return input->data + offset;
    uint64_t window_end = input->window_start + input->window_size;
    if (offset < input->window_start || offset + count > window_end) {
        ssize_t got = read_at(input->fd, input->window, PLO_INPUT_WINDOW, offset);
        if (got < 0)
            input->failed = true;
        input->window_start = offset;
        input->window_size = got < 0 ? 0 : (uint32_t)got;
        if (input->window_size < count)
            return NULL;
    }
    return input->window + (offset - input->window_start);
}

int plo_input_read(struct plo_input *input, uint8_t *buffer, uint64_t *got,
                   struct pipilo_error *err)
{
    ssize_t result = read_at(input->fd, buffer, input->size, 0);
    if (result < 0)
        return plo_fail_errno(err, (int)result, "%s", input->path);
    *got = (uint64_t)result;
    return 0;
}

void plo_input_read_ahead(const char *path, uint64_t most)
{
    int fd = open_file(path);
    if (fd < 0)
        return;
    (void)posix_fadvise(fd, 0, (off_t)most, POSIX_FADV_WILLNEED);
    close(fd);
}
