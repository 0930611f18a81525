// tune.h: the fastest layout of a model on this machine, by trying some (layout.h).
// Threads: any; what else the machine does is measured with it.
#ifndef PLO_MODEL_TUNE_H
#define PLO_MODEL_TUNE_H

#include "model/layout.h"
#include "model/model.h"

enum { PLO_TUNE_MOST = 8 }; // layouts that are tried

struct plo_tune_try {
    struct plo_model_layout layout;
    double rate;  // inferences' rows a second: the median of its rounds
    double speed; // the median of the rounds' rate / the usual layout's in the same round
    bool same;    // its vectors are the usual layout's, byte for byte
};

struct plo_tuning {
    struct plo_tune_try tries[PLO_TUNE_MOST]; // the usual layout first
    size_t count;
    size_t best; // the usual one, unless another is 2 % faster and gives the same bytes
    char *key;   // for plo_layout_record; the caller frees it
};

// Tries the layouts of `spec`; of the options, precision, engine and device count. `progress` is
// called after each; other than 0 stops (PIPILO_ECANCELED). Nothing is recorded, and nothing
// compiled is kept. Errors: those of plo_model_open and plo_model_embed.
int plo_model_tune(struct plo_tuning *out, const char *spec,
                   const struct plo_model_options *options,
                   int (*progress)(void *cookie, size_t tried, size_t all), void *cookie,
                   struct pipilo_error *err);

#endif
