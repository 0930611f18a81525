// Searching a store: by vector, row and picture; what does not fit is refused.
#include <math.h>

#include "../ops/helper.h"

enum { PICTURES = 9 };

static void make_store(const char *arguments)
{
    char text[512];
    assert_int_equal(mkdir("in", 0777), 0);
    for (unsigned i = 0; i < PICTURES; i++) {
        char name[32];
        snprintf(name, sizeof name, "in/%u.bmp", i);
        if (i == 4)
            put(name, "text", 4);
        else
            put_bmp(name, 30 + 3 * i, 40, 17 * i);
    }
    snprintf(text, sizeof text,
             "pipe.input('i').flat_map('i', ('s', 'p', 'm'), ops.read_dir())"
             ".map('p', 'v', ops.image_embedding.timm(%s))"
             ".map(('m', 'p', 'v'), 'r', ops.write_sqlite('o.db', %s)).output('r')",
             arguments, arguments);
    assert_int_equal(run_text(text, "in"), 0);
    assert_int_equal(row_count, PICTURES);
}

static void finds_a_picture_among_its_like(void **state)
{
    (void)state;
    pipilo_store *store = NULL;
    struct pipilo_hits *hits = NULL;
    struct pipilo_query queries[3] = { PIPILO_QUERY_INIT, PIPILO_QUERY_INIT, PIPILO_QUERY_INIT };
    float vector[24];
    make_store("'null:24', normalize=True");
    assert_int_equal(pipilo_store_open(&store, "o.db", &err), 0);
    assert_int_equal(pipilo_store_vectors(vector, store, 6, 1, &err), 0);
    assert_int_equal(pipilo_value_create_string(&queries[0].picture, "in/3.bmp", &err), 0);
    queries[1].row = 7;
    queries[2].vector = vector;
    assert_int_equal(pipilo_store_search(&hits, store, queries, 3, 4, NULL, &err), 0);
    const int64_t expected[3] = { 3, 7, 6 };
    for (size_t q = 0; q < 3; q++) {
        assert_int_equal(hits[q].count, 4);
        assert_int_equal(hits[q].list[0].row, expected[q]);
        assert_true(fabsf(hits[q].list[0].score - 1) < 1e-6f);
        for (size_t i = 1; i < 4; i++) {
            assert_true(hits[q].list[i].score <= hits[q].list[i - 1].score);
            assert_int_not_equal(hits[q].list[i].row, 4);
        }
    }
    assert_string_equal(hits[0].list[0].source, "in/3.bmp");
    pipilo_free(hits);
    // More than there are: every row that has a vector.
    assert_int_equal(pipilo_store_search(&hits, store, queries, 1, 100, NULL, &err), 0);
    assert_int_equal(hits[0].count, PICTURES - 1);
    pipilo_free(hits);
    pipilo_value_unref(&queries[0].picture);
    pipilo_store_close(&store);
}

static int search(pipilo_store *store, const struct pipilo_query *query, size_t limit,
                  const struct pipilo_search_options *options)
{
    struct pipilo_hits *hits = NULL;
    int result = pipilo_store_search(&hits, store, query, 1, limit, options, &err);
    assert_true((result == 0) == (hits != NULL));
    pipilo_free(hits);
    return result;
}

// What was said of the search, and from when on it is ended.
struct watched {
    int calls, last;
    int64_t done, rows;
};

static int watch(void *cookie, int64_t done, int64_t all)
{
    struct watched *watched = cookie;
    assert_true(done >= watched->done && done <= all);
    watched->done = done;
    watched->rows = all;
    return ++watched->calls >= watched->last;
}

static void is_ended_by_who_watches_it(void **state)
{
    (void)state;
    pipilo_store *store = NULL;
    struct pipilo_query query = PIPILO_QUERY_INIT;
    struct pipilo_search_options options = PIPILO_SEARCH_OPTIONS_INIT;
    struct watched watched = { .last = 1000 };
    options.progress = watch;
    options.cookie = &watched;
    query.row = 1;
    make_store("'null:24'");
    assert_int_equal(pipilo_store_open(&store, "o.db", &err), 0);
    assert_int_equal(search(store, &query, 3, &options), 0);
    assert_true(watched.calls > 0 && watched.rows == PICTURES);
    watched = (struct watched){ .last = 1 };
    assert_int_equal(search(store, &query, 3, &options), PIPILO_ECANCELED);
    assert_int_equal(watched.calls, 1);
    // Who was built before there was this knows nothing of it.
    options.struct_size = offsetof(struct pipilo_search_options, progress);
    assert_int_equal(search(store, &query, 3, &options), 0);
    assert_int_equal(watched.calls, 1);
    pipilo_store_close(&store);
}

static void refuses_what_does_not_fit(void **state)
{
    (void)state;
    pipilo_store *store = NULL;
    struct pipilo_query query = PIPILO_QUERY_INIT;
    struct pipilo_search_options options = PIPILO_SEARCH_OPTIONS_INIT;
    make_store("'null:24'");
    assert_int_equal(pipilo_store_open(&store, "o.db", &err), 0);
    assert_int_equal(search(store, &query, 3, NULL), PIPILO_EINVALID);
    query.row = 4;
    assert_int_equal(search(store, &query, 3, NULL), PIPILO_ENOTFOUND);
    query.row = PICTURES;
    assert_int_equal(search(store, &query, 3, NULL), PIPILO_ENOTFOUND);
    query.row = 1;
    assert_int_equal(search(store, &query, 0, NULL), PIPILO_EINVALID);
    assert_int_equal(search(store, &query, 3, NULL), 0);
    assert_int_equal(pipilo_value_create_string(&query.picture, "in/4.bmp", &err), 0);
    assert_int_equal(search(store, &query, 3, NULL), PIPILO_EINVALID);
    query.row = -1;
    assert_int_equal(search(store, &query, 3, NULL), PIPILO_EFORMAT);
    options.model = "null:32";
    assert_int_equal(search(store, &query, 3, &options), PIPILO_EMISMATCH);
    assert_non_null(strstr(err.message, pipilo_store_info(store)->fingerprint));
    pipilo_value_unref(&query.picture);
    pipilo_store_close(&store);
    assert_int_equal(pipilo_store_open(&store, "none.db", &err), PIPILO_ENOTFOUND);
    assert_int_equal(pipilo_store_open(&store, "in/0.bmp", &err), PIPILO_EFORMAT);
    assert_null(store);
}

// Ends the map with the nth question; counts them.
struct asked {
    int count, ends_at;
};

static int end_map(void *cookie)
{
    struct asked *asked = cookie;
    return ++asked->count == asked->ends_at;
}

static int map_count(pipilo_store *store, const struct pipilo_map_options *options)
{
    struct pipilo_map *map = NULL;
    int result = pipilo_store_map(&map, store, options, &err);
    assert_true((result == 0) == (map != NULL));
    if (result == 0) {
        assert_int_equal(map->rows, PICTURES);
        result = (int)map->count;
    }
    pipilo_free(map);
    return result;
}

// With few dimensions and with many, which are laid out in different ways.
static void a_map_is_ended_and_bounded(void **state)
{
    (void)state;
    static const char *const models[] = { "'null:8'", "'null:96'" };
    for (size_t i = 0; i < 2; i++) {
        pipilo_store *store = NULL;
        struct asked asked = { 0, 0 };
        struct pipilo_map_options options = PIPILO_MAP_OPTIONS_INIT;
        options.limit = 5;
        options.stop = end_map;
        options.cookie = &asked;
        if (i > 0)
            assert_int_equal(system("rm -rf in o.db"), 0);
        make_store(models[i]);
        assert_int_equal(pipilo_store_open(&store, "o.db", &err), 0);
        // Row 4, a text, has no vector.
        assert_int_equal(map_count(store, NULL), PICTURES - 1);
        int found = map_count(store, &options);
        assert_in_range(found, 4, 5);
        int questions = asked.count;
        assert_true(questions > 1);
        for (int n = 1; n <= questions; n++) {
            asked = (struct asked){ 0, n };
            assert_int_equal(map_count(store, &options), PIPILO_ECANCELED);
            assert_int_equal(asked.count, n);
        }
        // Who was built before there was a way to end it has none.
        options.struct_size = offsetof(struct pipilo_map_options, stop);
        asked = (struct asked){ 0, 1 };
        assert_int_equal(map_count(store, &options), found);
        assert_int_equal(asked.count, 0);
        pipilo_set_memory(64);
        assert_int_equal(map_count(store, NULL), PIPILO_EBUDGET);
        assert_non_null(strstr(err.message, "a map of 9 rows takes "));
        pipilo_set_memory(0);
        assert_int_equal(map_count(store, NULL), PICTURES - 1);
        pipilo_store_close(&store);
    }
}

static bool stop(void *cookie)
{
    (void)cookie;
    return false;
}

static void counts_inputs(void **state)
{
    (void)state;
    const char *inputs[] = { "in", "missing.png" };
    int64_t count;
    make_store("'null:24'");
    assert_int_equal(pipilo_inputs_count(&count, inputs, 2, NULL, NULL, NULL, &err), 0);
    assert_int_equal(count, PICTURES + 1);
    assert_int_equal(pipilo_inputs_count(&count, inputs, 2, "-", NULL, NULL, &err), 0);
    assert_int_equal(count, -1);
    assert_int_equal(pipilo_inputs_count(&count, inputs, 2, "nowhere", NULL, NULL, &err),
                     PIPILO_ENOTFOUND);
    assert_int_equal(system("tar cf in.tar in"), 0);
    inputs[1] = "in.tar";
    assert_int_equal(pipilo_inputs_count(&count, inputs, 2, NULL, NULL, NULL, &err), 0);
    assert_int_equal(count, -1);
    for (int i = 0; i < 300; i++) {
        char name[32];
        snprintf(name, sizeof name, "in/x%d.png", i);
        put(name, "", 0);
    }
    assert_int_equal(pipilo_inputs_count(&count, inputs, 1, NULL, stop, NULL, &err),
                     PIPILO_ECANCELED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OPS_TEST(finds_a_picture_among_its_like),
        OPS_TEST(is_ended_by_who_watches_it),
        OPS_TEST(refuses_what_does_not_fit),
        OPS_TEST(a_map_is_ended_and_bounded),
        OPS_TEST(counts_inputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
