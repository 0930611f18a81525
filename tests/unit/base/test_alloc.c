// test_alloc.c: counting, failing on demand, alignment.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"

static void counts(void **state)
{
    (void)state;
    int64_t live = plo_alloc_live();
    void *a = plo_alloc(0);
    char *b = plo_format("%d-%s", 7, "x");
    a = plo_realloc(a, 10, 10);
    assert_int_equal(plo_alloc_live(), live + 2);
    assert_string_equal(b, "7-x");
    plo_free(a);
    plo_free(b);
    plo_free(NULL);
    assert_int_equal(plo_alloc_live(), live);
}

static void fails_the_nth(void **state)
{
    (void)state;
    plo_alloc_fail_nth(2);
    void *first = plo_alloc(1), *second = plo_alloc(1), *third = plo_alloc(1);
    assert_int_equal(plo_alloc_fail_nth(0), 3);
    assert_non_null(first);
    assert_null(second);
    assert_non_null(third);
    plo_free(first);
    plo_free(third);
}

static void overflows(void **state)
{
    (void)state;
    assert_null(plo_alloc0(SIZE_MAX / 2, 3));
    assert_null(plo_realloc(NULL, SIZE_MAX / 2, 3));
    assert_null(plo_alloc_aligned(SIZE_MAX - 10));
}

static void aligned(void **state)
{
    (void)state;
    for (size_t size = 0; size < 200; size++) {
        void *block = plo_alloc_aligned(size);
        assert_int_equal((uintptr_t)block % 64, 0);
        memset(block, 1, size);
        plo_free(block);
    }
}

static int freed;

static void count_free(void *cookie, uint8_t *data, size_t size)
{
    (void)data;
    assert_ptr_equal(cookie, &freed);
    assert_int_equal(size, 3);
    freed++;
}

static void buffers(void **state)
{
    (void)state;
    uint8_t data[3] = { 1, 2, 3 };
    struct plo_buf *buf = plo_buf_wrap(data, 3, count_free, &freed);
    struct plo_buf *again = plo_buf_ref(buf);
    assert_false(plo_buf_is_writable(buf));
    plo_buf_unref(&again);
    assert_null(again);
    assert_true(plo_buf_is_writable(buf));
    assert_int_equal(freed, 0);
    plo_buf_unref(&buf);
    plo_buf_unref(&buf);
    assert_int_equal(freed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts),  cmocka_unit_test(fails_the_nth), cmocka_unit_test(overflows),
        cmocka_unit_test(aligned), cmocka_unit_test(buffers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
