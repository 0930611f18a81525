// test_budget.c: reservations, waiting, charges.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>
#include <pipilo/error.h>

#include "core/budget.h"
#include "core/fail.h"

static int woken;

static void wake(struct plo_budget_waiter *waiter)
{
    (void)waiter;
    woken++;
}

static void grants_and_waits(void **state)
{
    (void)state;
    struct plo_budget_waiter waiter = { .wake = wake };
    plo_budget_set(100);
    assert_int_equal(plo_budget_reserve(101, &waiter), PLO_NEVER);
    assert_int_equal(plo_budget_reserve(60, &waiter), PLO_GRANTED);
    assert_int_equal(plo_budget_reserve(40, &waiter), PLO_GRANTED);
    assert_int_equal(plo_budget_reserve(1, &waiter), PLO_WAIT);
    assert_int_equal(plo_budget_reserve(1, &waiter), PLO_WAIT);
    plo_budget_release(60);
    assert_int_equal(woken, 1);
    assert_int_equal(plo_budget_reserve(60, NULL), PLO_GRANTED);
    assert_int_equal(plo_budget_reserve(1, &waiter), PLO_WAIT);
    plo_budget_forget(&waiter);
    plo_budget_release(100);
    assert_int_equal(woken, 1);
    assert_int_equal(plo_budget_used(), 0);
    assert_int_equal(plo_budget_peak(), 100);
}

// What is charged does not keep the oldest row from going on: it goes when no other is at work.
static void the_oldest_may_always_go(void **state)
{
    (void)state;
    plo_budget_set(100);
    assert_true(plo_budget_charge(90));
    assert_false(plo_budget_charge(11));
    assert_int_equal(plo_budget_reserve(50, NULL), PLO_GRANTED);
    assert_int_equal(plo_budget_reserve(1, NULL), PLO_WAIT);
    plo_budget_release(50);
    plo_budget_adjust(-90);
    assert_int_equal(plo_budget_used(), 0);
}

static void has_a_default(void **state)
{
    (void)state;
    plo_budget_set(0);
    uint64_t ram = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    assert_true(plo_budget_limit() > 0 && plo_budget_limit() <= ram / 2);
}

static void errors_are_one_line(void **state)
{
    (void)state;
    struct pipilo_error err;
    assert_int_equal(plo_fail(&err, PIPILO_EIO, "a\nb %d", 3), PIPILO_EIO);
    assert_string_equal(err.message, "a b 3");
    plo_fail_where(&err, "first");
    plo_fail_where(&err, "second");
    assert_string_equal(err.where, "first");
    assert_int_equal(plo_fail_errno(&err, -2, "%s", "x.jpg"), PIPILO_ENOTFOUND);
    assert_string_equal(err.message, "x.jpg: No such file or directory");
    assert_int_equal(plo_fail(NULL, PIPILO_EIO, "x"), PIPILO_EIO);
    assert_string_equal(pipilo_error_name(PIPILO_EBUDGET), "out_of_memory_budget");
    assert_string_equal(pipilo_error_name(-99), "internal");
    assert_string_equal(pipilo_error_name(7), "internal");
    assert_int_equal(pipilo_error_exit_status(PIPILO_EINVALID), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grants_and_waits),
        cmocka_unit_test(the_oldest_may_always_go),
        cmocka_unit_test(has_a_default),
        cmocka_unit_test(errors_are_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
