// sha256.c: digests by nettle (see sha256.h).
#include "base/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

static void finish(struct sha256_ctx *context, char hex[PLO_SHA256_HEX])
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_digest(context, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

void plo_sha256_hex(const void *data, size_t size, char hex[PLO_SHA256_HEX])
{
    struct sha256_ctx context;
    sha256_init(&context);
    sha256_update(&context, size, data);
    finish(&context, hex);
}

int plo_sha256_file(const char *path, char hex[PLO_SHA256_HEX])
{
    enum { CHUNK = 1 << 18 };
    int result = 0;
    int fd = -1;
    struct stat status;
    uint8_t *chunk = plo_alloc(CHUNK);
    if (chunk == NULL)
        return -ENOMEM;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) < 0)
        result = -errno;
    else if (!S_ISREG(status.st_mode))
        result = S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
    struct sha256_ctx context;
    sha256_init(&context);
    while (result == 0) {
        ssize_t got = read(fd, chunk, CHUNK);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            result = -errno;
        if (got <= 0)
            break;
        sha256_update(&context, (size_t)got, chunk);
    }
    if (result == 0)
        finish(&context, hex);
    if (fd >= 0)
        close(fd);
    plo_free(chunk);
    return result;
}
