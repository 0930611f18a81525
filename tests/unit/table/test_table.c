// test_table.c: what is written is what is read back, for each kind of table; existing ones are
// refused, replaced or updated; and nothing is left of what was not finished.
#include "helper.h"

#include <math.h>

static const char *const stores[] = { "x.npy", "x.db", "x.sqlite", "x.NPY" };
static const char *const all[] = { "x.npy", "x.db", "z.jsonl" };
static const struct plo_table_options plain, force = { .force = true }, update = { .update = true };

static void check_rows(const char *path, int count, int salt)
{
    struct plo_table *table = NULL;
    struct pipilo_error err = { 0 };
    assert_int_equal(plo_table_open(&table, path, &err), 0);
    assert_int_equal(plo_table_rows(table), count);
    assert_int_equal(plo_table_meta(table)->dim, DIM);
    assert_string_equal(plo_table_meta(table)->fingerprint, "id-1");
    assert_string_equal(plo_table_meta(table)->fingerprint_json, "{\"model\": \"m\"}");
    assert_string_equal(plo_table_meta(table)->noted_json, "{}");
    assert_string_equal(plo_table_meta(table)->settings_json, "{\"precision\": \"f32\"}");
    assert_string_equal(plo_table_meta(table)->model, "some model");
    float *vectors = malloc(((size_t)count + 1) * DIM * sizeof *vectors);
    uint8_t *valid = malloc((size_t)count + 1);
    assert_int_equal(plo_table_vectors(table, 0, (size_t)count, vectors, valid, &err), 0);
    for (int n = count - 1; n >= 0; n--) {
        struct plo_row row, read;
        char name[32];
        float vector[DIM];
        fill(&row, n, salt, name, vector);
        assert_int_equal(valid[n], row.code == NULL);
        if (row.code == NULL)
            assert_memory_equal(vectors + n * DIM, vector, sizeof vector);
        assert_int_equal(plo_table_row(table, n, &read, &err), 0);
        assert_int_equal(read.row, n);
        assert_string_equal(read.source, name);
        assert_int_equal(read.width, row.width);
        assert_int_equal(read.height, row.height);
        assert_int_equal(read.code == NULL, row.code == NULL);
        if (row.code != NULL) {
            assert_string_equal(read.code, row.code);
            assert_string_equal(read.message, row.message);
        }
    }
    const struct plo_table_count *counts = NULL;
    size_t codes = 0;
    assert_int_equal(plo_table_errors(table, &counts, &codes, &err), 0);
    int64_t failed = 0;
    for (size_t i = 0; i < codes; i++)
        failed += counts[i].rows;
    assert_int_equal(failed, (count + 0) / 3);
    if (count > 6) {
        assert_int_equal(codes, 2);
        assert_string_equal(counts[0].code, "corrupt");
        assert_string_equal(counts[1].code, "truncated");
    }
    assert_int_equal(plo_table_row(table, count, &(struct plo_row){ 0 }, &err), PIPILO_ENOTFOUND);
    assert_int_equal(plo_table_row(table, -1, &(struct plo_row){ 0 }, &err), PIPILO_ENOTFOUND);
    assert_int_equal(plo_table_vectors(table, 1, (size_t)count, vectors, valid, &err),
                     PIPILO_EINVALID);
    assert_int_equal(plo_table_vectors(table, count, 0, vectors, valid, &err), 0);
    free(vectors);
    free(valid);
    plo_table_close(table);
    assert_int_equal(plo_live_count(PLO_LIVE_TABLE), 0);
}

static void test_round_trip(void **state)
{
    (void)state;
    static const int counts[] = { 0, 1, 7, 3000 };
    struct pipilo_error err = { 0 };
    for (size_t i = 0; i < PLO_COUNT(stores); i++)
        for (size_t j = 0; j < PLO_COUNT(counts); j++) {
            int64_t live = plo_alloc_live();
            assert_int_equal(make(stores[i], counts[j], 0, force, &err), 0);
            check_rows(stores[i], counts[j], 0);
            assert_int_equal(plo_alloc_live(), live);
        }
}

static void test_files_left(void **state)
{
    (void)state;
    struct pipilo_error err = { 0 };
    assert_int_equal(make("x.db", 3, 0, plain, &err), 0);
    assert_string_equal(listing(), "x.db ");
    assert_int_equal(make("y.npy", 3, 0, plain, &err), 0);
    assert_string_equal(listing(), "x.db y.jsonl y.meta.json y.npy ");
    assert_int_equal(make("z.jsonl", 3, 0, plain, &err), 0);
    assert_string_equal(listing(), "x.db y.jsonl y.meta.json y.npy z.jsonl z.meta.json ");
}

static void test_unfinished_leaves_nothing(void **state)
{
    (void)state;
    struct pipilo_error err = { 0 };
    for (size_t i = 0; i < PLO_COUNT(all); i++) {
        struct plo_table *table = NULL;
        assert_int_equal(plo_table_create(&table, all[i], &meta, &plain, &err), 0);
        assert_int_equal(write_rows(table, 700, 0, &err), 0);
        assert_false(exists(all[i]));
        // All that is there begins with OUT's name.
        char names[4096];
        snprintf(names, sizeof names, "%s", listing());
        for (char *name = names; *name != '\0'; name = strchr(name, ' ') + 1)
            assert_memory_equal(name, all[i], strlen(all[i]));
        plo_table_close(table);
        assert_string_equal(listing(), "");
    }
}

static void test_existing_is_refused(void **state)
{
    (void)state;
    struct pipilo_error err = { 0 };
    for (size_t i = 0; i < PLO_COUNT(all); i++) {
        assert_int_equal(make(all[i], 3, 0, force, &err), 0);
        assert_int_equal(make(all[i], 3, 0, plain, &err), PIPILO_EEXISTS);
        assert_non_null(strstr(err.message, "--force"));
        assert_non_null(strstr(err.message, "--update"));
        assert_int_equal(make(all[i], 9, 1, force, &err), 0);
    }
    check_rows("x.db", 9, 1);
    // What stands beside OUT counts too.
    assert_int_equal(unlink("x.npy"), 0);
    for (int updates = 0; updates < 2; updates++) {
        assert_int_equal(make("x.npy", 3, 0, updates ? update : plain, &err), PIPILO_EEXISTS);
        assert_non_null(strstr(err.message, "remove what is left"));
        assert_null(strstr(err.message, "--update"));
        assert_false(exists("x.npy"));
    }
    assert_int_equal(mkdir("d.db", 0777), 0);
    assert_int_equal(make("d.db", 3, 0, force, &err), PIPILO_EEXISTS);
}

static void put_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

// X.jsonl belongs to X.npy, or is a store of its own: neither takes the other's place.
static void test_rows_of_another(void **state)
{
    (void)state;
    static const struct plo_table_options resume = { .resume = true };
    static const struct plo_table_options *const ways[] = { &force, &resume };
    struct pipilo_error err = { 0 };
    assert_int_equal(make("x.npy", 9, 0, plain, &err), 0);
    for (size_t i = 0; i < PLO_COUNT(ways); i++) {
        assert_int_equal(make("x.jsonl", 3, 1, *ways[i], &err), PIPILO_EEXISTS);
        assert_non_null(strstr(err.message, "x.jsonl holds the rows of x.npy"));
    }
    check_rows("x.npy", 9, 0);
    // What an X.npy has left is replaced, also where its first rows failed or there is none.
    for (int rows = 0; rows < 9; rows += 4) {
        assert_int_equal(make("x.npy", rows, 0, force, &err), 0);
        assert_int_equal(unlink("x.npy"), 0);
        assert_int_equal(make("x.npy", 5, 1, force, &err), 0);
        check_rows("x.npy", 5, 1);
    }
    assert_int_equal(make("z.jsonl", 9, 0, plain, &err), 0);
    put_text("own.jsonl", "{\"row\": 1, \"mine\": true}\n");
    static const char *const outs[][2] = { { "z.npy", "z.jsonl is no rest of z.npy" },
                                           { "own.npy", "own.jsonl is no rest of own.npy" } };
    for (size_t i = 0; i < PLO_COUNT(outs); i++) {
        for (size_t j = 0; j < PLO_COUNT(ways); j++) {
            assert_int_equal(make(outs[i][0], 3, 1, *ways[j], &err), PIPILO_EEXISTS);
            assert_non_null(strstr(err.message, outs[i][1]));
        }
        assert_false(exists(outs[i][0]));
    }
    assert_string_equal(listing(), "own.jsonl x.jsonl x.meta.json x.npy z.jsonl z.meta.json ");
    // An array of the user's own beside it does not make it the array's.
    put_text("z.npy", "an array");
    assert_int_equal(make("z.npy", 3, 1, force, &err), PIPILO_EEXISTS);
    assert_non_null(strstr(err.message, "z.jsonl is no rest of z.npy"));
    put_text("y.npy", "an array");
    assert_int_equal(make("y.jsonl", 3, 1, plain, &err), PIPILO_EEXISTS);
    assert_non_null(strstr(err.message, "y.jsonl would be taken for the rows of y.npy"));
    assert_int_equal(symlink("nothing", "w.jsonl"), 0);
    assert_int_equal(make("w.npy", 3, 1, force, &err), 0);
}

static void test_appeared_meanwhile(void **state)
{
    (void)state;
    struct pipilo_error err = { 0 };
    for (size_t i = 0; i < PLO_COUNT(all); i++) {
        struct plo_table *table = NULL;
        assert_int_equal(plo_table_create(&table, all[i], &meta, &plain, &err), 0);
        assert_int_equal(write_rows(table, 2, 0, &err), 0);
        FILE *file = fopen(all[i], "w");
        fputs("mine", file);
        fclose(file);
        assert_int_equal(plo_table_finish(table, &err), PIPILO_EEXISTS);
        plo_table_close(table);
        char *text = NULL;
        assert_int_equal(plo_file_read_text(all[i], 100, &text), 0);
        assert_string_equal(text, "mine");
        plo_free(text);
        unlink(all[i]);
        assert_string_equal(listing(), "");
    }
}

static void test_two_at_once(void **state)
{
    (void)state;
    struct pipilo_error err = { 0 };
    for (size_t i = 0; i < PLO_COUNT(all); i++) {
        struct plo_table *one = NULL, *two = NULL;
        assert_int_equal(plo_table_create(&one, all[i], &meta, &plain, &err), 0);
        assert_int_equal(plo_table_create(&two, all[i], &meta, &plain, &err), PIPILO_EBUSY);
        assert_null(two);
        assert_int_equal(write_rows(one, 5, 0, &err), 0);
        assert_int_equal(plo_table_finish(one, &err), 0);
        plo_table_close(one);
    }
    check_rows("x.db", 5, 0);
    check_rows("x.npy", 5, 0);
}

static void test_bad_paths(void **state)
{
    (void)state;
    struct pipilo_error err = { 0 };
    assert_int_equal(make("x.txt", 1, 0, plain, &err), PIPILO_EINVALID);
    assert_non_null(strstr(err.message, ".npy"));
    assert_int_equal(make("npy", 1, 0, plain, &err), PIPILO_EINVALID);
    assert_int_equal(make("", 1, 0, plain, &err), PIPILO_EINVALID);
    assert_int_equal(make("none/x.npy", 1, 0, plain, &err), PIPILO_ENOTFOUND);
    assert_int_equal(make("none/x.db", 1, 0, plain, &err), PIPILO_ENOTFOUND);
    assert_int_equal(make("none/x.jsonl", 1, 0, plain, &err), PIPILO_ENOTFOUND);
    struct plo_table *table = NULL;
    assert_int_equal(plo_table_open(&table, "x.jsonl", &err), PIPILO_EFORMAT);
    assert_int_equal(plo_table_open(&table, "none.npy", &err), PIPILO_ENOTFOUND);
    assert_int_equal(plo_table_open(&table, "none.db", &err), PIPILO_ENOTFOUND);
    struct plo_table_options both = { .force = true, .update = true };
    assert_int_equal(make("x.npy", 1, 0, both, &err), PIPILO_EINVALID);
    assert_string_equal(listing(), "");
    assert_int_equal(plo_live_count(PLO_LIVE_TABLE), 0);
}

// Reads a file's text, or fails the test.
static char *text_of(const char *path)
{
    char *text = NULL;
    assert_int_equal(plo_file_read_text(path, 1 << 20, &text), 0);
    return text;
}

static void test_update(void **state)
{
    (void)state;
    struct pipilo_error err = { 0 };
    static const char *const paths[] = { "x.npy", "x.db", "y.jsonl" };
    for (size_t i = 0; i < PLO_COUNT(paths); i++) {
        struct plo_table *table = NULL;
        // Nothing there: as a plain run.
        assert_int_equal(make(paths[i], 9, 0, update, &err), 0);
        assert_int_equal(plo_table_create(&table, paths[i], &meta, &update, &err), 0);
        int64_t row = 0;
        // Unchanged and good: passed over, once for each row of that source.
        assert_int_equal(plo_table_known(table, "photos/000.jpg", 100, 1000, &row, &err), 1);
        assert_int_equal(plo_table_known(table, "photos/000.jpg", 100, 1000, &row, &err), 0);
        assert_int_equal(row, -1);
        // Changed, failed, new.
        assert_int_equal(plo_table_known(table, "photos/001.jpg", 101, 7, &row, &err), 0);
        assert_int_equal(row, 1);
        assert_int_equal(plo_table_known(table, "photos/003.jpg", 1, 1003, &row, &err), 0);
        assert_int_equal(row, 3);
        assert_int_equal(plo_table_known(table, "photos/002.jpg", 102, 1002, &row, &err), 0);
        assert_int_equal(row, 2);
        assert_int_equal(plo_table_known(table, "new.jpg", 1, 2, &row, &err), 0);
        assert_int_equal(row, -1);
        float vector[DIM] = { 9, 8, 7, 6, 5 };
        struct plo_row fixed = { .row = 2, .source = "photos/002.jpg", .vector = vector };
        struct plo_row fresh = { .row = -1, .source = "new.jpg", .vector = vector };
        struct plo_row failed = { .row = 1, .source = "photos/001.jpg", .code = "corrupt" };
        assert_int_equal(plo_table_rows(table), 9);
        assert_int_equal(plo_table_append(table, &fresh, &err), 0);
        assert_int_equal(plo_table_rows(table), 10);
        assert_int_equal(plo_table_append(table, &fixed, &err), 0);
        assert_int_equal(plo_table_append(table, &failed, &err), 0);
        assert_int_equal(plo_table_rows(table), 10);
        assert_int_equal(plo_table_finish(table, &err), 0);
        assert_int_equal(plo_table_appended(table), 3);
        plo_table_close(table);
    }
    assert_string_equal(listing(), "x.db x.jsonl x.meta.json x.npy y.jsonl y.meta.json ");
}

static void check_updated(const char *path)
{
    struct plo_table *table = NULL;
    struct pipilo_error err = { 0 };
    struct plo_row row;
    float vectors[10 * DIM];
    uint8_t valid[10];
    assert_int_equal(plo_table_open(&table, path, &err), 0);
    assert_int_equal(plo_table_rows(table), 10);
    assert_int_equal(plo_table_vectors(table, 0, 10, vectors, valid, &err), 0);
    static const uint8_t expected[] = { 1, 0, 1, 1, 1, 0, 1, 1, 0, 1 };
    assert_memory_equal(valid, expected, 10);
    assert_true(vectors[2 * DIM] == 9 && vectors[9 * DIM + 4] == 5);
    assert_int_equal(plo_table_row(table, 2, &row, &err), 0);
    assert_null(row.code);
    assert_int_equal(plo_table_row(table, 1, &row, &err), 0);
    assert_string_equal(row.code, "corrupt");
    assert_int_equal(plo_table_row(table, 9, &row, &err), 0);
    assert_string_equal(row.source, "new.jpg");
    plo_table_close(table);
}

static void test_update_is_read_back(void **state)
{
    (void)state;
    struct pipilo_error err = { 0 };
    static const char *const paths[] = { "x.npy", "y.db" };
    for (size_t i = 0; i < PLO_COUNT(paths); i++) {
        struct plo_table *table = NULL;
        assert_int_equal(make(paths[i], 9, 0, plain, &err), 0);
        assert_int_equal(plo_table_create(&table, paths[i], &meta, &update, &err), 0);
        float vector[DIM] = { 9, 8, 7, 6, 5 };
        struct plo_row fixed = { .row = 2, .source = "photos/002.jpg", .vector = vector };
        struct plo_row fresh = { .row = -1, .source = "new.jpg", .vector = vector };
        struct plo_row failed = { .row = 1, .source = "photos/001.jpg", .code = "corrupt" };
        assert_int_equal(plo_table_append(table, &fresh, &err), 0);
        assert_int_equal(plo_table_append(table, &fixed, &err), 0);
        assert_int_equal(plo_table_append(table, &failed, &err), 0);
        assert_int_equal(plo_table_finish(table, &err), 0);
        plo_table_close(table);
        check_updated(paths[i]);
        // A row that is not there cannot be replaced.
        assert_int_equal(plo_table_create(&table, paths[i], &meta, &update, &err), 0);
        failed.row = 10;
        assert_int_equal(plo_table_append(table, &failed, &err), PIPILO_EINVALID);
        plo_table_close(table);
        check_updated(paths[i]);
    }
}

static void test_update_of_the_same_changes_nothing(void **state)
{
    (void)state;
    struct pipilo_error err = { 0 };
    assert_int_equal(make("x.npy", 40, 0, plain, &err), 0);
    char *lines = text_of("x.jsonl"), *about = text_of("x.meta.json");
    assert_int_equal(make("x.npy", 40, 0, update, &err), 0);
    char *lines2 = text_of("x.jsonl"), *about2 = text_of("x.meta.json");
    assert_string_equal(lines, lines2);
    assert_string_equal(about, about2);
    check_rows("x.npy", 40, 0);
    plo_free(lines);
    plo_free(lines2);
    plo_free(about);
    plo_free(about2);
}

static void test_update_with_another_fingerprint(void **state)
{
    (void)state;
    struct pipilo_error err = { 0 };
    struct plo_table *table = NULL;
    for (size_t i = 0; i < PLO_COUNT(all); i++) {
        struct plo_table_meta other = meta;
        assert_int_equal(make(all[i], 4, 0, force, &err), 0);
        other.fingerprint = "id-2";
        assert_int_equal(plo_table_create(&table, all[i], &other, &update, &err), PIPILO_EMISMATCH);
        assert_non_null(strstr(err.message, "id-1"));
        assert_non_null(strstr(err.message, "id-2"));
        other = meta;
        other.dim = 4;
        assert_int_equal(plo_table_create(&table, all[i], &other, &update, &err), PIPILO_EMISMATCH);
        assert_null(table);
    }
    assert_string_equal(listing(), "x.db x.jsonl x.meta.json x.npy z.jsonl z.meta.json ");
}

static void test_archive_rows(void **state)
{
    (void)state;
    struct pipilo_error err = { 0 };
    static const struct plo_table_member members[] = { { "json", 2, "{}" },
                                                       { "json", 1, "2" },
                                                       { "big", 5000000, NULL } };
    float vector[DIM] = { 1, 2, 3, 4, 5 };
    struct plo_row row = { .row = -1,
                           .source = "s.tar/\xffk.jpg",
                           .vector = vector,
                           .key = "\xffk",
                           .members = members,
                           .member_count = 3 };
    for (size_t i = 0; i < PLO_COUNT(stores); i++) {
        struct plo_table *table = NULL;
        assert_int_equal(plo_table_create(&table, stores[i], &meta, &force, &err), 0);
        assert_int_equal(plo_table_append(table, &row, &err), 0);
        assert_int_equal(plo_table_finish(table, &err), 0);
        plo_table_close(table);
        struct plo_row read;
        assert_int_equal(plo_table_open(&table, stores[i], &err), 0);
        assert_int_equal(plo_table_row(table, 0, &read, &err), 0);
        assert_string_equal(read.source, "s.tar/\xffk.jpg");
        assert_string_equal(read.key, "\xffk");
        plo_table_close(table);
    }
}

static void test_thumbnails(void **state)
{
    (void)state;
    struct pipilo_error err = { 0 };
    struct plo_table *table = NULL;
    float vector[DIM] = { 1 };
    struct plo_row row = { .row = -1,
                           .source = "a",
                           .vector = vector,
                           .thumbnail = "\xff\xd8\0j",
                           .thumbnail_size = 4,
                           .size = 3,
                           .mtime_ns = -5 };
    assert_int_equal(plo_table_create(&table, "t.db", &meta, &plain, &err), 0);
    assert_int_equal(plo_table_append(table, &row, &err), 0);
    assert_int_equal(plo_table_finish(table, &err), 0);
    plo_table_close(table);
    struct plo_row read;
    assert_int_equal(plo_table_open(&table, "t.db", &err), 0);
    assert_int_equal(plo_table_row(table, 0, &read, &err), 0);
    assert_int_equal(read.thumbnail_size, 4);
    assert_memory_equal(read.thumbnail, "\xff\xd8\0j", 4);
    assert_int_equal(read.size, 3);
    assert_int_equal(read.mtime_ns, -5);
    plo_table_close(table);
}

// Every allocation on the way fails once; each time nothing is left, in memory or beside OUT.
static void test_no_memory(void **state)
{
    (void)state;
    struct pipilo_error err = { 0 };
    for (size_t i = 0; i < PLO_COUNT(all); i++)
        for (int second = 0; second < 2; second++) {
            int64_t live = plo_alloc_live();
            int result = PIPILO_ENOMEM;
            for (int64_t nth = 1; result < 0; nth++) {
                if (second == 0)
                    assert_string_equal(listing(), "");
                plo_alloc_fail_nth(nth);
                result = make(all[i], 6, 0, second ? update : plain, &err);
                plo_alloc_fail_nth(0);
                assert_true(result == 0 || result == PIPILO_ENOMEM);
                assert_int_equal(plo_alloc_live(), live);
                assert_true(nth < 10000);
            }
            if (second == 0)
                continue;
            unlink("x.npy");
            unlink("x.db");
            unlink("x.jsonl");
            unlink("x.meta.json");
            unlink("z.jsonl");
            unlink("z.meta.json");
            assert_string_equal(listing(), "");
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_scratch, leave_scratch)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip),
        TEST(test_files_left),
        TEST(test_unfinished_leaves_nothing),
        TEST(test_existing_is_refused),
        TEST(test_rows_of_another),
        TEST(test_appeared_meanwhile),
        TEST(test_two_at_once),
        TEST(test_bad_paths),
        TEST(test_update),
        TEST(test_update_is_read_back),
        TEST(test_update_of_the_same_changes_nothing),
        TEST(test_update_with_another_fingerprint),
        TEST(test_archive_rows),
        TEST(test_thumbnails),
        TEST(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
