// normalise.c: a table per channel turns each pixel into the float that torchvision's ToTensor and
// Normalize would give (see plo_preprocess_table).
#include "image/normalise.h"

#include <string.h>

#include "image/kernels.h"

static void fill_lookup(struct plo_lookup *lookup, const float values[256])
{
    memcpy(lookup->values, values, sizeof lookup->values);
    const uint8_t *bytes = (const uint8_t *)values;
    for (size_t v = 0; v < 256; v++) {
        for (size_t k = 0; k < 4; k++)
            lookup->bytes[k][v] = bytes[4 * v + k];
    }
}

void plo_normalise(const struct plo_preprocess *p, const uint8_t *pixels, size_t count, float *out)
{
    float table[3][256];
    plo_preprocess_table(p, table);
    // The channel of a pixel that goes to the first, second and third place.
    size_t a = p->color == PLO_COLOR_BGR ? 2 : 0;
    const size_t channels[3] = { a, 1, 2 - a };
    if (p->layout == PLO_LAYOUT_NHWC) {
        for (size_t i = 0; i < count; i++) {
            for (size_t c = 0; c < 3; c++)
                out[3 * i + c] = table[c][pixels[3 * i + channels[c]]];
        }
        return;
    }
    const struct plo_kernels *kernels = plo_kernels();
    for (size_t c = 0; c < 3; c++) {
        struct plo_lookup lookup;
        fill_lookup(&lookup, table[c]);
        kernels->lookup(out + c * count, pixels + channels[c], count, &lookup);
    }
}
