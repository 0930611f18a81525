// inference.h: a model alone: input in memory, no picture anywhere. Threads: as timed.h.
#ifndef PLO_BENCH_INFERENCE_H
#define PLO_BENCH_INFERENCE_H

#include "bench/timed.h"
#include "model/model.h"

// As many threads ask as the model has streams, for whole batches; job.threads, `call` and `cookie`
// are set here, and job.calls counts rows. *out counts rows too. Errors: as plo_timed_run and
// plo_model_embed.
int plo_inference_run(struct plo_timed_taken *out, struct plo_model *model,
                      struct plo_timed_job job, struct pipilo_error *err);

#endif
