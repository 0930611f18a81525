// index_rate.c: searches by an index beside exact ones: how many a second, and how much they find.
//
// usage: index_rate STORE QUERIES TIMES [HALVES]
//
// STORE.index must be there. The queries are rows of the store, evenly spread. Prints one JSON
// object: searches a second one by one, exact and by the index, and with all queries given at once;
// the recall@10 of the index, and of HALVES, a store of the same rows in 16 bits (null without);
// and the seconds it takes to open the index. Medians of TIMES, taken in turn, after one round that
// warms up.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <pipilo/pipilo.h>

enum { MOST = 64, K = 10 };

struct bench {
    pipilo_store *store, *halves;
    pipilo_index *index;
    int64_t queries, step;
};

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct pipilo_hits *search(const struct bench *bench, pipilo_store *store, int64_t first,
                                  size_t count, bool by_index)
{
    struct pipilo_search_options options = PIPILO_SEARCH_OPTIONS_INIT;
    struct pipilo_query *queries = calloc(count, sizeof *queries);
    struct pipilo_hits *hits = NULL;
    struct pipilo_error err;
    if (queries == NULL)
        exit(1);
    options.index = by_index ? bench->index : NULL;
    for (size_t i = 0; i < count; i++) {
        queries[i] = (struct pipilo_query)PIPILO_QUERY_INIT;
        queries[i].row = (first + (int64_t)i) * bench->step;
    }
    if (pipilo_store_search(&hits, store, queries, count, K, &options, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    free(queries);
    return hits;
}

// Searches a second, `at_once` queries in a call.
static double rate(const struct bench *bench, int64_t queries, size_t at_once, bool by_index)
{
    double begun = seconds();
    for (int64_t i = 0; i < queries; i += (int64_t)at_once)
        pipilo_free(search(bench, bench->store, i, at_once, by_index));
    return (double)queries / (seconds() - begun);
}

// How many of the ten nearest a store's search finds: by the index, or exactly in another store.
static double recall(const struct bench *bench, pipilo_store *store, bool by_index)
{
    struct pipilo_hits *exact = search(bench, bench->store, 0, (size_t)bench->queries, false);
    struct pipilo_hits *other = search(bench, store, 0, (size_t)bench->queries, by_index);
    size_t wanted = 0, found = 0;
    for (int64_t i = 0; i < bench->queries; i++) {
        wanted += exact[i].count;
        for (size_t k = 0; k < exact[i].count; k++)
            for (size_t j = 0; j < other[i].count; j++)
                found += exact[i].list[k].row == other[i].list[j].row;
    }
    pipilo_free(exact);
    pipilo_free(other);
    return (double)found / (double)wanted;
}

static int by_size(const void *a, const void *b)
{
    const double *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, by_size);
    return values[count / 2];
}

static void open_store(pipilo_store **store, const char *path)
{
    struct pipilo_error err;
    if (pipilo_store_open(store, path, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    static double exact[MOST], quick[MOST], exact_all[MOST], quick_all[MOST];
    struct bench bench = { 0 };
    struct pipilo_error err;
    bool enough = argc == 4 || argc == 5;
    int times = enough ? (int)strtol(argv[3], NULL, 10) : 0;
    bench.queries = enough ? strtol(argv[2], NULL, 10) : 0;
    if (times < 1 || times > MOST || bench.queries < 40)
        return 2;
    open_store(&bench.store, argv[1]);
    if (argc == 5)
        open_store(&bench.halves, argv[4]);
    double opening = seconds();
    if (pipilo_index_open(&bench.index, bench.store, NULL, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    opening = seconds() - opening;
    bench.step = pipilo_store_info(bench.store)->rows / bench.queries;
    size_t all = (size_t)bench.queries;
    for (int i = -1; i < times; i++) {
        int at = i < 0 ? 0 : i;
        // A tenth of the exact ones is enough to know.
        exact[at] = rate(&bench, bench.queries / 10, 1, false);
        quick[at] = rate(&bench, bench.queries, 1, true);
        exact_all[at] = rate(&bench, bench.queries, all, false);
        quick_all[at] = rate(&bench, bench.queries, all, true);
    }
    printf("{\"exact\": %.6g, \"index\": %.6g, \"exact_at_once\": %.6g, \"index_at_once\": %.6g, "
           "\"recall\": %.5f, \"recall_halves\": ",
           median(exact, times), median(quick, times), median(exact_all, times),
           median(quick_all, times), recall(&bench, bench.store, true));
    if (bench.halves != NULL)
        printf("%.5f", recall(&bench, bench.halves, false));
    else
        printf("null");
    printf(", \"open_seconds\": %.4f}\n", opening);
    pipilo_index_close(&bench.index);
    pipilo_store_close(&bench.store);
    pipilo_store_close(&bench.halves);
    return 0;
}
