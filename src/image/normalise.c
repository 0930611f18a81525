// normalise.c: a table per channel turns each pixel into the float that torchvision's ToTensor and
// Normalize would give (see plo_preprocess_table).
#include "image/normalise.h"

void plo_normalise(const struct plo_preprocess *p, const uint8_t *pixels, size_t count, float *out)
{
    float table[3][256];
    plo_preprocess_table(p, table);
    // The channel of a pixel that goes to the first, second and third place.
    size_t a = p->color == PLO_COLOR_BGR ? 2 : 0, c = 2 - a;
    if (p->layout == PLO_LAYOUT_NHWC) {
        for (size_t i = 0; i < count; i++) {
            out[3 * i] = table[0][pixels[3 * i + a]];
            out[3 * i + 1] = table[1][pixels[3 * i + 1]];
            out[3 * i + 2] = table[2][pixels[3 * i + c]];
        }
        return;
    }
    float *second = out + count, *third = second + count;
    for (size_t i = 0; i < count; i++) {
        out[i] = table[0][pixels[3 * i + a]];
        second[i] = table[1][pixels[3 * i + 1]];
        third[i] = table[2][pixels[3 * i + c]];
    }
}
