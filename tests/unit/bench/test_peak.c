// The multiply-adds that are counted are made: every unit's sum is what the recurrence says.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bench/peak.h"

// In double precision; each chain's numbers are alike.
static double expected(size_t lanes, long rounds)
{
    double sum = 0;
    for (int c = 0; c < PLO_PEAK_CHAINS; c++) {
        double x = (double)c / PLO_PEAK_CHAINS;
        for (long r = 0; r < rounds; r++)
            x = x * 0.999 + 0.001;
        sum += x * (double)lanes;
    }
    return sum;
}

static void every_unit_makes_every_round(void **state)
{
    (void)state;
    const long rounds[] = { 0, 1, 2, 100, 1001 };
    for (size_t i = 0; plo_peak_at(i) != NULL; i++) {
        const struct plo_peak *peak = plo_peak_at(i);
        for (size_t r = 0; r < sizeof rounds / sizeof rounds[0]; r++) {
            double wanted = expected(peak->lanes, rounds[r]), got = peak->run(rounds[r]);
            if (fabs(got - wanted) > 1e-4 * wanted)
                fail_msg("%s after %ld: %f, not %f", peak->name, rounds[r], got, wanted);
        }
    }
}

static void the_last_one_is_plain_c(void **state)
{
    (void)state;
    size_t count = 0;
    while (plo_peak_at(count) != NULL)
        count++;
    assert_in_range(count, 1, 8);
    assert_string_equal(plo_peak_at(count - 1)->name, "plain C");
    assert_true(plo_peak_operations(plo_peak_at(count - 1), 10) == 2.0 * 16 * 4 * 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_unit_makes_every_round),
        cmocka_unit_test(the_last_one_is_plain_c),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
