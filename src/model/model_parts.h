// model_parts.h: what the files about one model share: what it is (model_describe.c), and the list
// of those that are loaded (model.c). Threads: a model that is in no list belongs to one.
#ifndef PLO_MODEL_MODEL_PARTS_H
#define PLO_MODEL_MODEL_PARTS_H

#include <sys/types.h>

#include "model/digest.h"
#include "model/engine.h"
#include "model/model.h"
#include "model/streams.h"
#include "model/watch.h"

enum plo_model_state {
    PLO_MODEL_UNLISTED,
    PLO_MODEL_LOADING,
    PLO_MODEL_READY,
    PLO_MODEL_FAILED,
};

struct plo_model {
    // Fixed once the model is ready.
    struct plo_card card;
    char sha256[PLO_SHA256_HEX]; // of the weights, those beside the file included
    const struct plo_engine *engine;
    struct plo_engine_load load; // its pointers point into this struct
    char device[64];
    char *path;
    struct plo_watch watch; // the weights
    bool normalize;
    bool to_load;     // or to be described only
    uint64_t weights; // bytes of the file and those beside it
    char *key;        // everything that makes two models one
    struct plo_streams *streams;
    uint64_t bytes; // charged
    pid_t pid;      // a model does not survive fork()

    // Guarded by the lock in model.c.
    int refs;
    enum plo_model_state state;
    struct pipilo_error error; // of a failed load, for those who waited
    int64_t idle_since;
    struct plo_model *next;
};

// Fills in what is known of a model without loading it; with `to_load` refuses what could not be
// loaded. Errors: those of plo_model_open but for those of loading. The caller frees the model in
// either case.
int plo_model_describe_into(struct plo_model *m, const char *spec,
                            const struct plo_model_options *options, struct pipilo_error *err);

// What could never be loaded is refused before its gigabytes are read for their digest. One that is
// there already fitted once. Errors: PIPILO_EBUDGET.
int plo_model_refuse_large(const struct plo_model *m, uint64_t file_size, struct pipilo_error *err);

#endif
