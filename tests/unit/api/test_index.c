// An index belongs to the vectors it was made of, whatever happens to their file in the meantime.
#include "../ops/helper.h"

enum { PICTURES = 9 };

static void make_store(const char *name, unsigned shade)
{
    char text[512];
    (void)mkdir("in", 0777);
    for (unsigned i = 0; i < PICTURES; i++) {
        char picture[32];
        snprintf(picture, sizeof picture, "in/%u.bmp", i);
        put_bmp(picture, 30 + 3 * i, 40, shade + 17 * i);
    }
    snprintf(text, sizeof text,
             "pipe.input('i').flat_map('i', ('s', 'p', 'm'), ops.read_dir())"
             ".map('p', 'v', ops.image_embedding.timm('null:24'))"
             ".map(('m', 'p', 'v'), 'r', ops.write_sqlite('%s', 'null:24')).output('r')",
             name);
    assert_int_equal(run_text(text, "in"), 0);
}

static void a_store_replaced_since_it_was_opened(void **state)
{
    (void)state;
    pipilo_store *store = NULL;
    pipilo_index *index = NULL;
    make_store("o.db", 0);
    make_store("p.db", 1);
    assert_int_equal(pipilo_store_open(&store, "o.db", &err), 0);
    assert_int_equal(pipilo_index_build(store, NULL, NULL, &err), 0);
    assert_int_equal(pipilo_index_open(&index, store, NULL, &err), 0);
    pipilo_index_close(&index);
    // The vectors are still the old ones': an index of them must not pass for one of the new.
    assert_int_equal(rename("p.db", "o.db"), 0);
    assert_int_equal(pipilo_index_build(store, NULL, NULL, &err), PIPILO_EMISMATCH);
    assert_non_null(strstr(err.message, "has changed since it was opened"));
    assert_int_equal(pipilo_index_open(&index, store, NULL, &err), PIPILO_EMISMATCH);
    pipilo_store_close(&store);
    assert_int_equal(pipilo_store_open(&store, "o.db", &err), 0);
    assert_int_equal(pipilo_index_open(&index, store, NULL, &err), PIPILO_EMISMATCH);
    assert_int_equal(pipilo_index_build(store, NULL, NULL, &err), 0);
    assert_int_equal(pipilo_index_open(&index, store, NULL, &err), 0);
    pipilo_index_close(&index);
    pipilo_store_close(&store);
}

static int replace(void *cookie, int64_t done, int64_t all)
{
    (void)cookie;
    (void)done;
    (void)all;
    (void)rename("p.db", "o.db");
    return 0;
}

static void a_store_replaced_while_it_is_read(void **state)
{
    (void)state;
    pipilo_store *store = NULL;
    struct pipilo_index_options options = PIPILO_INDEX_OPTIONS_INIT;
    make_store("o.db", 0);
    make_store("p.db", 1);
    options.progress = replace;
    assert_int_equal(pipilo_store_open(&store, "o.db", &err), 0);
    assert_int_equal(pipilo_index_build(store, NULL, &options, &err), PIPILO_EMISMATCH);
    assert_int_not_equal(access("o.db.index", F_OK), 0);
    assert_int_equal(access("o.db", F_OK), 0);
    pipilo_store_close(&store);
}

static void a_cut_index_is_refused(void **state)
{
    (void)state;
    pipilo_store *store = NULL;
    pipilo_index *index = NULL;
    struct pipilo_hits *hits = NULL;
    struct pipilo_query query = PIPILO_QUERY_INIT;
    struct pipilo_search_options options = PIPILO_SEARCH_OPTIONS_INIT;
    make_store("o.db", 0);
    query.row = 1;
    assert_int_equal(pipilo_store_open(&store, "o.db", &err), 0);
    assert_int_equal(pipilo_index_build(store, NULL, NULL, &err), 0);
    assert_int_equal(pipilo_index_open(&index, store, NULL, &err), 0);
    options.index = index;
    assert_int_equal(pipilo_store_search(&hits, store, &query, 1, 3, &options, &err), 0);
    pipilo_free(hits);
    assert_int_equal(truncate("o.db.index", 100), 0);
    assert_int_equal(pipilo_store_search(&hits, store, &query, 1, 3, &options, &err),
                     PIPILO_ECORRUPT);
    pipilo_index_close(&index);
    pipilo_store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OPS_TEST(a_store_replaced_since_it_was_opened),
        OPS_TEST(a_store_replaced_while_it_is_read),
        OPS_TEST(a_cut_index_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
