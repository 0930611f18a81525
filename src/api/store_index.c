// store_index.c: making and opening the index of a store (the public side is <pipilo/store.h>).
//
// The file is written from front to back beside its name: the vectors, each once, which the graph
// is then made over where they lie; the rows that have each; the graph; and the header last.
//
// Each once, because a graph links a vector to its nearest: a few hundred that are the same would
// be linked to each other only, and no way would lead out or in.
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/store_parts.h"
#include "base/checksum.h"
#include "base/crew.h"
#include "core/budget.h"
#include "core/fail.h"
#include "core/live.h"
#include "flow/pool.h"
#include "ops/process.h"
#include "search/distinct.h"
#include "table/outfile.h"

enum {
    BLOCK_FLOATS = 1 << 18, // of the store, read at a time
    BLOCK_ROWS = 4096,
    TOLD_EVERY = 64, // vectors between two calls of the caller's progress
};

// What is being made.
struct build {
    pipilo_store *store;
    struct pipilo_index_options options;
    struct plo_outfile out;
    int64_t *rows;    // that have a vector
    uint32_t *places; // of the vector of each of them
    size_t row_count;
    size_t count; // vectors
    struct plo_distinct distinct;
    uint16_t *unit;  // the vector at hand
    uint16_t *other; // one it may be the same as
    struct plo_graph *graph;
    size_t next; // vector to be added; atomic
    int result;  // guarded by the lock
    struct pipilo_error *err;
    pthread_mutex_t lock;
};

// The store as it was when it was opened: its vectors are those of then.
static void look_at_store(struct plo_index_store *seen, const pipilo_store *store)
{
    const struct plo_table_stamp *stamp = plo_table_stamp(store->table);
    memset(seen, 0, sizeof *seen);
    seen->rows = (uint64_t)store->info.rows;
    seen->dim = store->info.dim;
    seen->size = stamp->size;
    seen->mtime_ns = stamp->mtime_ns;
    seen->log_size = stamp->log_size;
    seen->log_mtime_ns = stamp->log_mtime_ns;
    snprintf(seen->fingerprint, sizeof seen->fingerprint, "%s", store->info.fingerprint);
}

static char *index_path(const pipilo_store *store, const char *path)
{
    return path != NULL ? plo_strdup(path) : plo_format("%s.index", store->path);
}

static int tell(struct build *build, int64_t done)
{
    if (build->options.progress == NULL ||
        build->options.progress(build->options.cookie, done, build->store->info.rows) == 0)
        return 0;
    return plo_fail(build->err, PIPILO_ECANCELED, "stopped");
}

// --- the vectors ---------------------------------------------------------------------------------

// Whether the vector at a place is the one at hand: read again from the file.
static int same_as_unit(void *cookie, size_t place)
{
    struct build *build = cookie;
    size_t size = build->store->info.dim * sizeof *build->unit;
    PLO_TRY(plo_outfile_flush(&build->out, build->err));
    ssize_t got =
        pread(build->out.fd, build->other, size, (off_t)(PLO_INDEX_HEADER + place * size));
    if (got != (ssize_t)size)
        return plo_fail_errno(build->err, got < 0 ? -errno : -EIO, "cannot read what was written");
    return memcmp(build->unit, build->other, size) == 0;
}

static int write_block(struct build *build, int64_t first, size_t count, const float *vectors,
                       const uint8_t *valid)
{
    size_t dim = build->store->info.dim, size = dim * sizeof *build->unit;
    for (size_t i = 0; i < count; i++) {
        size_t place = build->count;
        if (!valid[i] || !plo_index_unit(build->unit, vectors + i * dim, dim))
            continue;
        PLO_TRY(plo_distinct_find(&build->distinct, plo_checksum(build->unit, size), &place,
                                  same_as_unit, build));
        if (place == build->count) {
            PLO_TRY(plo_outfile_write(&build->out, build->unit, size, build->err));
            build->count++;
        }
        build->rows[build->row_count] = first + (int64_t)i;
        build->places[build->row_count++] = (uint32_t)place;
    }
    return 0;
}

// All blocks of the store, after the place of the header.
static int write_blocks(struct build *build)
{
    static const uint8_t zeros[PLO_INDEX_HEADER];
    size_t dim = build->store->info.dim, block = BLOCK_FLOATS / dim;
    int64_t rows = build->store->info.rows;
    block = block < 1 ? 1 : block > BLOCK_ROWS ? BLOCK_ROWS : block;
    float *vectors = plo_alloc_aligned(block * dim * sizeof *vectors);
    uint8_t *valid = plo_alloc0(block, 1);
    int result = vectors == NULL || valid == NULL
                     ? plo_fail_nomem(build->err, block * dim * sizeof *vectors)
                     : plo_outfile_write(&build->out, zeros, sizeof zeros, build->err);
    for (int64_t first = 0; result == 0 && first < rows; first += (int64_t)block) {
        size_t count = rows - first < (int64_t)block ? (size_t)(rows - first) : block;
        result = plo_table_vectors(build->store->table, first, count, vectors, valid, build->err);
        if (result == 0)
            result = write_block(build, first, count, vectors, valid);
        if (result == 0)
            result = tell(build, 0);
    }
    plo_free(vectors);
    plo_free(valid);
    return result;
}

static int write_vectors(struct build *build)
{
    static const uint8_t zeros[sizeof(uint64_t)];
    size_t dim = build->store->info.dim, size = dim * sizeof *build->unit;
    build->unit = plo_alloc_aligned(size);
    build->other = plo_alloc_aligned(size);
    int result =
        build->unit == NULL || build->other == NULL
            ? plo_fail_nomem(build->err, size)
            : plo_distinct_init(&build->distinct, (size_t)build->store->info.rows, build->err);
    if (result == 0)
        result = write_blocks(build);
    size_t padding = (size_t)plo_index_vectors_size(build->count, dim) - build->count * size;
    if (result == 0)
        result = plo_outfile_write(&build->out, zeros, padding, build->err);
    if (result == 0)
        result = plo_outfile_flush(&build->out, build->err);
    plo_distinct_reset(&build->distinct);
    plo_free(build->unit);
    plo_free(build->other);
    return result;
}

// --- the graph -----------------------------------------------------------------------------------

static void fail_build(struct build *build, int result, const struct pipilo_error *err)
{
    pthread_mutex_lock(&build->lock);
    if (build->result == 0)
        build->result = plo_fail(build->err, result, "%s", err->message);
    pthread_mutex_unlock(&build->lock);
    __atomic_store_n(&build->next, build->count, __ATOMIC_RELAXED);
}

// Adds the next of what is left, whose place is given; false where nothing is left. A failure ends
// the building.
static bool add_next(struct build *build, size_t *place)
{
    struct pipilo_error err = { 0 };
    *place = __atomic_fetch_add(&build->next, 1, __ATOMIC_RELAXED);
    if (*place >= build->count)
        return false;
    int result = plo_graph_add(build->graph, *place, &err);
    if (result < 0)
        fail_build(build, result, &err);
    return result == 0;
}

// Adds what is left, as one of several threads.
static void add_vectors(void *cookie)
{
    size_t place;
    while (add_next(cookie, &place))
        continue;
}

// The same on the calling thread, which tells how far it is.
static void add_and_tell(void *cookie)
{
    struct build *build = cookie;
    size_t place;
    for (size_t own = 0; add_next(build, &place); own++)
        if (own % TOLD_EVERY == 0 && build->options.progress != NULL &&
            build->options.progress(build->options.cookie, (int64_t)place,
                                    build->store->info.rows) != 0)
            fail_build(build, PIPILO_ECANCELED, &(struct pipilo_error){ .message = "stopped" });
}

struct adder {
    struct build *build;
    bool caller;
};

static void run_adder(void *cookie)
{
    struct adder *adder = cookie;
    if (adder->caller)
        add_and_tell(adder->build);
    else
        add_vectors(adder->build);
}

static int add_all(struct build *build)
{
    // The first vector is everybody's way in.
    PLO_TRY(plo_graph_add(build->graph, 0, build->err));
    build->next = 1;
    size_t threads = plo_pool_size();
    struct adder *adders = plo_alloc0(threads, sizeof *adders);
    void **cookies = plo_alloc0(threads, sizeof *cookies);
    int result = adders == NULL || cookies == NULL ? plo_fail_nomem(build->err, 0) : 0;
    for (size_t i = 0; result == 0 && i < threads; i++) {
        adders[i] = (struct adder){ .build = build, .caller = i == 0 };
        cookies[i] = &adders[i];
    }
    if (result == 0) {
        pthread_mutex_init(&build->lock, NULL);
        plo_crew_run(run_adder, cookies, threads);
        pthread_mutex_destroy(&build->lock);
        result = build->result;
    }
    plo_free(adders);
    plo_free(cookies);
    return result;
}

static int write_piece(void *cookie, const void *bytes, size_t size, struct pipilo_error *err)
{
    return plo_outfile_write(cookie, bytes, size, err);
}

// The rows of each vector: they lie in the order of the store and are put in that of the places.
static int write_rows(struct build *build)
{
    uint64_t *ends = plo_alloc0(build->count + 1, sizeof *ends);
    int64_t *sorted = plo_alloc0(build->row_count, sizeof *sorted);
    int result = ends == NULL || sorted == NULL
                     ? plo_fail_nomem(build->err, build->row_count * sizeof *sorted)
                     : 0;
    if (result == 0) {
        // Counts become beginnings, and those, row by row, ends.
        for (size_t i = 0; i < build->row_count; i++)
            ends[build->places[i] + 1]++;
        for (size_t i = 1; i < build->count; i++)
            ends[i] += ends[i - 1];
        for (size_t i = 0; i < build->row_count; i++)
            sorted[ends[build->places[i]]++] = build->rows[i];
        result = plo_outfile_write(&build->out, ends, build->count * sizeof *ends, build->err);
    }
    if (result == 0)
        result =
            plo_outfile_write(&build->out, sorted, build->row_count * sizeof *sorted, build->err);
    plo_free(ends);
    plo_free(sorted);
    return result;
}

// Rows and graph, and the header over what has been written.
static int write_rest(struct build *build, const struct plo_index_store *seen)
{
    size_t vectors = (size_t)plo_index_vectors_size(build->count, seen->dim);
    size_t rows_at = PLO_INDEX_HEADER + vectors;
    struct plo_index_sizes sizes = { .count = build->count, .rows = build->row_count };
    uint8_t header[PLO_INDEX_HEADER];
    PLO_TRY(write_rows(build));
    PLO_TRY(plo_graph_write(build->graph, write_piece, &build->out, build->err));
    PLO_TRY(plo_outfile_flush(&build->out, build->err));
    size_t size = (size_t)build->out.size;
    uint8_t *bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, build->out.fd, 0);
    if (bytes == MAP_FAILED)
        return plo_fail_errno(build->err, -errno, "cannot map what was written");
    uint64_t checksum = plo_checksum(bytes + rows_at, size - rows_at);
    munmap(bytes, size);
    sizes.graph = size - rows_at - (sizes.count + sizes.rows) * sizeof(int64_t);
    plo_index_header(header, seen, &sizes, checksum);
    return plo_outfile_patch(&build->out, 0, header, sizeof header, build->err);
}

static int make_graph(struct build *build, const struct plo_index_store *seen)
{
    size_t size = PLO_INDEX_HEADER + (size_t)plo_index_vectors_size(build->count, seen->dim);
    uint8_t *bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, build->out.fd, 0);
    if (bytes == MAP_FAILED)
        return plo_fail_errno(build->err, -errno, "cannot map what was written");
    const uint16_t *vectors = (const uint16_t *)(const void *)(bytes + PLO_INDEX_HEADER);
    int result =
        plo_graph_create(&build->graph, vectors, build->count, (size_t)seen->dim, build->err);
    if (result == 0)
        result = add_all(build);
    if (result == 0)
        result = plo_graph_connect(build->graph, build->err);
    if (result == 0)
        result = write_rest(build, seen);
    plo_graph_destroy(build->graph);
    munmap(bytes, size);
    return result;
}

// --- the public side -----------------------------------------------------------------------------

static int fill_file(struct build *build)
{
    struct plo_index_store seen;
    look_at_store(&seen, build->store);
    PLO_TRY(plo_table_unchanged(build->store->table, build->err));
    PLO_TRY(write_vectors(build));
    PLO_TRY(plo_table_unchanged(build->store->table, build->err));
    if (build->count == 0)
        return plo_fail(build->err, PIPILO_EINVALID, "no row of %s has a vector to index",
                        build->store->path);
    PLO_TRY(make_graph(build, &seen));
    PLO_TRY(plo_outfile_sync(&build->out, build->err));
    return plo_outfile_place(&build->out, true, build->err);
}

// Makes `path` with the budget for it taken.
static int build_charged(struct build *build, const char *path)
{
    char *partial = plo_format("%s.partial", path);
    build->rows = plo_alloc0((size_t)build->store->info.rows, sizeof *build->rows);
    build->places = plo_alloc0((size_t)build->store->info.rows, sizeof *build->places);
    if (partial == NULL || build->rows == NULL || build->places == NULL) {
        plo_free(partial);
        return plo_fail_nomem(build->err, 0);
    }
    int result = plo_outfile_create(&build->out, path, partial, build->err);
    if (result == 0) {
        result = fill_file(build);
        plo_outfile_close(&build->out, result == 0);
    }
    plo_free(partial);
    return result;
}

int pipilo_index_build(pipilo_store *store, const char *path,
                       const struct pipilo_index_options *options, struct pipilo_error *err)
{
    struct build build = { .store = store, .out = PLO_OUTFILE_INIT, .err = err };
    uint64_t need = (uint64_t)store->info.rows * PLO_GRAPH_VECTOR_BYTES;
    struct stat status;
    if (options != NULL)
        build.options = *options;
    plo_process_prepare();
    char *own = index_path(store, path);
    if (own == NULL)
        return plo_fail_nomem(err, 0);
    int result = lstat(own, &status) == 0 ? plo_index_is_one(own, err) : 1;
    if (result == 0)
        result = plo_fail(err, PIPILO_EEXISTS, "%s is there and is no index", own);
    else if (result > 0 && !plo_budget_charge(need))
        result = plo_fail(err, PIPILO_EBUDGET, "an index of %lld rows needs %llu MB of memory",
                          (long long)store->info.rows, (unsigned long long)(need >> 20));
    else if (result > 0) {
        result = build_charged(&build, own);
        plo_budget_adjust(-(int64_t)need);
    }
    plo_free(build.rows);
    plo_free(build.places);
    plo_free(own);
    return result;
}

int pipilo_index_open(pipilo_index **out, pipilo_store *store, const char *path,
                      struct pipilo_error *err)
{
    struct plo_index_store seen;
    pipilo_index *index = plo_alloc0(1, sizeof *index);
    if (index == NULL)
        return plo_fail_nomem(err, sizeof *index);
    plo_live_add(PLO_LIVE_TABLE, 1);
    index->path = index_path(store, path);
    look_at_store(&seen, store);
    int result =
        index->path == NULL ? plo_fail_nomem(err, 0) : plo_table_unchanged(store->table, err);
    if (result == 0)
        result = plo_index_open(&index->file, index->path, &seen, err);
    if (result < 0) {
        pipilo_index_close(&index);
        return result;
    }
    *out = index;
    return 0;
}

const char *pipilo_index_path(const pipilo_index *index)
{
    return index->path;
}

void pipilo_index_close(pipilo_index **slot)
{
    pipilo_index *index = *slot;
    *slot = NULL;
    if (index == NULL)
        return;
    plo_index_close(index->file);
    plo_free(index->path);
    plo_free(index);
    plo_live_add(PLO_LIVE_TABLE, -1);
}
