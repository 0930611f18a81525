// dot.h: the inner loops of a search. dot_c.c is the reference, and every other file gives the same
// bits: products are rounded, then added in 16 lanes of 32-bit floats over runs of 256 values; the
// lanes of the runs are added up in 64 bits, and those 16 sums in a fixed order at the end. So a
// score depends on the two vectors alone, not on the machine.
#ifndef PLO_SEARCH_DOT_H
#define PLO_SEARCH_DOT_H

#include <stddef.h>
#include <stdint.h>

enum {
    PLO_DOT_LANES = 16,
    PLO_DOT_RUN = 256, // values summed in float before they go to double
    PLO_DOT_FEW = 4,   // vectors that are compared with a row at once
};

struct plo_dot_kernels {
    const char *name;
    // products[i] = row . others[i] for the first `count` of PLO_DOT_FEW at most; one of them may
    // be the row itself.
    void (*few)(double *products, const float *row, const float *const *others, size_t count,
                size_t dim);
    // The product of two vectors of halves, as fast as it goes: in 32 bits, in any order.
    float (*halves)(const uint16_t *a, const uint16_t *b, size_t dim);
};

// Before a loop over the vectors compared at once, whose sums are to stay in registers.
#define PLO_UNROLL _Pragma("GCC unroll 4")

extern const struct plo_dot_kernels plo_dot_kernels_c;
extern const struct plo_dot_kernels plo_dot_kernels_avx2;   // only where the CPU has it, and F16C
extern const struct plo_dot_kernels plo_dot_kernels_avx512; // only where the CPU has F

// The fastest that this CPU has.
const struct plo_dot_kernels *plo_dot_kernels(void);

// The sum of 16 lanes, in the order that all kernels keep.
static inline double plo_dot_fold(const double *lanes)
{
    double sum = 0;
    for (size_t i = 0; i < PLO_DOT_LANES; i++)
        sum += lanes[i];
    return sum;
}

#endif
