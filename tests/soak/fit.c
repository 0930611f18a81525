// fit.c: cli/soak/fit.h for tests/cli/test_soak.py. Reads one request a line from stdin and answers
// each with one line.
//
//     fit COUNT x0 y0 x1 y1 ..       slope low high correlation counted p
//     beyond T FREEDOM               fit_beyond
//     quantile P FREEDOM             fit_quantile
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit.h"

static int answer_fit(void)
{
    size_t count;
    struct fit fit;
    if (scanf("%zu", &count) != 1)
        return 1;
    double *x = calloc(count + 1, sizeof *x), *y = calloc(count + 1, sizeof *y);
    for (size_t i = 0; i < count; i++)
        if (x == NULL || y == NULL || scanf("%lf %lf", &x[i], &y[i]) != 2)
            return 1;
    fit_line(&fit, x, y, count);
    printf("%.17g %.17g %.17g %.17g %.17g %.17g\n", fit.slope, fit.low, fit.high, fit.correlation,
           fit.counted, fit.p);
    free(x);
    free(y);
    return 0;
}

int main(void)
{
    char word[16];
    double a, b;
    while (scanf("%15s", word) == 1) {
        if (strcmp(word, "fit") == 0) {
            if (answer_fit() != 0)
                return 1;
        } else if (scanf("%lf %lf", &a, &b) == 2) {
            printf("%.17g\n", strcmp(word, "beyond") == 0 ? fit_beyond(a, b) : fit_quantile(a, b));
        } else {
            return 1;
        }
    }
    return 0;
}
