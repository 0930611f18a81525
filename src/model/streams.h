// streams.h: a loaded model and the queue of rows before it. Any number of threads bring rows; as
// many inferences as there are streams run at once. A free stream takes what waits, up to the
// engine's batch and whosever it is, and never waits to fill it. Short batches are padded with
// zeros, so that a vector does not depend on its neighbours. Threads: plo_streams_run from any;
// open and close by one.
#ifndef PLO_MODEL_STREAMS_H
#define PLO_MODEL_STREAMS_H

#include "model/engine.h"

struct plo_streams;

// Loads the model (compiled.h) and makes its requests. `load` and its card are copied, except its
// texts, which are used now only. Errors: those of the engine's load.
int plo_streams_open(struct plo_streams **out, const struct plo_engine *engine,
                     const struct plo_engine_load *load, bool normalize, struct pipilo_error *err);

// Fills `output` (rows x dim floats) from `input` (rows tensors, one after the other, 64-byte
// aligned), which is read in place. Returns when all rows are done. Errors: PIPILO_EENGINE,
// PIPILO_EMODEL, PIPILO_ENOMEM.
int plo_streams_run(struct plo_streams *s, float *input, size_t rows, float *output,
                    struct pipilo_error *err);

// Nobody may be inside plo_streams_run. NULL is allowed.
void plo_streams_close(struct plo_streams *s);

// Inferences run so far: how well rows were combined.
int64_t plo_streams_inferences(struct plo_streams *s);

#endif
