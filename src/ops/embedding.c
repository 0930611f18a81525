// embedding.c: from arguments to the model layer's options (see embedding.h).
#include "ops/embedding.h"

#include <string.h>

#include "core/fail.h"

struct plo_embedding plo_embedding_of_args(const pipilo_args *args)
{
    const char *precision = pipilo_args_string(args, "precision");
    struct plo_embedding embedding = { .model = PLO_MODEL_OPTIONS_INIT,
                                       .decode = PLO_DECODE_OPTIONS_INIT };
    embedding.model.precision = plo_preprocess_find(plo_precision_names, precision);
    embedding.model.device = pipilo_args_string(args, "device");
    embedding.model.threads = (int)pipilo_args_int(args, "threads");
    embedding.model.batch = (size_t)pipilo_args_int(args, "batch");
    embedding.model.normalize = pipilo_args_bool(args, "normalize");
    embedding.decode.fast = pipilo_args_bool(args, "fast");
    embedding.decode.ignore_orientation = strcmp(pipilo_args_string(args, "exif"), "ignore") == 0;
    return embedding;
}

int plo_embedding_of_settings(struct plo_embedding *out,
                              const struct pipilo_model_settings *settings,
                              struct pipilo_error *err)
{
    *out = (struct plo_embedding){ .model = PLO_MODEL_OPTIONS_INIT,
                                   .decode = PLO_DECODE_OPTIONS_INIT };
    if (settings == NULL)
        return 0;
    const char *precision = settings->precision != NULL ? settings->precision : "f32";
    const char *exif = settings->exif != NULL ? settings->exif : "apply";
    int found = plo_preprocess_find(plo_precision_names, precision);
    if (found < 0)
        return plo_fail(err, PIPILO_EINVALID, "there is no precision '%s': f32, bf16 or auto",
                        precision);
    if (strcmp(exif, "apply") != 0 && strcmp(exif, "ignore") != 0)
        return plo_fail(err, PIPILO_EINVALID, "exif is apply or ignore, not '%s'", exif);
    out->model.precision = found;
    out->model.device = settings->device;
    out->model.normalize = settings->normalize;
    out->decode.fast = settings->fast;
    out->decode.ignore_orientation = strcmp(exif, "ignore") == 0;
    return 0;
}

int plo_embedding_fingerprint(const struct plo_embedding *embedding, const struct plo_model *model,
                              struct plo_fingerprint *out, struct pipilo_error *err)
{
    struct plo_decode_policy policy = { .fast = embedding->decode.fast,
                                        .ignore_exif = embedding->decode.ignore_orientation };
    return plo_model_fingerprint(model, policy, out, err);
}
