// fit.c: a line through block means, and Student's t (see fit.h).
#include "fit.h"

#include <math.h>

enum { STEPS = 300 }; // of the fraction and of the search: more than either takes

static const double outside = 0.05; // of the interval of 95 %

// The continued fraction of the incomplete beta function (J. Lentz's way: no term overflows).
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double fraction = d;
    for (int m = 1; m < STEPS; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        const double terms[] = { even, odd };
        double change = 1;
        for (int i = 0; i < 2; i++) {
            d = 1 + terms[i] * d;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = 1 + terms[i] / c;
            c = fabs(c) < tiny ? tiny : c;
            change = d * c;
            fraction *= change;
        }
        if (fabs(change - 1) < 1e-15)
            break;
    }
    return fraction;
}

// The regularised incomplete beta function.
static double beta_part(double a, double b, double x)
{
    if (x <= 0 || x >= 1)
        return x <= 0 ? 0 : 1;
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    // The fraction is quick below the bend; above it the other end is taken.
    if (x < (a + 1) / (a + b + 2))
        return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double fit_beyond(double t, double freedom)
{
    return isinf(t) ? 0 : beta_part(freedom / 2, 0.5, freedom / (freedom + t * t));
}

double fit_quantile(double p, double freedom)
{
    double low = 0, high = 1;
    while (fit_beyond(high, freedom) > p && high < 1e300)
        high *= 2;
    for (int i = 0; i < STEPS && high - low > 1e-14 * high; i++) {
        double middle = low + (high - low) / 2;
        if (fit_beyond(middle, freedom) > p)
            low = middle;
        else
            high = middle;
    }
    return low + (high - low) / 2;
}

static double mean(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return sum / (double)count;
}

// The line through points, its residuals, and the sum of (x - mean)^2.
static double draw_line(struct fit *out, const double *x, const double *y, size_t count,
                        double *residuals)
{
    double mean_x = mean(x, count), mean_y = mean(y, count), xx = 0, xy = 0;
    for (size_t i = 0; i < count; i++) {
        xx += (x[i] - mean_x) * (x[i] - mean_x);
        xy += (x[i] - mean_x) * (y[i] - mean_y);
    }
    out->slope = xx > 0 ? xy / xx : 0;
    out->intercept = mean_y - out->slope * mean_x;
    for (size_t i = 0; i < count; i++)
        residuals[i] = y[i] - mean_y - out->slope * (x[i] - mean_x);
    return xx;
}

// Sets `correlation` and `counted`; gives the residuals' sum of squares.
static double find_dependence(struct fit *out, const double *residuals, size_t count)
{
    double squares = 0, products = 0;
    for (size_t i = 0; i < count; i++) {
        squares += residuals[i] * residuals[i];
        products += i > 0 ? residuals[i] * residuals[i - 1] : 0;
    }
    out->correlation = squares > 0 ? products / squares : 0;
    // Of residuals that turn at each step more would count than there are: that is chance.
    double r = out->correlation > 0 ? out->correlation : 0;
    out->counted = (double)count * (1 - r) / (1 + r);
    // With fewer than three there is no degree of freedom.
    out->counted = out->counted > 3 ? out->counted : 3;
    return squares;
}

void fit_line(struct fit *out, const double *x, const double *y, size_t count)
{
    double block_x[FIT_BLOCKS], block_y[FIT_BLOCKS], residuals[FIT_BLOCKS];
    size_t blocks = count < FIT_BLOCKS ? count : FIT_BLOCKS;
    *out = (struct fit){ .low = -INFINITY, .high = INFINITY, .p = 1 };
    if (count < FIT_LEAST)
        return;
    for (size_t i = 0; i < blocks; i++) {
        size_t from = i * count / blocks, to = (i + 1) * count / blocks;
        block_x[i] = mean(x + from, to - from);
        block_y[i] = mean(y + from, to - from);
    }
    double xx = draw_line(out, block_x, block_y, blocks, residuals);
    double squares = find_dependence(out, residuals, blocks);
    double freedom = out->counted - 2;
    double error = xx > 0 ? sqrt(squares / freedom / xx) : INFINITY;
    double reach = error > 0 ? fit_quantile(outside, freedom) * error : 0;
    out->low = out->slope - reach;
    out->high = out->slope + reach;
    if (error > 0)
        out->p = fit_beyond(out->slope / error, freedom);
    else
        out->p = out->slope == 0 ? 1 : 0;
}
