// resolve.h: what `-m` means. In this order:
//   a folder with a model.json                     ./efficientnet-lite0
//   NAME.onnx, with NAME.json or model.json beside  ./resnet50.onnx
//   a name in the model home                       efficientnet-lite0
// The model home is $PIPILO_HOME/models, else $XDG_DATA_HOME/pipilo/models, else
// ~/.local/share/pipilo/models: one folder a model.
// Threads: any.
#ifndef PLO_MODEL_RESOLVE_H
#define PLO_MODEL_RESOLVE_H

#include <pipilo/error.h>

#include "model/card.h"

struct plo_model_files {
    char *card_path;
    char *onnx_path;
    struct plo_card card;
};

// Finds the files and reads the card. Errors: PIPILO_ENOTFOUND, for a name with the nearest known
// one and what the home holds; PIPILO_EMODEL; PIPILO_EIO; PIPILO_ENOMEM. Free with
// plo_model_files_reset.
int plo_model_resolve(struct plo_model_files *out, const char *spec, struct pipilo_error *err);
void plo_model_files_reset(struct plo_model_files *files);

// The model home, which need not exist; the caller frees it. Errors: PIPILO_ENOTFOUND where no
// variable says where, PIPILO_ENOMEM.
int plo_model_home(char **out, struct pipilo_error *err);

// The names of the models in the home, sorted, NULL-ended; no home gives none. Free with
// plo_model_names_free. Errors: PIPILO_ENOMEM.
int plo_model_names(char ***out, struct pipilo_error *err);
void plo_model_names_free(char **names);

#endif
