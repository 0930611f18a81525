// input.h: encoded bytes to look into anywhere, of a buffer or of a file of which only small
// windows are read. Header parsers ask for ranges and get NULL past the end, so that no parser does
// bounds arithmetic of its own. Threads: one at a time.
#ifndef PLO_IMAGE_INPUT_H
#define PLO_IMAGE_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipilo/error.h>

enum { PLO_INPUT_WINDOW = 4096 };

struct plo_input {
    const uint8_t *data; // the whole, or NULL for a file
    uint64_t size;
    int fd; // -1 for a buffer
    const char *path;
    uint64_t window_start;
    uint32_t window_size;
    bool failed; // a read failed; what is asked for counts as missing
    uint8_t window[PLO_INPUT_WINDOW];
};

void plo_input_init(struct plo_input *input, const uint8_t *data, size_t size);

// Opens a regular file of at most `ceiling` bytes. Errors: PIPILO_ENOTFOUND, PIPILO_EIO,
// PIPILO_ELIMIT. `path` is borrowed until plo_input_close.
int plo_input_open(struct plo_input *input, const char *path, uint64_t ceiling,
                   struct pipilo_error *err);
void plo_input_close(struct plo_input *input);

// `count` <= PLO_INPUT_WINDOW bytes at `offset`, valid until the next call; NULL where the data end
// before.
const uint8_t *plo_input_at(struct plo_input *input, uint64_t offset, uint32_t count);

// The whole, into `buffer` of input->size bytes; *got is less where the file shrank meanwhile.
int plo_input_read(struct plo_input *input, uint8_t *buffer, uint64_t *got,
                   struct pipilo_error *err);

// Asks the system to fetch the beginning of a file while other work goes on, up to `most` bytes;
// what cannot be fetched is found out by whoever opens the file.
void plo_input_read_ahead(const char *path, uint64_t most);

// Numbers of either byte order.
static inline uint32_t plo_be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t plo_be32(const uint8_t *p)
{
    return plo_be16(p) << 16 | plo_be16(p + 2);
}

static inline uint32_t plo_le16(const uint8_t *p)
{
    return (uint32_t)p[1] << 8 | p[0];
}

static inline uint32_t plo_le32(const uint8_t *p)
{
    return plo_le16(p + 2) << 16 | plo_le16(p);
}

#endif
