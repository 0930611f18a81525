// kernels.h: the inner loops between a decoder's rows and a model's floats. There is one set in
// plain C, the reference, and one for each kind of vector unit; all give the same bytes, and
// tests/unit/image/test_kernels.c holds them to it.
//
// Threads: any; nothing here has a state.
#ifndef PLO_IMAGE_KERNELS_H
#define PLO_IMAGE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "image/axis.h"

// Who reads whole vectors looks past the end of a row by up to this many bytes: whoever gives rows
// makes room for them.
enum { PLO_ROW_PADDING = 64 };

// What each of 256 pixel values becomes; `bytes` holds the same floats again, the first byte of all
// of them, then the second, third and fourth.
struct plo_lookup {
    float values[256];
    uint8_t bytes[4][256];
};

struct plo_kernels {
    const char *name;

    // One row of RGB: axis->count pixels from `row`, which may be read up to PLO_ROW_PADDING bytes
    // past the last sample of the axis. `out` has room for 16 bytes more than it gets.
    void (*row)(uint8_t *out, const uint8_t *row, const struct plo_axis *axis);

    // Sum over t < length of rows[t][i] x weight, for i < bytes. rows[length..] up to a multiple of
    // 4 may be read and must be valid; all may be read, and `out` written, up to PLO_ROW_PADDING
    // bytes past.
    void (*column)(uint8_t *out, const uint8_t *const *rows, const struct plo_axis *axis,
                   uint32_t index, size_t bytes);

    // One channel of RGB pixels through a table: out[i] is what pixels[3 * i] becomes. Nothing is
    // read past pixels[3 * count - 3], nothing written past out[count - 1].
    void (*lookup)(float *out, const uint8_t *pixels, size_t count,
                   const struct plo_lookup *lookup);
};

// The fastest set this CPU can run.
const struct plo_kernels *plo_kernels(void);

// All sets this CPU can run, the fastest first, plain C last; NULL past it.
const struct plo_kernels *plo_kernels_at(size_t index);

extern const struct plo_kernels plo_kernels_c;
#if defined(__x86_64__)
extern const struct plo_kernels plo_kernels_avx2;
extern const struct plo_kernels plo_kernels_avx512;
#endif
#if defined(__aarch64__)
extern const struct plo_kernels plo_kernels_neon;
#endif

// Plain C's, for sets that cannot do better.
void plo_lookup_c(float *out, const uint8_t *pixels, size_t count, const struct plo_lookup *lookup);

#endif
