// half.h: numbers of 16 bits (IEEE 754 binary16), which .npy calls <f2. Threads: any.
#ifndef PLO_BASE_HALF_H
#define PLO_BASE_HALF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Whether the processor has the instructions for it (F16C), and the system keeps their registers.
bool plo_half_native(void);

// `count` halves as floats: exact, infinities and NaN kept.
void plo_half_to_floats(float *out, const uint16_t *halves, size_t count);

// `count` floats as the nearest halves, ties to even. What is beyond 65504 becomes an infinity,
// what is below 6e-8 nears zero; NaN stays NaN.
void plo_half_from_floats(uint16_t *out, const float *floats, size_t count);

// The same in plain C: what the others are held to.
void plo_half_to_floats_c(float *out, const uint16_t *halves, size_t count);
void plo_half_from_floats_c(uint16_t *out, const float *floats, size_t count);

#endif
