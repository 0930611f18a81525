// engine.h: what runs a model: a file under engines/, and what it needs beside it, behind one table
// of functions. Adding an engine = its file and its line in engine.c.
//
// Tensors are float32 in C order. A loaded model has one fixed batch; its requests are what runs at
// the same time.
// Ownership: `load` gives a model that `unload` frees, after all of its requests.
// Threads: every function may be called from any thread; one request by one thread at a time. A
// model that was loaded before fork() must not be touched in the child.
#ifndef PLO_MODEL_ENGINE_H
#define PLO_MODEL_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipilo/error.h>

#include "model/card.h"

enum { PLO_ENGINE_DIMENSIONS = 8, PLO_ENGINE_PORTS = 16 };

// An input or output as the file declares it.
struct plo_engine_port {
    char name[128];
    char dtype[16];                       // "f32", "f16", "i64", ..
    size_t count;                         // dimensions; 0 = not known
    int64_t shape[PLO_ENGINE_DIMENSIONS]; // -1 = not fixed
};

// The first PLO_ENGINE_PORTS inputs and outputs of a model file, and how many there are.
struct plo_engine_ports {
    struct plo_engine_port inputs[PLO_ENGINE_PORTS], outputs[PLO_ENGINE_PORTS];
    size_t input_count, output_count;
};

struct plo_engine_load {
    const char *path;
    const char *sha256; // of the weights; NULL: not known, and what is compiled is not kept
    const struct plo_card *card;
    size_t batch;                 // rows of one inference
    size_t height, width;         // pixels of the input
    enum plo_precision precision; // f32 or bf16
    const char *device;
    int streams;                   // inferences at the same time
    int threads;                   // cores for all of them
    bool fresh;                    // for compiled.h: neither take nor keep what was compiled
    const struct plo_watch *watch; // for compiled.h: the files that `sha256` is of; may be NULL
};

// Output of one inference, `batch` rows: shape[0] == batch.
struct plo_engine_output {
    size_t count;
    size_t shape[PLO_ENGINE_DIMENSIONS];
    const float *data; // until the request's next inference
};

struct plo_engine {
    const char *name;

    // Where the engine's library is looked for first; copied. NULL for one that needs no library.
    int (*set_folder)(const char *folder, struct pipilo_error *err);

    // Devices there are, as "CPU, GPU". Errors: PIPILO_ENOTFOUND where the engine is not installed.
    int (*devices)(char *out, size_t out_size, struct pipilo_error *err);

    // Whether the device computes bf16 itself.
    bool (*has_bf16)(const char *device);

    // The engine's version, or "" where it is not installed; static.
    const char *(*version)(void);

    // Bytes that loading a file of `file_size` takes at most.
    uint64_t (*need)(uint64_t file_size);

    // What the file declares, without making it ready to run. With `shape` (four sizes) as it is
    // once its one input has that shape. Errors: PIPILO_EMODEL.
    int (*inspect)(struct plo_engine_ports *out, const char *path, const int64_t *shape,
                   struct pipilo_error *err);

    // Errors: PIPILO_ENOTFOUND (engine or device), PIPILO_EMODEL (the file, or a name or shape of
    // the card that it does not have), PIPILO_EENGINE, PIPILO_ENOMEM.
    int (*load)(void **model, const struct plo_engine_load *load, struct pipilo_error *err);
    void (*unload)(void *model);

    // What was compiled, written to the file `path`; the same loaded from such bytes, which must
    // begin at a page and stay until `unload`. The bytes are trusted: whoever keeps them checks
    // them. `load` must be what the model was loaded with. Both NULL: the engine does not compile.
    // Errors: as of `load`; PIPILO_EENGINE where the device keeps nothing.
    int (*export_blob)(void *model, const char *path, struct pipilo_error *err);
    int (*import_blob)(void **model, const struct plo_engine_load *load, const void *blob,
                       size_t size, struct pipilo_error *err);

    int (*request_create)(void **request, void *model, struct pipilo_error *err);
    void (*request_destroy)(void *request);

    // Runs `batch` rows of `input` (64-byte aligned, borrowed until the return).
    int (*infer)(void *request, float *input, struct plo_engine_output *out,
                 struct pipilo_error *err);
};

// The engine of that name ("openvino", "null"; NULL = "openvino"). Errors: PIPILO_ENOTFOUND with
// those there are.
int plo_engine_find(const struct plo_engine **out, const char *name, struct pipilo_error *err);

// Tells every engine where its library may be. Errors: PIPILO_EINVALID for a name that is too long.
int plo_engine_set_folder(const char *folder, struct pipilo_error *err);

// The rows of a port in words: "f32 [n, 3, 224, 224]".
void plo_engine_port_text(const struct plo_engine_port *port, char *out, size_t out_size);

#endif
