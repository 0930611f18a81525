// fit.h: whether a series of looks grows, and how sure that is.
//
// Looks at memory depend on the look before: it moves in steps and comes back after a while. A line
// fitted to them as if they did not would find a slope in most of them. Two things are done:
//
//   - the looks are put into blocks and the line goes through the blocks' means (B. Schmeiser,
//     "Batch size effects in the analysis of simulation output", Operations Research 30, 1982);
//   - what is left of dependence between blocks lowers how many of them count, to
//     n (1 - r) / (1 + r) with r the correlation of a residual with the next one (B. Santer et al.,
//     "Statistical significance of trends and trend differences in layer-average atmospheric
//     temperature time series", Journal of Geophysical Research 105, 2000).
//
// Threads: any; nothing here has a state.
#ifndef CLI_SOAK_FIT_H
#define CLI_SOAK_FIT_H

#include <stddef.h>

enum { FIT_BLOCKS = 30, FIT_LEAST = 10 }; // blocks at most; looks at least

struct fit {
    double slope;       // of y a unit of x
    double intercept;   // y at x = 0
    double low, high;   // of the slope: its interval of 95 % confidence
    double correlation; // of a residual with the next one
    double counted;     // blocks, less for their dependence
    double p; // how often a series without a slope would show this one or more, either way
};

// Fits y[0..count) over x[0..count), which rises. Below FIT_LEAST looks nothing is known: the
// interval is infinite and p is 1.
void fit_line(struct fit *out, const double *x, const double *y, size_t count);

// Student's t: how much of it, with `freedom` degrees, lies beyond t on both sides; and the t that
// leaves `p` there. Degrees may be fractions.
double fit_beyond(double t, double freedom);
double fit_quantile(double p, double freedom);

#endif
