// pooling.h: from a model's output tensor to one vector a row. Plain C in a fixed order of
// additions, so that a vector is the same on every machine and in every batch. Threads: any.
#ifndef PLO_MODEL_POOLING_H
#define PLO_MODEL_POOLING_H

#include "model/card.h"
#include "model/engine.h"

// Refuses (PIPILO_EMODEL) an output that the card's pool does not turn into `dim` numbers a row,
// naming the pools that would.
int plo_pooling_check(const struct plo_card *card, const size_t *shape, size_t count,
                      struct pipilo_error *err);

// Writes the vector of `row` (dim floats) from an output that plo_pooling_check accepts.
void plo_pooling_row(const struct plo_card *card, const struct plo_engine_output *output,
                     size_t row, float *vector);

// Scales a vector to length 1; one of length 0, or not finite, stays as it is.
void plo_pooling_normalize(float *vector, size_t dim);

#endif
