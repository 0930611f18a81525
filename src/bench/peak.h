// peak.h: how many float32 multiply-adds this CPU can do: nothing but them, in registers.
// Threads: any; nothing here has a state.
#ifndef PLO_BENCH_PEAK_H
#define PLO_BENCH_PEAK_H

#include <stddef.h>

enum { PLO_PEAK_CHAINS = 16 }; // that do not wait for one another: more than a CPU has under way

struct plo_peak {
    const char *name; // of the vector unit
    size_t lanes;     // numbers in a vector
    // In each of PLO_PEAK_CHAINS chains of `lanes` numbers x becomes x * 0.999 + 0.001, `rounds`
    // times, from c / PLO_PEAK_CHAINS in chain c. Gives the sum of all numbers.
    float (*run)(long rounds);
};

// The widest this CPU has first, plain C last; NULL past it.
const struct plo_peak *plo_peak_at(size_t index);

// Floating-point operations of a run: two a multiply-add.
double plo_peak_operations(const struct plo_peak *peak, long rounds);

#endif
