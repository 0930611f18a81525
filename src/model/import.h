// import.h: an ONNX file into the model home, with a card of its own.
//
//     struct plo_import_options options = { .config = "preprocessor_config.json" };
//     char *folder = NULL;
//     PLO_TRY(plo_model_import(&folder, "model.onnx", &options, err));
//
// Threads: any.
#ifndef PLO_MODEL_IMPORT_H
#define PLO_MODEL_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipilo/error.h>

// What the card is made from, later ones over earlier ones: what the ONNX file declares, the
// configuration file, the fields here. NULL, 0 and "" leave a field as it was.
struct plo_import_options {
    const char *home;   // the folder of models; NULL: the model home
    const char *name;   // NULL: from the file's or its folder's name
    const char *config; // preprocessor_config.json, timm's config.json or a model card; NULL: what
                        // lies beside the file or one folder above it under those names
    const char *engine; // that reads the ONNX file; NULL: openvino
    const char *license, *source;
    const char *input, *output;                 // names in the ONNX file
    const char *pool, *resize, *filter, *color; // words as in a card
    uint32_t resize_width, resize_height;       // pixels
    uint32_t crop_width, crop_height;
    double scale;
    const double *mean, *std; // three each
    size_t dim;               // only where the file does not say it
    bool normalize, force;
};

// Copies `weights`, an ONNX file or a folder with one, and the files of weights it names, into
// home/NAME and writes the card. *folder, which the caller frees, gets the new folder. Errors:
// PIPILO_EMODEL naming what is wrong or missing, PIPILO_EEXISTS without force, PIPILO_EINVALID,
// PIPILO_ENOTFOUND, PIPILO_EENGINE, PIPILO_EIO, PIPILO_ENOMEM.
int plo_model_import(char **folder, const char *weights, const struct plo_import_options *options,
                     struct pipilo_error *err);

#endif
