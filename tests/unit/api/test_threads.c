// The library from many threads at once: pipelines run and dropped, a store and its index searched,
// and all the while the settings changed, figures asked for, idle models and heap given back. Each
// gets what it gets alone. Under ThreadSanitizer (tools/tsan.sh) this is where a race would show.
#include <pthread.h>

#include "../ops/helper.h"

enum { PICTURES = 9, RUNNERS = 3, SEARCHERS = 2, ROUNDS = 12 };

static const char embed[] = "pipe.input('i').flat_map('i', ('s', 'p', 'm'), ops.read_dir())"
                            ".map('p', 'v', ops.image_embedding.timm('null:%d')).output('v')";

struct worker {
    pthread_t thread;
    int number;
    const char *failed; // what did not go as alone
    bool stop;          // atomic
};

static int64_t rows_of(pipilo_run *run, struct pipilo_error *error)
{
    pipilo_row *row = NULL;
    int64_t good = 0;
    while (pipilo_run_next(run, &row, error) == 0 && row != NULL) {
        good += pipilo_row_error(row) == NULL;
        pipilo_row_unref(&row);
    }
    return good;
}

// Each runner has a model of its own and one that all share, in turns.
static void *run_many(void *cookie)
{
    struct worker *worker = cookie;
    for (int round = 0; round < ROUNDS && worker->failed == NULL; round++) {
        struct pipilo_error error = { 0 };
        char text[256];
        pipilo_pipeline *pipeline = NULL;
        pipilo_run *run = NULL;
        pipilo_value *input = NULL;
        snprintf(text, sizeof text, embed, round % 2 == 0 ? 16 : 17 + worker->number);
        if (pipilo_value_create_string(&input, "in", &error) < 0 ||
            pipilo_pipeline_parse(&pipeline, text, &error) < 0 ||
            pipilo_pipeline_start(&run, pipeline, &input, 1, &error) < 0)
            worker->failed = "start";
        else if (round % 3 != 2 && rows_of(run, &error) != PICTURES)
            worker->failed = "rows";
        // A third of the runs is let go before it has ended.
        pipilo_run_unref(&run);
        pipilo_pipeline_unref(&pipeline);
        pipilo_value_unref(&input);
    }
    return NULL;
}

static void *search_many(void *cookie)
{
    struct worker *worker = cookie;
    for (int round = 0; round < ROUNDS && worker->failed == NULL; round++) {
        pipilo_store *store = NULL;
        pipilo_index *index = NULL;
        struct pipilo_hits *hits = NULL;
        struct pipilo_query query = PIPILO_QUERY_INIT;
        struct pipilo_search_options options = PIPILO_SEARCH_OPTIONS_INIT;
        query.row = round % PICTURES;
        if (pipilo_store_open(&store, "o.db", NULL) < 0 ||
            pipilo_index_open(&index, store, NULL, NULL) < 0)
            worker->failed = "open";
        options.index = worker->number % 2 == 0 ? index : NULL;
        if (worker->failed == NULL &&
            (pipilo_store_search(&hits, store, &query, 1, 3, &options, NULL) < 0 ||
             hits[0].list[0].row != query.row))
            worker->failed = "search";
        pipilo_free(hits);
        pipilo_index_close(&index);
        pipilo_store_close(&store);
    }
    return NULL;
}

// Marks that memory passes by and falls below, never so low that a row would be refused.
static void *disturb(void *cookie)
{
    struct worker *worker = cookie;
    for (unsigned i = 0; !__atomic_load_n(&worker->stop, __ATOMIC_RELAXED); i++) {
        struct pipilo_stats stats = { .struct_size = sizeof stats };
        struct pipilo_memory memory = PIPILO_MEMORY_INIT;
        pipilo_stats(&stats);
        memory.soft = i % 2 == 0 ? 1 << 20 : 0;
        memory.hard = i % 4 == 0 ? 2 << 20 : 0;
        memory.critical = memory.hard > 0 ? PIPILO_SHARE(100) : 0;
        if (pipilo_memory_set(&memory, NULL) < 0)
            worker->failed = "memory";
        pipilo_set_memory((uint64_t)(64 + i % 3) << 20);
        pipilo_trim();
        usleep(2000);
    }
    return NULL;
}

static void make_store(void)
{
    pipilo_store *store = NULL;
    assert_int_equal(mkdir("in", 0777), 0);
    for (unsigned i = 0; i < PICTURES; i++) {
        char picture[32];
        snprintf(picture, sizeof picture, "in/%u.bmp", i);
        put_bmp(picture, 30 + 3 * i, 40, 17 * i);
    }
    assert_int_equal(run_text("pipe.input('i').flat_map('i', ('s', 'p', 'm'), ops.read_dir())"
                              ".map('p', 'v', ops.image_embedding.timm('null:24'))"
                              ".map(('m', 'p', 'v'), 'r', ops.write_sqlite('o.db', 'null:24'))"
                              ".output('r')",
                              "in"),
                     0);
    drop_rows();
    assert_int_equal(pipilo_store_open(&store, "o.db", &err), 0);
    assert_int_equal(pipilo_index_build(store, NULL, NULL, &err), 0);
    pipilo_store_close(&store);
}

static void everything_at_once(void **state)
{
    (void)state;
    struct worker workers[RUNNERS + SEARCHERS + 1] = { 0 };
    enum { COUNT = sizeof workers / sizeof workers[0] };
    make_store();
    for (int i = 0; i < COUNT; i++) {
        workers[i].number = i;
        assert_int_equal(pthread_create(&workers[i].thread, NULL,
                                        i < RUNNERS     ? run_many
                                        : i < COUNT - 1 ? search_many
                                                        : disturb,
                                        &workers[i]),
                         0);
    }
    for (int i = 0; i < COUNT; i++) {
        if (i == COUNT - 1)
            __atomic_store_n(&workers[i].stop, true, __ATOMIC_RELAXED);
        pthread_join(workers[i].thread, NULL);
    }
    for (int i = 0; i < COUNT; i++)
        if (workers[i].failed != NULL)
            fail_msg("thread %d: %s", i, workers[i].failed);
    struct pipilo_memory usual = PIPILO_MEMORY_INIT;
    assert_int_equal(pipilo_memory_set(&usual, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { OPS_TEST(everything_at_once) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
