// normalise.h: 8-bit pixels to a model's floats. Threads: any.
#ifndef PLO_IMAGE_NORMALISE_H
#define PLO_IMAGE_NORMALISE_H

#include <stddef.h>
#include <stdint.h>

#include "core/preprocess.h"

// `count` RGB pixels into 3 x count floats, in the order of channels and the layout of `p`.
void plo_normalise(const struct plo_preprocess *p, const uint8_t *pixels, size_t count, float *out);

#endif
