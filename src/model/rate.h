// rate.h: how many inferences a loaded model makes a second, without any picture.
// Threads: any; what else the machine does is measured with it.
#ifndef PLO_MODEL_RATE_H
#define PLO_MODEL_RATE_H

#include "model/model.h"

// Rows a second over about `seconds`, with as many callers as the model has streams, each with a
// full batch of the same made-up rows. Errors: those of plo_model_embed, PIPILO_ENOMEM.
int plo_model_rate(struct plo_model *model, double seconds, double *rate, struct pipilo_error *err);

// Fills `rows` rows with numbers from -1 to 1, the same ones every time.
void plo_model_fill(const struct plo_model *model, float *input, size_t rows);

// The middle one of `count` numbers, which are sorted.
double plo_median(double *numbers, size_t count);

#endif
