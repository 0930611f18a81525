// compiled.h: a loaded model, from the cache of compiled models where it is there, else compiled
// and put there. What comes from the cache computes the same bytes as what was compiled.
//
// An entry is known by the weights' digest, the engine and its version, the processor, and all that
// the model is compiled for: input size, batch, precision, streams, threads. One that is damaged or
// of another identity is dropped and made anew. A cache that cannot be used costs only time; the
// reason is told once (compiled_cache.h).
// Threads: any; one model is opened and closed by one.
#ifndef PLO_MODEL_COMPILED_H
#define PLO_MODEL_COMPILED_H

#include "model/compiled/compiled_file.h"
#include "model/engine.h"

struct plo_compiled {
    const struct plo_engine *engine;
    void *model;                   // the engine's
    struct plo_compiled_file file; // what the model was made of and still reads; may be empty
};

// Errors: those of the engine's load; *out is then empty.
int plo_compiled_open(struct plo_compiled *out, const struct plo_engine *engine,
                      const struct plo_engine_load *load, struct pipilo_error *err);

// After all of its requests. May be zeroed.
void plo_compiled_close(struct plo_compiled *compiled);

// Models that came from the cache, since the process began.
int64_t plo_compiled_hits(void);

#endif
