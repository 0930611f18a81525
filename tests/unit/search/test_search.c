// test_search.c: the nearest rows are those that a plain comparison in double finds.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/half.h"
#include "core/fail.h"
#include "search/search.h"

enum { ROWS = 5000, DIM = 131, QUERIES = 3 };

static float vectors[ROWS * DIM];
static uint8_t valid[ROWS];

static float random_float(void)
{
    static uint64_t seed = 88172645463325252u;
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (float)((double)(seed >> 11) / (double)((uint64_t)1 << 53) - 0.5);
}

static void fill(void)
{
    for (size_t i = 0; i < ROWS * DIM; i++)
        vectors[i] = random_float();
    memset(valid, 1, sizeof valid);
}

static double cosine(const float *a, const float *b)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < DIM; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return ab / sqrt(aa) / sqrt(bb);
}

static int run(struct plo_search *search, int64_t rows, size_t threads, struct pipilo_error *err)
{
    struct plo_search_source source = { .rows = rows, .mapped = vectors };
    return plo_search_run(search, &source, threads, err);
}

static int read_block(void *cookie, int64_t first, size_t count, float *out, uint8_t *good,
                      struct pipilo_error *err)
{
    int64_t *fail_at = cookie;
    if (fail_at != NULL && first + (int64_t)count > *fail_at)
        return plo_fail(err, PIPILO_EIO, "no more");
    memcpy(out, vectors + first * DIM, count * DIM * sizeof *out);
    memcpy(good, valid + first, count);
    return 0;
}

static void test_against_double(void **state)
{
    (void)state;
    fill();
    for (size_t i = 0; i < ROWS; i += 7)
        valid[i] = 0;
    for (size_t k = 1; k <= 10001; k = k * 10 + 1) {
        struct plo_search *search = NULL;
        struct pipilo_error err = { 0 };
        assert_int_equal(plo_search_create(&search, vectors + DIM, QUERIES, DIM, k, &err), 0);
        struct plo_search_source source = { .rows = ROWS, .read = read_block };
        assert_int_equal(plo_search_run(search, &source, 3, &err), 0);
        for (size_t q = 0; q < QUERIES; q++) {
            const float *query = vectors + (q + 1) * DIM;
            const struct plo_search_hit *hits = NULL;
            size_t found = plo_search_hits(search, q, &hits);
            size_t possible = ROWS - (ROWS + 6) / 7;
            assert_int_equal(found, k < possible ? k : possible);
            assert_int_equal(hits[0].row, q + 1);
            assert_true(fabs((double)hits[0].score - 1) < 1e-6);
            for (size_t i = 0; i < found; i++) {
                double expected = cosine(query, vectors + hits[i].row * DIM);
                assert_true(fabs((double)hits[i].score - expected) < 1e-6);
                assert_true(i == 0 || hits[i].score <= hits[i - 1].score);
                assert_true(valid[hits[i].row] == 1);
            }
            // No row that was left out is better than the last.
            size_t better = 0;
            for (size_t i = 0; i < ROWS; i++)
                better += valid[i] &&
                          cosine(query, vectors + i * DIM) > (double)hits[found - 1].score + 1e-6;
            assert_true(better < found);
        }
        plo_search_destroy(search);
    }
}

static void test_ties_go_to_the_lower_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < DIM; j++)
            vectors[i * DIM + j] = (float)(j % 5) * (float)(1 + i % 3);
    struct plo_search *search = NULL;
    const struct plo_search_hit *hits = NULL;
    assert_int_equal(plo_search_create(&search, vectors, 1, DIM, 10, NULL), 0);
    assert_int_equal(run(search, ROWS, 2, NULL), 0);
    assert_int_equal(plo_search_hits(search, 0, &hits), 10);
    for (size_t i = 1; i < 10; i++)
        assert_true(hits[i].score < hits[i - 1].score ||
                    (hits[i].score == hits[i - 1].score && hits[i].row > hits[i - 1].row));
    assert_true(hits[0].row < 3);
    plo_search_destroy(search);
}

static void test_rows_without_direction(void **state)
{
    (void)state;
    fill();
    memset(vectors + 1 * DIM, 0, DIM * sizeof(float));
    vectors[2 * DIM + 5] = NAN;
    vectors[3 * DIM + 5] = INFINITY;
    // Large and small ones are as good as any.
    for (size_t i = 0; i < DIM; i++) {
        vectors[4 * DIM + i] = vectors[i] * 1e30f;
        vectors[5 * DIM + i] = vectors[i] * 1e-30f;
    }
    // As rows and as queries.
    static const size_t good[] = { 0, 4, 5 };
    for (size_t q = 0; q < 3; q++) {
        struct plo_search *search = NULL;
        const struct plo_search_hit *hits = NULL;
        assert_int_equal(plo_search_create(&search, vectors + good[q] * DIM, 1, DIM, 10, NULL), 0);
        assert_int_equal(run(search, 6, 1, NULL), 0);
        assert_int_equal(plo_search_hits(search, 0, &hits), 3);
        for (size_t i = 0; i < 3; i++) {
            assert_true(hits[i].row == 0 || hits[i].row == 4 || hits[i].row == 5);
            assert_true(fabs((double)hits[i].score - 1) < 1e-6);
        }
        plo_search_destroy(search);
    }
}

// However many threads there are, whether the rows are mapped or read, and as many as there are
// queries: the same hits, bit for bit.
static void test_scores_stay_within_one(void **state)
{
    (void)state;
    enum { FEW = 3 };
    // What points the same way, and the other way, at many lengths; where few products are added
    // up, their rounding weighs most.
    for (size_t i = 0; i < FEW; i++)
        vectors[i] = random_float();
    for (size_t row = 1; row < ROWS; row++) {
        float length = 1.5f + random_float();
        for (size_t i = 0; i < FEW; i++)
            vectors[row * FEW + i] = vectors[i] * (row % 2 == 0 ? length : -length);
    }
    struct plo_search *search = NULL;
    const struct plo_search_hit *hits = NULL;
    struct pipilo_error err;
    assert_int_equal(plo_search_create(&search, vectors, QUERIES, FEW, ROWS, &err), 0);
    assert_int_equal(run(search, ROWS, 1, &err), 0);
    for (size_t query = 0; query < QUERIES; query++) {
        assert_int_equal(plo_search_hits(search, query, &hits), ROWS);
        for (size_t i = 0; i < ROWS; i++)
            assert_true(fabsf(hits[i].score) <= 1 && fabsf(hits[i].score) > 0.999999f);
    }
    plo_search_destroy(search);
}

static void test_threads_change_nothing(void **state)
{
    (void)state;
    enum { MANY = 11, K = 40 };
    fill();
    // Rows that are equal, far apart.
    for (size_t i = 0; i < 50; i++)
        memcpy(vectors + (i * 97 + 3) * DIM, vectors, DIM * sizeof(float));
    static struct plo_search_hit expected[MANY * K];
    for (size_t threads = 1; threads <= 4; threads++) {
        for (int mapped = 0; mapped < 2; mapped++) {
            struct plo_search *search = NULL;
            struct plo_search_source source = { .rows = ROWS,
                                                .mapped = mapped ? vectors : NULL,
                                                .read = read_block };
            assert_int_equal(plo_search_create(&search, vectors, MANY, DIM, K, NULL), 0);
            assert_int_equal(plo_search_run(search, &source, threads, NULL), 0);
            for (size_t q = 0; q < MANY; q++) {
                const struct plo_search_hit *hits = NULL;
                assert_int_equal(plo_search_hits(search, q, &hits), K);
                for (size_t i = 0; i < K; i++) {
                    if (threads == 1 && !mapped)
                        expected[q * K + i] = hits[i];
                    assert_int_equal(hits[i].row, expected[q * K + i].row);
                    assert_memory_equal(&hits[i].score, &expected[q * K + i].score, sizeof(float));
                }
            }
            plo_search_destroy(search);
        }
    }
    assert_int_equal(expected[0].row, 0);
    assert_int_equal(expected[1].row, 3);
    assert_int_equal(expected[2].row, 100);
}

// Rows of 16 bits: the hits are those of the same numbers in 32.
static void compare_halves(const uint16_t *halves, size_t queries)
{
    enum { K = 25 };
    struct plo_search *wide = NULL, *narrow = NULL;
    struct plo_search_source source = { .rows = ROWS, .mapped = halves, .halves = true };
    assert_int_equal(plo_search_create(&wide, vectors, queries, DIM, K, NULL), 0);
    assert_int_equal(plo_search_create(&narrow, vectors, queries, DIM, K, NULL), 0);
    assert_int_equal(run(wide, ROWS, 1, NULL), 0);
    assert_int_equal(plo_search_run(narrow, &source, 2, NULL), 0);
    for (size_t q = 0; q < queries; q++) {
        const struct plo_search_hit *one = NULL, *other = NULL;
        assert_int_equal(plo_search_hits(wide, q, &one), K);
        assert_int_equal(plo_search_hits(narrow, q, &other), K);
        for (size_t i = 0; i < K; i++) {
            assert_int_equal(one[i].row, other[i].row);
            assert_memory_equal(&one[i].score, &other[i].score, sizeof(float));
        }
    }
    plo_search_destroy(wide);
    plo_search_destroy(narrow);
}

// As the floats that they are, whether a row meets all queries at once or some after the others.
static void test_halves(void **state)
{
    (void)state;
    static uint16_t halves[ROWS * DIM];
    fill();
    vectors[7 * DIM + 3] = NAN;
    plo_half_from_floats(halves, vectors, ROWS * DIM);
    plo_half_to_floats(vectors, halves, ROWS * DIM);
    compare_halves(halves, 1);
    compare_halves(halves, 7);
}

static void test_refused(void **state)
{
    (void)state;
    fill();
    struct plo_search *search = NULL;
    struct pipilo_error err = { 0 };
    assert_int_equal(plo_search_create(&search, vectors, 0, DIM, 1, &err), PIPILO_EINVALID);
    assert_int_equal(plo_search_create(&search, vectors, 1, 0, 1, &err), PIPILO_EINVALID);
    assert_int_equal(plo_search_create(&search, vectors, 1, DIM, 0, &err), PIPILO_EINVALID);
    assert_int_equal(plo_search_create(&search, vectors, 1, DIM, SIZE_MAX / 2, &err),
                     PIPILO_EINVALID);
    vectors[3] = NAN;
    assert_int_equal(plo_search_create(&search, vectors, 1, DIM, 1, &err), PIPILO_EINVALID);
    memset(vectors, 0, DIM * sizeof(float));
    assert_int_equal(plo_search_create(&search, vectors, 1, DIM, 1, &err), PIPILO_EINVALID);
    assert_null(search);
    int64_t fail_at = 3000;
    assert_int_equal(plo_search_create(&search, vectors + DIM, 1, DIM, 1, &err), 0);
    struct plo_search_source source = { .rows = ROWS, .read = read_block, .cookie = &fail_at };
    for (size_t threads = 1; threads <= 4; threads++)
        assert_int_equal(plo_search_run(search, &source, threads, &err), PIPILO_EIO);
    assert_int_equal(run(search, 0, 2, &err), 0);
    const struct plo_search_hit *hits = NULL;
    assert_int_equal(plo_search_hits(search, 0, &hits), 0);
    plo_search_destroy(search);
}

static void test_no_memory(void **state)
{
    (void)state;
    fill();
    int64_t live = plo_alloc_live();
    int result = PIPILO_ENOMEM;
    for (int64_t nth = 1; result < 0; nth++) {
        struct plo_search *search = NULL;
        struct pipilo_error err = { 0 };
        plo_alloc_fail_nth(nth);
        result = plo_search_create(&search, vectors, 1, DIM, 5, &err);
        struct plo_search_source source = { .rows = ROWS, .read = read_block };
        if (result == 0)
            result = plo_search_run(search, &source, 2, &err);
        plo_alloc_fail_nth(0);
        plo_search_destroy(search);
        assert_true(result == 0 || err.code == PIPILO_ENOMEM);
        assert_int_equal(plo_alloc_live(), live);
        assert_true(nth < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_double),
        cmocka_unit_test(test_ties_go_to_the_lower_row),
        cmocka_unit_test(test_rows_without_direction),
        cmocka_unit_test(test_scores_stay_within_one),
        cmocka_unit_test(test_threads_change_nothing),
        cmocka_unit_test(test_halves),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
