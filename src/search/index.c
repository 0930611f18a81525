// index.c: the layout of an index file, and what must hold before it is used (see index.h).
//
// What leads somewhere, the header, the rows of each vector and the graph, has a checksum, and is
// checked number by number all the same. The vectors have none: whatever bytes they hold, they only
// steer the search; the scores that it gives are made from the store's own vectors.
#include "search/index.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/half.h"
#include "core/budget.h"
#include "core/fail.h"

enum {
    // Vectors the search keeps an eye on, at least. Of the ten nearest of 100,000 real vectors 48
    // finds 0.996, and 96 no more, in one and a half times the time.
    BREADTH = 48,
    CHUNK = 256,
    DIM_MOST = 1 << 20,
};

static const char magic[16] = "pipilo-index-2\n";

struct header {
    char magic[16];
    struct plo_index_store store;
    struct plo_index_sizes sizes;
    uint64_t checksum; // of rows and graph
    uint64_t own;      // checksum of the members above
};

struct plo_index {
    int fd;
    uint8_t *bytes; // the whole file, mapped
    size_t size;
    struct header header;
    const uint64_t *ends; // for each vector, where its rows end
    const int64_t *rows;
    struct plo_graph *graph;
    uint64_t charged;
};

static uint64_t own_checksum(const struct header *header)
{
    return plo_checksum(header, offsetof(struct header, own));
}

uint64_t plo_index_vectors_size(uint64_t count, uint64_t dim)
{
    return (count * dim * sizeof(uint16_t) + 7) / 8 * 8;
}

void plo_index_header(uint8_t bytes[PLO_INDEX_HEADER], const struct plo_index_store *store,
                      const struct plo_index_sizes *sizes, uint64_t checksum)
{
    struct header header = { .store = *store, .sizes = *sizes, .checksum = checksum };
    memcpy(header.magic, magic, sizeof magic);
    header.own = own_checksum(&header);
    memset(bytes, 0, PLO_INDEX_HEADER);
    memcpy(bytes, &header, sizeof header);
}

int plo_index_is_one(const char *path, struct pipilo_error *err)
{
    char start[sizeof magic] = "";
    struct stat status;
    if (stat(path, &status) < 0 || !S_ISREG(status.st_mode))
        return 0; // a folder, a device, a link to nothing
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return plo_fail_errno(err, -errno, "cannot open %s to see whether it is an index", path);
    ssize_t got = pread(fd, start, sizeof start, 0);
    int result = got == (ssize_t)sizeof start && memcmp(start, magic, sizeof start) == 0;
    if (got < 0)
        result = plo_fail_errno(err, -errno, "cannot read %s to see whether it is an index", path);
    close(fd);
    return result;
}

// --- opening -------------------------------------------------------------------------------------

static int map_file(struct plo_index *index, const char *path, struct pipilo_error *err)
{
    struct stat status;
    int result = 0;
    index->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (index->fd < 0)
        return plo_fail_errno(err, -errno, "cannot open the index %s", path);
    if (fstat(index->fd, &status) < 0) {
        result = plo_fail_errno(err, -errno, "cannot look at the index %s", path);
    } else if (!S_ISREG(status.st_mode) || status.st_size < PLO_INDEX_HEADER) {
        result = plo_fail(err, PIPILO_ECORRUPT, "%s is no index", path);
    } else {
        index->size = (size_t)status.st_size;
        void *bytes = mmap(NULL, index->size, PROT_READ, MAP_SHARED, index->fd, 0);
        if (bytes == MAP_FAILED)
            result = plo_fail_errno(err, -errno, "cannot map the index %s", path);
        else
            index->bytes = bytes;
    }
    return result;
}

// Sizes that add up to the file's, without overflow on the way.
static bool sizes_fit(const struct header *header, size_t size)
{
    const struct plo_index_sizes *sizes = &header->sizes;
    uint64_t left = size - PLO_INDEX_HEADER, dim = header->store.dim, count = sizes->count;
    if (count == 0 || dim == 0 || dim > DIM_MOST || count > UINT32_MAX - 2 || sizes->graph > left ||
        sizes->rows < count || sizes->rows > left / sizeof(int64_t))
        return false;
    return plo_index_vectors_size(count, dim) + (count + sizes->rows) * sizeof(int64_t) ==
           left - sizes->graph;
}

static int check_header(struct plo_index *index, const char *path, struct pipilo_error *err)
{
    struct header *header = &index->header;
    memcpy(header, index->bytes, sizeof *header);
    if (memcmp(header->magic, magic, sizeof magic) != 0)
        return plo_fail(err, PIPILO_ECORRUPT, "%s is no index", path);
    if (header->own != own_checksum(header) || !sizes_fit(header, index->size) ||
        memchr(header->store.fingerprint, '\0', sizeof header->store.fingerprint) == NULL)
        return plo_fail(err, PIPILO_ECORRUPT, "the index %s is damaged: make it anew", path);
    return 0;
}

static int check_fresh(const struct plo_index_store *was, const struct plo_index_store *is,
                       const char *path, struct pipilo_error *err)
{
    if (strcmp(was->fingerprint, is->fingerprint) != 0)
        return plo_fail(err, PIPILO_EMISMATCH,
                        "the index %s is of vectors with the fingerprint %s, the store's have %s",
                        path, was->fingerprint, is->fingerprint);
    if (was->dim != is->dim)
        return plo_fail(err, PIPILO_EMISMATCH,
                        "the index %s is of vectors of %llu values, the store's have %llu", path,
                        (unsigned long long)was->dim, (unsigned long long)is->dim);
    if (was->rows != is->rows)
        return plo_fail(err, PIPILO_EMISMATCH,
                        "the index %s is of %llu rows, the store has %llu: make it anew", path,
                        (unsigned long long)was->rows, (unsigned long long)is->rows);
    if (was->size != is->size || was->mtime_ns != is->mtime_ns || was->log_size != is->log_size ||
        was->log_mtime_ns != is->log_mtime_ns)
        return plo_fail(err, PIPILO_EMISMATCH,
                        "the store has changed since the index %s was made: make it anew", path);
    return 0;
}

// Each vector has rows, in their order, all of them in the store.
static bool rows_fit(const struct plo_index *index)
{
    const struct header *header = &index->header;
    uint64_t at = 0;
    for (uint64_t i = 0; i < header->sizes.count; i++) {
        uint64_t end = index->ends[i];
        if (end <= at || end > header->sizes.rows)
            return false;
        for (int64_t last = -1; at < end; last = index->rows[at++])
            if (index->rows[at] <= last || (uint64_t)index->rows[at] >= header->store.rows)
                return false;
    }
    return at == header->sizes.rows;
}

static int read_rest(struct plo_index *index, const char *path, struct pipilo_error *err)
{
    const struct header *header = &index->header;
    const struct plo_index_sizes *sizes = &header->sizes;
    size_t vectors = (size_t)plo_index_vectors_size(sizes->count, header->store.dim);
    const uint8_t *rest = index->bytes + PLO_INDEX_HEADER + vectors;
    const uint8_t *graph = index->bytes + index->size - sizes->graph;
    index->ends = (const uint64_t *)(const void *)rest;
    index->rows = (const int64_t *)(const void *)(index->ends + sizes->count);
    if (plo_checksum(rest, index->size - PLO_INDEX_HEADER - vectors) != header->checksum ||
        !rows_fit(index))
        return plo_fail(err, PIPILO_ECORRUPT, "the index %s is damaged: make it anew", path);
    uint64_t need = sizes->count * PLO_GRAPH_VECTOR_BYTES;
    if (!plo_budget_charge(need))
        return plo_fail(err, PIPILO_EBUDGET, "the index %s needs %llu MB of memory", path,
                        (unsigned long long)(need >> 20));
    index->charged = need;
    struct pipilo_error reason;
    int result = plo_graph_read(&index->graph, graph, (size_t)sizes->graph,
                                (const uint16_t *)(const void *)(index->bytes + PLO_INDEX_HEADER),
                                (size_t)sizes->count, (size_t)header->store.dim, &reason);
    return result < 0 ? plo_fail(err, result, "the index %s: %s%s", path, reason.message,
                                 result == PIPILO_ECORRUPT ? ": make it anew" : "")
                      : 0;
}

int plo_index_open(struct plo_index **out, const char *path, const struct plo_index_store *store,
                   struct pipilo_error *err)
{
    struct plo_index *index = plo_alloc0(1, sizeof *index);
    if (index == NULL)
        return plo_fail_nomem(err, sizeof *index);
    index->fd = -1;
    int result = map_file(index, path, err);
    if (result == 0)
        result = check_header(index, path, err);
    if (result == 0)
        result = check_fresh(&index->header.store, store, path, err);
    if (result == 0)
        result = read_rest(index, path, err);
    if (result < 0) {
        plo_index_close(index);
        return result;
    }
    *out = index;
    return 0;
}

void plo_index_close(struct plo_index *index)
{
    if (index == NULL)
        return;
    plo_graph_destroy(index->graph);
    if (index->bytes != NULL)
        munmap(index->bytes, index->size);
    if (index->fd >= 0)
        close(index->fd);
    plo_budget_adjust(-(int64_t)index->charged);
    plo_free(index);
}

// --- searching -----------------------------------------------------------------------------------

bool plo_index_unit(uint16_t *out, const float *vector, size_t dim)
{
    double squares = 0;
    for (size_t i = 0; i < dim; i++)
        squares += (double)vector[i] * (double)vector[i];
    if (!isfinite(squares) || squares == 0)
        return false;
    double norm = sqrt(squares);
    for (size_t i = 0; i < dim; i += CHUNK) {
        float unit[CHUNK];
        size_t count = dim - i < CHUNK ? dim - i : CHUNK;
        for (size_t k = 0; k < count; k++)
            unit[k] = (float)((double)vector[i + k] / norm);
        plo_half_from_floats(out + i, unit, count);
    }
    return true;
}

static int ascending(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

// The rows of the vectors at `places`, the nearest first, as far as there is room.
static size_t rows_of(const struct plo_index *index, const size_t *places, size_t count,
                      int64_t *rows, size_t wanted)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t at = places[i] > 0 ? index->ends[places[i] - 1] : 0;
        for (; at < index->ends[places[i]] && found < wanted; at++)
            rows[found++] = index->rows[at];
    }
    return found;
}

// What has shrunk since it was opened must not be touched.
static int check_size(const struct plo_index *index, struct pipilo_error *err)
{
    struct stat status;
    if (fstat(index->fd, &status) < 0)
        return plo_fail_errno(err, -errno, "cannot look at the index");
    if ((uint64_t)status.st_size < index->size)
        return plo_fail(err, PIPILO_ECORRUPT, "the index was cut after it was opened");
    return 0;
}

int plo_index_search(const struct plo_index *index, const float *query, size_t wanted,
                     int64_t *rows, size_t *found, struct pipilo_error *err)
{
    size_t dim = (size_t)index->header.store.dim;
    uint64_t count = index->header.sizes.count;
    size_t most = wanted < count ? wanted : (size_t)count;
    PLO_TRY(check_size(index, err));
    uint16_t *unit = plo_alloc_aligned(dim * sizeof *unit);
    size_t *places = plo_alloc0(most, sizeof *places);
    int result = unit == NULL || places == NULL ? plo_fail_nomem(err, most * sizeof *places) : 0;
    if (result == 0 && !plo_index_unit(unit, query, dim))
        result = plo_fail(err, PIPILO_EINVALID,
                          "the query's vector is all zeros or holds what is no number");
    if (result == 0)
        result = plo_graph_search(index->graph, unit, most, most > BREADTH ? most : BREADTH, places,
                                  found, err);
    if (result == 0)
        *found = rows_of(index, places, *found, rows, wanted);
    if (result == 0 && *found > 1)
        qsort(rows, *found, sizeof *rows, ascending);
    plo_free(unit);
    plo_free(places);
    return result;
}
