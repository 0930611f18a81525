// layout.h: how a model is laid out over the cores: streams, threads, rows of an inference. A table
// says what is usual; what `pipilo models tune` found to be faster on this machine goes before it,
// and stands in the file `layouts` of the cache (cache_folder.h). A layout that was asked for goes
// before both. No layout is part of a fingerprint: those that are recorded give the same bytes.
// Threads and processes: any.
#ifndef PLO_MODEL_LAYOUT_H
#define PLO_MODEL_LAYOUT_H

#include "model/engine.h"

struct plo_model_layout {
    int streams, threads;
    size_t batch;
};

// By the table.
struct plo_model_layout plo_layout_usual(enum plo_precision precision, int cores);

// What the layouts of one model on this machine are known by; `load` says the model, its digest,
// device and precision. NULL when out of memory; the caller frees it.
char *plo_layout_key(const struct plo_engine *engine, const struct plo_engine_load *load,
                     int cores);

// False where none is recorded.
bool plo_layout_find(const char *key, struct plo_model_layout *out);

// Records a layout, or forgets it (NULL). Errors: PIPILO_EIO, PIPILO_ENOTFOUND where there is no
// cache folder, PIPILO_ENOMEM.
int plo_layout_record(const char *key, const struct plo_model_layout *layout,
                      struct pipilo_error *err);

#endif
