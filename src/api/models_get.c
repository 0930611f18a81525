// models_get.c: models into the model home (the public side is <pipilo/models.h>).
#include <pipilo/models.h>

#include "model/import.h"
#include "model/pull/pull.h"
#include "ops/process.h"

int pipilo_model_import(char **folder, const char *weights,
                        const struct pipilo_model_import_options *options, struct pipilo_error *err)
{
    static const struct pipilo_model_import_options defaults = PIPILO_MODEL_IMPORT_OPTIONS_INIT;
    if (options == NULL)
        options = &defaults;
    struct plo_import_options wanted = {
        .home = options->home,
        .name = options->name,
        .config = options->config,
        .license = options->license,
        .source = options->source,
        .input = options->input,
        .output = options->output,
        .pool = options->pool,
        .resize = options->resize,
        .filter = options->filter,
        .color = options->color,
        .resize_width = options->resize_width,
        .resize_height = options->resize_height,
        .crop_width = options->crop_width,
        .crop_height = options->crop_height,
        .scale = options->scale,
        .mean = options->mean,
        .std = options->std,
        .dim = options->dim,
        .normalize = options->normalize,
        .force = options->force,
    };
    plo_process_prepare();
    return plo_model_import(folder, weights, &wanted, err);
}

// Hands a transfer on in the public struct.
static int progress(void *cookie, const char *file, uint64_t done, uint64_t total)
{
    const struct pipilo_model_pull_options *options = cookie;
    struct pipilo_transfer transfer = { .file = file, .done = done, .total = total };
    return options->progress(options->cookie, &transfer);
}

int pipilo_model_pull(char **folder, const char *reference,
                      const struct pipilo_model_pull_options *options, struct pipilo_error *err)
{
    static const struct pipilo_model_pull_options defaults = PIPILO_MODEL_PULL_OPTIONS_INIT;
    struct pipilo_model_pull_options own = options != NULL ? *options : defaults;
    struct plo_pull_options wanted = {
        .home = own.home,
        .name = own.name,
        .force = own.force,
        .progress = own.progress != NULL ? progress : NULL,
        .cookie = &own,
    };
    plo_process_prepare();
    return plo_model_pull(folder, reference, &wanted, err);
}
