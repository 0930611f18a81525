// test_hostile.c: stores that are damaged, cut, or made to harm: each is refused by name or read
// within its bounds, and never believed.
#include "helper.h"

#include <sqlite3.h>

static const struct plo_table_options plain;

// Opens, reads everything, and returns the first failure; more than 0 rows were read otherwise.
static int read_all(const char *path)
{
    struct plo_table *table = NULL;
    struct pipilo_error err = { 0 };
    int64_t live = plo_alloc_live();
    int result = plo_table_open(&table, path, &err);
    if (result == 0) {
        size_t dim = plo_table_meta(table)->dim;
        int64_t rows = plo_table_rows(table);
        float *vectors = malloc(16 * dim * sizeof *vectors);
        uint8_t valid[16];
        for (int64_t i = 0; result == 0 && i < rows && i < 4096; i += 16)
            result = plo_table_vectors(table, i, rows - i < 16 ? (size_t)(rows - i) : 16, vectors,
                                       valid, &err);
        free(vectors);
        for (int64_t i = 0; result == 0 && i < rows && i < 64; i++) {
            struct plo_row row;
            result = plo_table_row(table, i, &row, &err);
            if (result == 0)
                assert_non_null(row.source);
            else if (result == PIPILO_ENOTFOUND)
                result = 0; // a gap
        }
        const struct plo_table_count *counts = NULL;
        size_t count = 0;
        if (result == 0)
            result = plo_table_errors(table, &counts, &count, &err);
    }
    plo_table_close(table);
    assert_int_equal(plo_alloc_live(), live);
    assert_true(result == 0 || err.code == result);
    return result;
}

static char *bytes_of(const char *path, size_t *size)
{
    static char data[1 << 20];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    *size = fread(data, 1, sizeof data, file);
    fclose(file);
    return data;
}

static void put(const char *path, const void *data, size_t size)
{
    // Some file systems wait for the disk when an existing file is emptied and filled.
    unlink(path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

static void put_npy(const char *header, size_t rows)
{
    char data[4096] = "\x93NUMPY\x01\x00";
    size_t length = strlen(header);
    data[8] = (char)(length & 255);
    data[9] = (char)(length >> 8);
    memcpy(data + 10, header, length);
    put("x.npy", data, 10 + length + rows * DIM * sizeof(float));
}

static void test_npy_headers(void **state)
{
    (void)state;
    struct pipilo_error err = { 0 };
    assert_int_equal(make("x.npy", 6, 0, plain, &err), 0);
    static const char *const good[] = {
        "{'descr': '<f4', 'fortran_order': False, 'shape': (6, 5), }  \n",
        "{'descr':'<f4','fortran_order':False,'shape':(6,5)}\n",
    };
    for (size_t i = 0; i < PLO_COUNT(good); i++) {
        put_npy(good[i], 6);
        assert_int_equal(read_all("x.npy"), 0);
    }
    static const char *const bad[] = {
        "",
        "{}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 5), }\n",
        "{'descr': '>f4', 'fortran_order': False, 'shape': (6, 5), }\n",
        "{'descr': '|O', 'fortran_order': False, 'shape': (6, 5), }\n",
        "{'descr': '<f4', 'fortran_order': True, 'shape': (6, 5), }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (6, 5, 1), }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (30,), }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (7, 5), }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (5, 6), }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (6, 0), }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-6, 5), }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 5), }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999999999999999, 5), }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (461168601842738790, 5), }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (6, 5), } import os\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (6, 5",
    };
    for (size_t i = 0; i < PLO_COUNT(bad); i++) {
        put_npy(bad[i], 6);
        assert_int_equal(read_all("x.npy"), PIPILO_ECORRUPT);
    }
}

static void test_npy_cut_and_flipped(void **state)
{
    (void)state;
    struct pipilo_error err = { 0 };
    assert_int_equal(make("x.npy", 6, 0, plain, &err), 0);
    static const char *const files[] = { "x.npy", "x.jsonl", "x.meta.json" };
    for (size_t f = 0; f < PLO_COUNT(files); f++) {
        size_t size = 0;
        char *data = bytes_of(files[f], &size);
        for (size_t cut = 0; cut < size; cut++) {
            put(files[f], data, cut);
            // Only a last line end may be missing.
            if (cut + 1 < size || f == 0)
                assert_int_equal(read_all("x.npy"), PIPILO_ECORRUPT);
        }
        for (size_t at = 0; at < size; at++)
            for (int bit = 0; bit < 8; bit += 3) {
                data[at] ^= (char)(1 << bit);
                put(files[f], data, size);
                int result = read_all("x.npy");
                assert_true(result == 0 || result == PIPILO_ECORRUPT);
                data[at] ^= (char)(1 << bit);
            }
        put(files[f], data, size);
        assert_int_equal(read_all("x.npy"), 0);
        assert_int_equal(unlink(files[f]), 0);
        assert_int_equal(read_all("x.npy"), PIPILO_ENOTFOUND);
        assert_int_equal(mkfifo(files[f], 0666), 0);
        assert_true(read_all("x.npy") < 0);
        assert_int_equal(unlink(files[f]), 0);
        put(files[f], data, size);
    }
}

static void test_npy_rows_that_lie(void **state)
{
    (void)state;
    struct pipilo_error err = { 0 };
    static const char *const bad[] = {
        "{\"row\": 1, \"source\": \"a\", \"status\": \"ok\", \"code\": null}\n",
        "{\"row\": 0, \"source\": 5, \"status\": \"ok\"}\n",
        "{\"row\": 0, \"source\": \"a\", \"status\": \"maybe\"}\n",
        "{\"row\": 0, \"source\": \"a\", \"status\": \"ok\", \"code\": \"corrupt\"}\n",
        "{\"row\": 0, \"source\": \"a\", \"status\": \"error\"}\n",
        "{\"row\": 0, \"source\": \"a\", \"status\": \"ok\", \"width\": -4}\n",
        "{\"row\": 0, \"status\": \"ok\"}\n",
        "[]\n",
        "\n",
        "{\"row\": 0, \"source\": \"a\", \"status\": \"ok\"}\n{}\n",
    };
    assert_int_equal(make("x.npy", 1, 0, plain, &err), 0);
    for (size_t i = 0; i < PLO_COUNT(bad); i++) {
        put("x.jsonl", bad[i], strlen(bad[i]));
        assert_int_equal(read_all("x.npy"), PIPILO_ECORRUPT);
        struct plo_table_options update = { .update = true };
        assert_int_equal(make("x.npy", 1, 0, update, &err), PIPILO_ECORRUPT);
    }
    assert_string_equal(listing(), "x.jsonl x.meta.json x.npy ");
}

static void test_jsonl_update_of_damaged(void **state)
{
    (void)state;
    struct pipilo_error err = { 0 };
    struct plo_table_options update = { .update = true };
    assert_int_equal(make("z.jsonl", 6, 0, plain, &err), 0);
    size_t size = 0;
    char *data = bytes_of("z.jsonl", &size);
    for (size_t cut = 0; cut + 1 < size; cut += 7) {
        put("z.jsonl", data, cut);
        assert_int_equal(make("z.jsonl", 6, 0, update, &err), PIPILO_ECORRUPT);
        assert_string_equal(listing(), "z.jsonl z.meta.json ");
    }
}

static void run_sql(const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open("x.db", &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void test_db_that_lies(void **state)
{
    (void)state;
    struct pipilo_error err = { 0 };
    static const char *const bad[] = {
        "DROP TABLE meta",
        "DROP TABLE rows; CREATE VIEW rows AS SELECT 1 AS row, x'00' AS vector",
        "DROP TABLE rows; CREATE TABLE rows(row INTEGER PRIMARY KEY, other)",
        "DROP TABLE members",
        "UPDATE meta SET value='0' WHERE key='dim'",
        "UPDATE meta SET value='-5' WHERE key='dim'",
        "UPDATE meta SET value='99999999999999999999' WHERE key='dim'",
        "UPDATE meta SET value='5x' WHERE key='dim'",
        "UPDATE meta SET value='4' WHERE key='dim'",
        "UPDATE meta SET value=x'0011' WHERE key='fingerprint'",
        "DELETE FROM meta WHERE key='settings'",
        "UPDATE meta SET value='pipilo-vectors-2' WHERE key='format'",
        "UPDATE rows SET vector=x'00112233' WHERE row=1",
        "UPDATE rows SET vector='01234567890123456789' WHERE row=1",
        "UPDATE rows SET vector=zeroblob(100000000) WHERE row=1",
        "UPDATE rows SET vector=17 WHERE row=1",
        "UPDATE rows SET row=-1 WHERE row=1",
        "UPDATE rows SET row=4611686018427387904 WHERE row=1",
    };
    for (size_t i = 0; i < PLO_COUNT(bad); i++) {
        unlink("x.db");
        assert_int_equal(make("x.db", 6, 0, plain, &err), 0);
        run_sql(bad[i]);
        assert_int_equal(read_all("x.db"), PIPILO_ECORRUPT);
    }
    // What a user may do with his own rows.
    unlink("x.db");
    assert_int_equal(make("x.db", 6, 0, plain, &err), 0);
    run_sql("UPDATE rows SET source=x'ff00', message=5, width='wide', height=-1 WHERE row=2");
    assert_int_equal(read_all("x.db"), 0);
    run_sql("DELETE FROM rows WHERE row=1");
    struct plo_table *table = NULL;
    float vectors[6 * DIM];
    uint8_t valid[6];
    assert_int_equal(plo_table_open(&table, "x.db", &err), 0);
    assert_int_equal(plo_table_rows(table), 6);
    assert_int_equal(plo_table_vectors(table, 0, 6, vectors, valid, &err), 0);
    assert_memory_equal(valid, "\1\0\0\1\1\0", 6);
    plo_table_close(table);
    struct plo_table_options update = { .update = true };
    assert_int_equal(make("x.db", 6, 0, update, &err), 0);
    // A trigger that came with the file does not run.
    run_sql("CREATE TRIGGER t AFTER INSERT ON rows BEGIN DELETE FROM meta; END");
    assert_int_equal(make("x.db", 9, 0, update, &err), 0);
    assert_int_equal(read_all("x.db"), 0);
}

static void test_db_cut_and_flipped(void **state)
{
    (void)state;
    struct pipilo_error err = { 0 };
    assert_int_equal(make("x.db", 40, 0, plain, &err), 0);
    size_t size = 0;
    char *data = bytes_of("x.db", &size);
    for (size_t cut = 0; cut < size; cut += 509) {
        put("x.db", data, cut);
        assert_true(read_all("x.db") < 0);
    }
    uint64_t seed = 88172645463325252u;
    for (int i = 0; i < 1500; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        char kept = data[seed % size];
        data[seed % size] = (char)(seed >> 40);
        put("x.db", data, size);
        int result = read_all("x.db");
        assert_true(result <= 0 && result != PIPILO_ENOMEM && result != PIPILO_EINTERNAL);
        data[seed % size] = kept;
    }
    put("x.db", "this is no database", 19);
    assert_int_equal(read_all("x.db"), PIPILO_ECORRUPT);
    put("x.db", "", 0);
    assert_int_equal(read_all("x.db"), PIPILO_ECORRUPT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_scratch, leave_scratch)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_npy_headers),       TEST(test_npy_cut_and_flipped),
        TEST(test_npy_rows_that_lie), TEST(test_jsonl_update_of_damaged),
        TEST(test_db_that_lies),      TEST(test_db_cut_and_flipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
