// model_describe.c: what a spec and its options stand for: the card, the weights and their digest,
// precision, layout, and the key that makes two models one (see model_parts.h). Nothing is loaded.
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/cores.h"
#include "base/str.h"
#include "core/fail.h"
#include "model/external.h"
#include "model/layout.h"
#include "model/model_parts.h"
#include "model/resolve.h"

static int check_range(const char *what, long long value, long long max, struct pipilo_error *err)
{
    if (value < 0 || value > max)
        return plo_fail(err, PIPILO_EINVALID, "%s is %lld, which is not between 0 and %lld", what,
                        value, max);
    return 0;
}

static int set_options(struct plo_model *m, const struct plo_model_options *o,
                       struct pipilo_error *err)
{
    PLO_TRY(check_range("streams", o->streams, PLO_MODEL_MAX_STREAMS, err));
    PLO_TRY(check_range("threads", o->threads, PLO_MODEL_MAX_STREAMS, err));
    PLO_TRY(check_range("batch", (long long)o->batch, PLO_MODEL_MAX_BATCH, err));
    const char *device = o->device != NULL && *o->device != '\0' ? o->device : "CPU";
    if (strlen(device) >= sizeof m->device)
        return plo_fail(err, PIPILO_EINVALID, "a device's name has at most %zu bytes",
                        sizeof m->device - 1);
    memcpy(m->device, device, strlen(device) + 1);
    m->normalize = o->normalize;
    m->load.precision = o->precision;
    m->load.fresh = o->fresh;
    return 0;
}

// What was asked for, else what was measured here, else what is usual.
static int set_layout(struct plo_model *m, const struct plo_model_options *o,
                      struct pipilo_error *err)
{
    int cores = plo_cores();
    struct plo_model_layout layout = plo_layout_usual(m->load.precision, cores);
    if (o->threads == 0 && o->streams == 0 && o->batch == 0 && m->path != NULL) {
        char *key = plo_layout_key(m->engine, &m->load, cores);
        if (key == NULL)
            return plo_fail_nomem(err, 0);
        plo_layout_find(key, &layout);
        plo_free(key);
    }
    m->load.threads = o->threads > 0 ? o->threads : layout.threads;
    m->load.streams = o->streams > 0 ? o->streams : o->threads > 0 ? o->threads : layout.streams;
    m->load.batch = o->batch > 0 ? o->batch : layout.batch;
    return 0;
}

static int set_null(struct plo_model *m, const char *spec, const struct plo_model_options *o,
                    struct pipilo_error *err)
{
    char *end = NULL;
    long dim = spec[4] == ':' ? strtol(spec + 5, &end, 10) : 64;
    if (dim < 1 || dim > 65536 || (end != NULL && (*end != '\0' || end == spec + 5)))
        return plo_fail(err, PIPILO_EINVALID,
                        "'%s' is no null model; it is null or null:DIM, DIM from 1 to 65536", spec);
    if (o->engine != NULL && strcmp(o->engine, "null") != 0)
        return plo_fail(err, PIPILO_EINVALID, "the null model runs on the null engine, not on %s",
                        o->engine);
    m->card = (struct plo_card){
        .name = "null",
        .task = "image_embedding",
        .file = "none",
        .license = "Apache-2.0",
        .input.name = "input",
        .preprocess = PLO_PREPROCESS_INIT,
        .output = { .name = "embedding", .dim = (size_t)dim },
    };
    plo_sha256_hex("null", 4, m->sha256);
    return plo_engine_find(&m->engine, "null", err);
}

static uint64_t file_size(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

// Weights in several files get one digest over all of theirs.
static int digest_all(struct plo_model *m, const struct plo_external *external,
                      struct pipilo_error *err)
{
    const char *slash = strrchr(m->path, '/');
    int folder = slash != NULL ? (int)(slash - m->path) + 1 : 0;
    struct plo_str all = PLO_STR_INIT;
    int code = 0;
    plo_str_add(&all, m->sha256);
    m->weights = file_size(m->path);
    for (size_t i = 0; code == 0 && i < external->count; i++) {
        char hex[PLO_SHA256_HEX];
        char *path = plo_format("%.*s%s", folder, m->path, external->names[i]);
        code = path != NULL ? plo_watch_add(&m->watch, path, err) : plo_fail_nomem(err, 0);
        if (code == 0)
            code = plo_digest_file(path, hex, err);
        if (code == 0) {
            m->weights += file_size(path);
            plo_str_addf(&all, " %s", hex);
        }
        plo_free(path);
    }
    if (code == 0 && all.failed)
        code = plo_fail_nomem(err, 0);
    if (code == 0 && external->count > 0)
        plo_sha256_hex(all.data, all.length, m->sha256);
    plo_str_reset(&all);
    return code;
}

static int set_files(struct plo_model *m, const char *spec, const struct plo_model_options *o,
                     struct pipilo_error *err)
{
    struct plo_model_files files;
    PLO_TRY(plo_engine_find(&m->engine, o->engine, err));
    PLO_TRY(plo_model_resolve(&files, spec, err));
    m->card = files.card;
    m->path = files.onnx_path;
    files.onnx_path = NULL;
    plo_model_files_reset(&files);
    if (m->to_load)
        PLO_TRY(plo_model_refuse_large(m, file_size(m->path), err));
    PLO_TRY(plo_watch_add(&m->watch, m->path, err));
    PLO_TRY(plo_digest_file(m->path, m->sha256, err));
    if (m->card.sha256[0] != '\0' && strcmp(m->card.sha256, m->sha256) != 0)
        return plo_fail(err, PIPILO_EMODEL,
                        "%.140s is damaged or was replaced: its sha256 is %s, the card says %s",
                        m->path, m->sha256, m->card.sha256);
    struct plo_external *external = plo_alloc(sizeof *external);
    if (external == NULL)
        return plo_fail_nomem(err, sizeof *external);
    int code = plo_external_find(external, m->path, err);
    if (code == 0)
        code = digest_all(m, external, err);
    plo_free(external);
    return code;
}

// The fastest precision that is known to be as good as f32 (design: worst cosine 0.999).
static int set_precision(struct plo_model *m, struct pipilo_error *err)
{
    bool good = plo_card_precision_good(&m->card.bf16);
    enum plo_precision asked = m->load.precision;
    m->load.precision = PLO_PRECISION_F32;
    if (asked == PLO_PRECISION_F32 || (asked == PLO_PRECISION_AUTO && !good))
        return 0;
    if (m->engine->has_bf16(m->device))
        m->load.precision = PLO_PRECISION_BF16;
    else if (asked == PLO_PRECISION_BF16)
        return plo_fail(err, PIPILO_EINVALID, "%s has no bf16 here; f32 is there", m->device);
    return 0;
}

int plo_model_fingerprint(const struct plo_model *model, struct plo_decode_policy decode,
                          struct plo_fingerprint *out, struct pipilo_error *err)
{
    const struct plo_card *card = &model->card;
    struct plo_fingerprint_parts parts = {
        .model_sha256 = model->sha256,
        .engine = model->engine->name,
        .precision = plo_precision_names[model->load.precision],
        .input = card->input.name,
        .output = card->output.name,
        .pool = plo_pool_names[card->output.pool],
        .dim = card->output.dim,
        .normalize = model->normalize,
        .preprocess = card->preprocess,
        .decode = decode,
        .engine_version = model->engine->version(),
        .model_name = card->name,
    };
    return plo_fingerprint_create(out, &parts, err);
}

// Two models are one where their vectors are and where they run the same way.
static int set_key(struct plo_model *m, struct pipilo_error *err)
{
    struct plo_fingerprint print;
    PLO_TRY(plo_model_fingerprint(m, (struct plo_decode_policy){ 0 }, &print, err));
    m->key = plo_format("%s %s %s %d %d %zu", print.json, m->card.name, m->device, m->load.streams,
                        m->load.threads, m->load.batch);
    plo_fingerprint_reset(&print);
    return m->key != NULL ? 0 : plo_fail_nomem(err, 0);
}

int plo_model_describe_into(struct plo_model *m, const char *spec,
                            const struct plo_model_options *o, struct pipilo_error *err)
{
    PLO_TRY(set_options(m, o, err));
    if (strcmp(spec, "null") == 0 || strncmp(spec, "null:", 5) == 0)
        PLO_TRY(set_null(m, spec, o, err));
    else
        PLO_TRY(set_files(m, spec, o, err));
    uint32_t width, height;
    plo_preprocess_size(&m->card.preprocess, &width, &height);
    m->load.width = width;
    m->load.height = height;
    m->normalize = m->normalize || m->card.output.normalize;
    m->load.path = m->path;
    m->load.sha256 = m->sha256;
    m->load.watch = &m->watch;
    m->load.card = &m->card;
    m->load.device = m->device;
    PLO_TRY(set_precision(m, err));
    PLO_TRY(set_layout(m, o, err));
    return set_key(m, err);
}
