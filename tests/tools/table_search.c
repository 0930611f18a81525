// table_search.c: the rows of a store nearest to some of its own, for tests that compare with
// NumPy.
//
// usage: table_search STORE K ROW...     prints "QUERY ROW SCORE" a line; or
//        table_search STORE              prints rows, dim, errors by code and every row's source
#include <stdio.h>
#include <stdlib.h>

#include "search/search.h"
#include "table/table.h"

static int read_block(void *cookie, int64_t first, size_t count, float *vectors, uint8_t *valid,
                      struct pipilo_error *err)
{
    return plo_table_vectors(cookie, first, count, vectors, valid, err);
}

static int show(struct plo_table *table, struct pipilo_error *err)
{
    const struct plo_table_count *counts = NULL;
    size_t count = 0;
    int64_t rows = plo_table_rows(table);
    int result = plo_table_errors(table, &counts, &count, err);
    if (result < 0)
        return result;
    printf("%lld rows, dim %zu, %s\n", (long long)rows, plo_table_meta(table)->dim,
           plo_table_meta(table)->fingerprint);
    for (size_t i = 0; i < count; i++)
        printf("%lld %s\n", (long long)counts[i].rows, counts[i].code);
    for (int64_t i = 0; i < rows; i++) {
        struct plo_row row;
        result = plo_table_row(table, i, &row, err);
        if (result < 0)
            return result;
        printf("%lld %s\n", (long long)row.row, row.source);
    }
    return 0;
}

static int search(struct plo_table *table, size_t k, char **rows, size_t count,
                  struct pipilo_error *err)
{
    size_t dim = plo_table_meta(table)->dim;
    float *queries = calloc(count * dim, sizeof *queries);
    struct plo_search *search = NULL;
    struct plo_search_source source = {
        .rows = plo_table_rows(table),
        .halves = plo_table_meta(table)->halves,
        .read = read_block,
        .cookie = table,
    };
    uint8_t valid = 0;
    int result = queries != NULL ? 0 : PIPILO_ENOMEM;
    for (size_t i = 0; result == 0 && i < count; i++)
        result =
            plo_table_vectors(table, strtoll(rows[i], NULL, 10), 1, queries + i * dim, &valid, err);
    if (result == 0)
        result = plo_search_create(&search, queries, count, dim, k, err);
    if (result == 0)
        result = plo_table_map(table, &source.mapped, err);
    if (result == 0)
        result = plo_search_run(search, &source, 3, err);
    for (size_t i = 0; result == 0 && i < count; i++) {
        const struct plo_search_hit *hits = NULL;
        size_t found = plo_search_hits(search, i, &hits);
        for (size_t j = 0; j < found; j++)
            printf("%s %lld %.9g\n", rows[i], (long long)hits[j].row, (double)hits[j].score);
    }
    plo_search_destroy(search);
    free(queries);
    return result;
}

int main(int argc, char **argv)
{
    struct plo_table *table = NULL;
    struct pipilo_error err = { 0 };
    if (argc < 2)
        return 2;
    int result = plo_table_open(&table, argv[1], &err);
    if (result == 0 && argc > 3)
        result = search(table, strtoul(argv[2], NULL, 10), argv + 3, (size_t)argc - 3, &err);
    else if (result == 0)
        result = show(table, &err);
    plo_table_close(table);
    if (result < 0)
        fprintf(stderr, "%s: %s\n", pipilo_error_name(result), err.message);
    return result < 0 ? 1 : 0;
}
