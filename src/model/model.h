// model.h: a model that is ready to turn pictures' tensors into vectors. Models are immutable and
// shared: opening one twice loads it once, in the whole process.
//
//     struct plo_model *model = NULL;
//     struct plo_model_options options = PLO_MODEL_OPTIONS_INIT;
//     PLO_TRY(plo_model_open(&model, "efficientnet-lite0", &options, err));
//     // input: 64-byte aligned, rows x plo_model_input_floats(model), laid out as the card's
//     // preprocess says; output: rows x plo_model_dim(model)
//     int code = plo_model_embed(model, input, rows, output, err);
//     plo_model_unref(&model);
//
// A model whose last reference went is kept for an idle time (60 s) and dropped by whichever call
// comes after, or at once by plo_model_cache_drop.
//
// After fork() the child must open its models anew: one it inherited fails (PIPILO_EINVALID) and is
// never freed, because the engine's threads are not there.
//
// The library should call mallopt(M_ARENA_MAX, 1) before its first thread: glibc's arenas otherwise
// keep some megabytes per load and unload.
//
// Threads: everything here may be called from any thread at any time.
#ifndef PLO_MODEL_MODEL_H
#define PLO_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipilo/error.h>

#include "core/fingerprint.h"
#include "model/card.h"

struct plo_model;

struct plo_model_options {
    enum plo_precision precision;
    const char *engine; // NULL = "openvino"
    const char *device; // NULL = "CPU"
    int streams;        // inferences at the same time; 0 = threads, or as below
    int threads;        // cores for all of them; 0 = as below
    size_t batch;       // rows of one inference; 0 = as below
                        // all three 0: what was tuned here, else the usual layout (layout.h)
    bool fresh;         // compile anew and keep nothing of it (compiled.h)
    bool normalize;     // scale vectors to length 1, also where the card does not ask for it
};

#define PLO_MODEL_OPTIONS_INIT ((struct plo_model_options){ .precision = PLO_PRECISION_F32 })

enum { PLO_MODEL_MAX_STREAMS = 1024, PLO_MODEL_MAX_BATCH = 1024 };

// Opens what `spec` names (resolve.h), or "null" or "null:DIM": a built-in model of 224 x 224
// pictures on the null engine, for tests. While one thread loads, others that want the same wait.
//
// Errors: those of plo_model_resolve; PIPILO_EINVALID for an option out of range, or bf16 where the
// device has none; PIPILO_ENOTFOUND for an unknown engine or device, with those there are;
// PIPILO_EMODEL for a damaged file or one that does not fit its card; PIPILO_EBUDGET where loading
// does not fit the memory budget; PIPILO_EENGINE; PIPILO_ENOMEM.
int plo_model_open(struct plo_model **out, const char *spec,
                   const struct plo_model_options *options, struct pipilo_error *err);

// The same without loading: everything is known of such a model (its bytes are an estimate), but it
// cannot embed (PIPILO_EINVALID). Errors: as plo_model_open, but for those of loading.
int plo_model_describe(struct plo_model **out, const char *spec,
                       const struct plo_model_options *options, struct pipilo_error *err);

// One more reference; returns its argument. Drops one and sets the pointer to NULL.
struct plo_model *plo_model_ref(struct plo_model *model);
void plo_model_unref(struct plo_model **model);

// Turns `rows` preprocessed pictures into vectors: pooled as the card says, of length 1 where that
// was asked for. `input` and `output` are the caller's; `input` is read in place and not changed.
// Blocks while all streams are busy. A vector is the same bytes whatever was computed with it.
// Errors: PIPILO_EENGINE, PIPILO_EMODEL, PIPILO_EINVALID (after fork), PIPILO_ENOMEM.
int plo_model_embed(struct plo_model *model, float *input, size_t rows, float *output,
                    struct pipilo_error *err);

// The card, borrowed from the model.
const struct plo_card *plo_model_card(const struct plo_model *model);

const char *plo_model_name(const struct plo_model *model);
const char *
plo_model_path(const struct plo_model *model); // the weights' file; "" for the null model
const char *plo_model_engine(const struct plo_model *model); // "openvino"
size_t plo_model_dim(const struct plo_model *model);
size_t plo_model_input_floats(const struct plo_model *model); // of one row: 3 x height x width
void plo_model_input_size(const struct plo_model *model, uint32_t *width, uint32_t *height);
size_t plo_model_rows(const struct plo_model *model); // rows a call does best with: the batch
int plo_model_streams(const struct plo_model *model);
enum plo_precision plo_model_precision(const struct plo_model *model); // what is used: f32 or bf16
bool plo_model_normalized(const struct plo_model *model);
uint64_t plo_model_bytes(const struct plo_model *model);     // charged to the budget
int64_t plo_model_inferences(const struct plo_model *model); // run so far, each up to a batch

// What fixes this model's vectors, with the pictures decoded as `decode` says. The caller frees it.
int plo_model_fingerprint(const struct plo_model *model, struct plo_decode_policy decode,
                          struct plo_fingerprint *out, struct pipilo_error *err);

// What this model's layouts are known by (layout.h); NULL when out of memory. The caller frees it.
char *plo_model_layout_key(const struct plo_model *model);

// Drops every model without a reference at once; returns how many. For the governor, and for
// closing the library.
size_t plo_model_cache_drop(void);

// How long a model without a reference is kept, in nanoseconds.
void plo_model_cache_set_idle(int64_t ns);

// Models loaded since the process began.
int64_t plo_model_loads(void);

// Devices of an engine (NULL = "openvino"), as "CPU, GPU". Errors: PIPILO_ENOTFOUND,
// PIPILO_EENGINE.
int plo_model_devices(const char *engine, char *out, size_t out_size, struct pipilo_error *err);

#endif
