// test_foreign.c: peers, and values over memory of somebody else's: who is let go, and how often.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pipilo/sys/foreign.h>

#include "core/live.h"
#include "core/value.h"

static void count_down(void *object)
{
    --*(int *)object;
}

static void peers(void **state)
{
    (void)state;
    int object = 1, other = 1;
    pipilo_value *value = NULL, *number = NULL;
    assert_int_equal(pipilo_value_create_foreign(&value, &object, count_down, NULL), 0);
    assert_int_equal(pipilo_value_kind(value), PIPILO_OBJECT);
    assert_ptr_equal(pipilo_value_peer(value), &object);
    assert_null(pipilo_value_object(value));
    pipilo_value *again = pipilo_value_ref(value);
    pipilo_value_unref(&value);
    assert_int_equal(object, 1);
    pipilo_value_unref(&again);
    assert_int_equal(object, 0);

    assert_int_equal(pipilo_value_create_int(&number, 3, NULL), 0);
    assert_null(pipilo_value_peer(number));
    assert_ptr_equal(pipilo_value_attach(number, &other, count_down), &other);
    // The second stays the caller's.
    assert_ptr_equal(pipilo_value_attach(number, &object, count_down), &other);
    pipilo_value_unref(&number);
    assert_int_equal(other, 0);
    assert_int_equal(object, 0);
    assert_null(pipilo_value_attach(pipilo_value_none(), &object, count_down));
    assert_null(pipilo_value_attach(pipilo_value_empty(), &object, count_down));
}

static void memory(void **state)
{
    (void)state;
    int owner = 1;
    const float data[4] = { 1, 2, 3, 4 };
    struct pipilo_tensor tensor = { PIPILO_F32, 2, { 2, 2 }, data }, view;
    pipilo_value *value = NULL, *shared = NULL;
    assert_int_equal(pipilo_value_create_tensor_over(&value, &tensor, &owner, count_down, NULL), 0);
    assert_true(pipilo_value_tensor(value, &view));
    assert_ptr_equal(view.data, data);
    assert_int_equal(pipilo_value_share(&shared, value, NULL), 0);
    pipilo_value_unref(&value);
    assert_int_equal(owner, 1);
    pipilo_value_unref(&shared);
    assert_int_equal(owner, 0);

    owner = 1;
    size_t size;
    assert_int_equal(pipilo_value_create_bytes_over(&value, "abc", 3, &owner, count_down, NULL), 0);
    assert_memory_equal(pipilo_value_bytes(value, &size), "abc", 3);
    assert_int_equal(size, 3);
    pipilo_value_unref(&value);
    assert_int_equal(owner, 0);
    assert_int_equal(pipilo_value_create_int(&value, 3, NULL), 0);
    assert_int_equal(pipilo_value_share(&shared, value, NULL), PIPILO_EINVALID);
    assert_int_equal(pipilo_value_next(value, &shared, NULL), PIPILO_EINVALID);
    pipilo_value_unref(&value);
}

// On every failure the object and the owner remain the caller's.
static void failures_leave_the_owner(void **state)
{
    (void)state;
    const float data[2] = { 1, 2 };
    struct pipilo_tensor tensor = { PIPILO_F32, 1, { 2 }, data };
    for (int nth = 1; nth <= 4; nth++) {
        int owner = 1;
        pipilo_value *value = NULL;
        plo_alloc_fail_nth(nth);
        int result = pipilo_value_create_tensor_over(&value, &tensor, &owner, count_down, NULL);
        plo_alloc_fail_nth(0);
        assert_int_equal(owner, 1);
        if (result == 0)
            pipilo_value_unref(&value);
        assert_int_equal(owner, result == 0 ? 0 : 1);
        assert_int_equal(result, nth <= 3 ? PIPILO_ENOMEM : 0);
    }
    int object = 1;
    pipilo_value *value = NULL;
    plo_alloc_fail_nth(1);
    assert_int_equal(pipilo_value_create_foreign(&value, &object, count_down, NULL), PIPILO_ENOMEM);
    plo_alloc_fail_nth(0);
    assert_int_equal(object, 1);
    tensor.count = PIPILO_MAX_DIMENSIONS + 1;
    assert_int_equal(pipilo_value_create_tensor_over(&value, &tensor, &object, count_down, NULL),
                     PIPILO_EINVALID);
    assert_int_equal(object, 1);
}

static int nothing_left(void **state)
{
    (void)state;
    return plo_live_count(PLO_LIVE_VALUE) != 0 || plo_alloc_live() != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peers),
        cmocka_unit_test(memory),
        cmocka_unit_test(failures_leave_the_owner),
    };
    return cmocka_run_group_tests(tests, NULL, nothing_left);
}
