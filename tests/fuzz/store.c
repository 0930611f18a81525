// store.c: a store read, searched and updated (see store.h).
#include "store.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "fuzz.h"
#include "search/search.h"
#include "table/table.h"

enum { MOST_ROWS = 64, MOST_DIM = 256 };

static float vectors[MOST_ROWS * MOST_DIM];
static uint8_t valid[MOST_ROWS];

static int read_vectors(void *cookie, int64_t first, size_t count, float *out, uint8_t *there,
                        struct pipilo_error *err)
{
    return plo_table_vectors(cookie, first, count, out, there, err);
}

static void search(struct plo_table *table, size_t dim)
{
    static float query[MOST_DIM] = { 1.0f, 0.5f, -0.25f };
    struct pipilo_error err = { 0 };
    struct plo_search *found = NULL;
    struct plo_search_source source = { .rows = plo_table_rows(table),
                                        .read = read_vectors,
                                        .cookie = table };
    const struct plo_search_hit *hits = NULL;
    fuzz_require(plo_search_create(&found, query, 1, dim, 5, &err) == 0, "a query is one");
    if (fuzz_result(plo_search_run(found, &source, 1, &err), &err) == 0) {
        size_t count = plo_search_hits(found, 0, &hits);
        fuzz_require(count <= 5, "no more than was asked for");
        for (size_t i = 0; i < count; i++)
            fuzz_require(hits[i].row >= 0 && hits[i].row < source.rows && isfinite(hits[i].score),
                         "a hit is a row and has a score");
    }
    plo_search_destroy(found);
}

static void read_rows(struct plo_table *table, int64_t rows)
{
    struct pipilo_error err = { 0 };
    const struct plo_table_count *counts = NULL;
    const void *map = NULL;
    size_t count = 0;
    for (int64_t i = 0; i < rows && i < MOST_ROWS; i++) {
        struct plo_row row = { 0 };
        if (fuzz_result(plo_table_row(table, i, &row, &err), &err) == 0)
            fuzz_require(row.source != NULL && row.row == i, "a row has its source and number");
    }
    (void)fuzz_result(plo_table_row(table, rows, &(struct plo_row){ 0 }, &err), &err);
    (void)fuzz_result(plo_table_errors(table, &counts, &count, &err), &err);
    (void)fuzz_result(plo_table_map(table, &map, &err), &err);
}

// A store that can be read must say so of an update too, or why not.
static void update(const char *path, const struct plo_table_meta *meta, const char *source)
{
    struct pipilo_error err = { 0 };
    struct plo_table *table = NULL;
    struct plo_table_options options = { .update = true };
    struct plo_row row = { .row = -1, .source = source, .size = 1, .vector = vectors };
    if (fuzz_result(plo_table_create(&table, path, meta, &options, &err), &err) < 0)
        return;
    int result = fuzz_result(plo_table_known(table, source, 1, 2, &row.row, &err), &err);
    if (result == 0)
        result = fuzz_result(plo_table_append(table, &row, &err), &err);
    if (result >= 0)
        (void)fuzz_result(plo_table_finish(table, &err), &err);
    plo_table_close(table);
}

// What is read of a store; true where an update may be tried.
static bool look(const char *path)
{
    struct pipilo_error err = { 0 };
    struct plo_table *table = NULL;
    if (fuzz_result(plo_table_open(&table, path, &err), &err) < 0)
        return false;
    const struct plo_table_meta *meta = plo_table_meta(table);
    int64_t rows = plo_table_rows(table);
    fuzz_require(rows >= 0 && meta->fingerprint != NULL && meta->model != NULL,
                 "it says what it is");
    fuzz_require(meta->dim > 0 && meta->dim <= PLO_TABLE_DIM_LIMIT, "vectors have a length");
    read_rows(table, rows);
    bool small = meta->dim <= MOST_DIM;
    if (small) {
        size_t count = rows < MOST_ROWS ? (size_t)rows : MOST_ROWS;
        (void)fuzz_result(plo_table_vectors(table, 0, count, vectors, valid, &err), &err);
        if (rows > 0 && rows <= 4096)
            search(table, meta->dim);
        // The store may hold any number of rows by its own word: only small ones are gone over.
        update(path, meta, rows % 2 == 0 ? "a.jpg" : "new.jpg");
    }
    plo_table_close(table);
    return small;
}

void fuzz_store(const char *path)
{
    if (look(path))
        (void)look(path);
}
