// helper.h: what the tests of operators share: generated pictures, a folder of one's own, and a
// pipeline run to its end.
#ifndef TEST_OPS_HELPER_H
#define TEST_OPS_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <pipilo/pipilo.h>

enum { MOST_ROWS = 256 };

// A test's whole world: a scratch folder it stands in, and what a run gave.
static char scratch[64];
static char before[4096];
static struct pipilo_error err;
static pipilo_row *rows[MOST_ROWS];
static size_t row_count;

static inline int enter(void **state)
{
    (void)state;
    err = (struct pipilo_error){ 0 };
    // In memory where there is such a place: some tests write a thousand files.
    bool shm = access("/dev/shm", W_OK) == 0;
    snprintf(scratch, sizeof scratch, "%s/pipilo-ops-XXXXXX", shm ? "/dev/shm" : "/tmp");
    return getcwd(before, sizeof before) == NULL || mkdtemp(scratch) == NULL || chdir(scratch) < 0;
}

static inline void drop_rows(void)
{
    while (row_count > 0)
        pipilo_row_unref(&rows[--row_count]);
}

// Everything must be given back: the library closes and holds not one block.
static inline int leave(void **state)
{
    (void)state;
    char command[256];
    struct pipilo_stats stats = { .struct_size = sizeof stats };
    drop_rows();
    int closed = pipilo_close(&err);
    pipilo_stats(&stats);
    if (closed < 0 || stats.allocations != 0)
        fprintf(stderr, "left: %s, %lld blocks\n", err.message, (long long)stats.allocations);
    snprintf(command, sizeof command, "rm -rf %s", scratch);
    return chdir(before) < 0 || system(command) != 0 || closed < 0 || stats.allocations != 0;
}

#define OPS_TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

static inline void put(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

// The colour of a generated picture at (x, y).
static inline void color(unsigned seed, unsigned x, unsigned y, uint8_t rgb[3])
{
    rgb[0] = (uint8_t)(x * 7 + seed);
    rgb[1] = (uint8_t)(y * 5 + seed * 3);
    rgb[2] = (uint8_t)((x ^ y) + seed * 11);
}

// A BMP, which every reader of pictures must get right to the bit; static, valid until the next.
static inline const uint8_t *bmp(unsigned width, unsigned height, unsigned seed, size_t *size)
{
    static uint8_t data[1 << 20];
    size_t stride = (width * 3 + 3) / 4 * 4;
    *size = 54 + stride * height;
    assert_true(*size <= sizeof data);
    memset(data, 0, *size);
    uint32_t fields[] = { (uint32_t)*size, 0, 54, 40, width, height, 1 | 24 << 16 };
    memcpy(data, "BM", 2);
    memcpy(data + 2, fields, sizeof fields);
    for (unsigned y = 0; y < height; y++) {
        for (unsigned x = 0; x < width; x++) {
            uint8_t rgb[3], *at = data + 54 + (height - 1 - y) * stride + 3 * x;
            color(seed, x, y, rgb);
            at[0] = rgb[2], at[1] = rgb[1], at[2] = rgb[0];
        }
    }
    return data;
}

static inline void put_bmp(const char *path, unsigned width, unsigned height, unsigned seed)
{
    size_t size;
    const uint8_t *data = bmp(width, height, seed, &size);
    put(path, data, size);
}

// Runs pipeline text with one value a column, which is consumed; gives 0 or the code it failed
// with.
static inline int run_values(const char *text, pipilo_value **values, size_t count)
{
    pipilo_pipeline *pipeline = NULL;
    pipilo_run *run = NULL;
    pipilo_row *row = NULL;
    drop_rows();
    int result = pipilo_pipeline_parse(&pipeline, text, &err);
    if (result == 0)
        result = pipilo_pipeline_start(&run, pipeline, values, count, &err);
    while (result == 0 && (result = pipilo_run_next(run, &row, &err)) == 0 && row != NULL) {
        assert_true(row_count < MOST_ROWS);
        rows[row_count++] = row;
    }
    pipilo_run_unref(&run);
    pipilo_pipeline_unref(&pipeline);
    for (size_t i = 0; i < count; i++)
        pipilo_value_unref(&values[i]);
    return result;
}

static inline int run_text(const char *text, const char *path)
{
    pipilo_value *value = NULL;
    assert_int_equal(pipilo_value_create_string(&value, path, &err), 0);
    return run_values(text, &value, 1);
}

static inline struct pipilo_tensor tensor_at(size_t row, size_t column)
{
    struct pipilo_tensor view = { 0 };
    assert_true(row < row_count);
    const struct pipilo_error *bad = pipilo_value_error(pipilo_row_value(rows[row], column));
    if (bad != NULL)
        fail_msg("%s: %s", pipilo_error_name(bad->code), bad->message);
    assert_true(pipilo_value_tensor(pipilo_row_value(rows[row], column), &view));
    return view;
}

// The code of the error value at a place; 0 where there is none.
static inline int code_at(size_t row, size_t column)
{
    assert_true(row < row_count);
    const struct pipilo_error *bad = pipilo_value_error(pipilo_row_value(rows[row], column));
    return bad != NULL ? bad->code : 0;
}

#endif
