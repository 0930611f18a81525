// import.c: builds a card from what the ONNX file, its configuration and the caller say, and
// installs the model (see import.h).
#include "model/import.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "core/fail.h"
#include "model/config.h"
#include "model/engine.h"
#include "model/external.h"
#include "model/install.h"
#include "model/pooling.h"

static bool set(const char *text)
{
    return text != NULL && *text != '\0';
}

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

// --- finding the files ---------------------------------------------------------------------------

// The one ONNX file in a folder: model.onnx, onnx/model.onnx, or the only one there is.
static int find_weights(char **out, const char *folder, struct pipilo_error *err)
{
    static const char *const usual[] = { "model.onnx", "onnx/model.onnx" };
    for (size_t i = 0; i < PLO_COUNT(usual); i++) {
        char *path = plo_file_join(folder, usual[i]);
        if (path == NULL)
            return plo_fail_nomem(err, 0);
        if (access(path, F_OK) == 0) {
            *out = path;
            return 0;
        }
        plo_free(path);
    }
    DIR *dir = opendir(folder);
    struct dirent *entry;
    size_t count = 0;
    char name[256] = "";
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strcmp(plo_file_suffix(entry->d_name), "onnx") == 0) {
            snprintf(name, sizeof name, "%s", entry->d_name);
            count++;
        }
    }
    if (dir != NULL)
        closedir(dir);
    if (count != 1)
        return plo_fail(err, PIPILO_ENOTFOUND, "%s holds %zu ONNX files, name the one to import",
                        folder, count);
    *out = plo_file_join(folder, name);
    return *out != NULL ? 0 : plo_fail_nomem(err, 0);
}

// A configuration beside the file or one folder above it, or *out = NULL.
static int find_config(char **out, const char *weights, struct pipilo_error *err)
{
    static const char *const names[] = { "preprocessor_config.json", "../preprocessor_config.json",
                                         "model.json", "config.json", "../config.json" };
    const char *slash = strrchr(weights, '/');
    int folder = slash != NULL ? (int)(slash - weights) + 1 : 0;
    for (size_t i = 0; i < PLO_COUNT(names); i++) {
        char *path = plo_format("%.*s%s", folder, weights, names[i]);
        if (path == NULL)
            return plo_fail_nomem(err, 0);
        if (access(path, F_OK) == 0) {
            *out = path;
            return 0;
        }
        plo_free(path);
    }
    *out = NULL;
    return 0;
}

// The file's own name where it says something, else its folder's.
static void default_name(const char *weights, char *out, size_t out_size)
{
    char path[1024];
    snprintf(path, sizeof path, "%s", weights);
    const char *usual[] = { "model", "vision_model", "onnx", "." };
    char *dot = strrchr(path, '.');
    if (dot != NULL)
        *dot = '\0';
    for (;;) {
        char *slash = strrchr(path, '/');
        const char *last = slash != NULL ? slash + 1 : path;
        bool plain = *last == '\0';
        for (size_t i = 0; i < PLO_COUNT(usual); i++)
            plain = plain || strcmp(last, usual[i]) == 0;
        if (!plain || slash == NULL) {
            snprintf(out, out_size, "%.120s", *last != '\0' ? last : "model");
            break;
        }
        *slash = '\0';
    }
    for (char *c = out; *c != '\0'; c++)
        if ((*c == '.' && c == out) || strchr("/ :@+,()", *c) != NULL)
            *c = '-';
}

// --- the card ------------------------------------------------------------------------------------

static int copy_text(char *out, size_t out_size, const char *text, const char *what,
                     struct pipilo_error *err)
{
    if (!set(text))
        return 0;
    if (strlen(text) >= out_size)
        return plo_fail(err, PIPILO_EINVALID, "%s is longer than %zu bytes", what, out_size - 1);
    memcpy(out, text, strlen(text) + 1);
    return 0;
}

static int choose(int *out, const char *word, const char *const *names, const char *what,
                  struct pipilo_error *err)
{
    if (!set(word))
        return 0;
    int found = plo_preprocess_find(names, word);
    if (found >= 0) {
        *out = found;
        return 0;
    }
    struct plo_str all = PLO_STR_INIT;
    for (size_t i = 0; names[i] != NULL; i++)
        plo_str_addf(&all, "%s%s", i > 0 ? ", " : "", names[i]);
    const char *nearest = plo_str_nearest(word, names);
    plo_fail(err, PIPILO_EINVALID, "%s '%.60s' is none of %s%s%s%s", what, word,
             all.data != NULL ? all.data : "", nearest != NULL ? " (did you mean " : "",
             nearest != NULL ? nearest : "", nearest != NULL ? ")" : "");
    plo_str_reset(&all);
    return PIPILO_EINVALID;
}

static int apply_preprocess(struct plo_preprocess *p, const struct plo_import_options *o,
                            struct pipilo_error *err)
{
    int mode = p->mode, filter = p->filter, color = p->color;
    PLO_TRY(choose(&mode, o->resize, plo_resize_mode_names, "resize", err));
    PLO_TRY(choose(&filter, o->filter, plo_filter_names, "filter", err));
    PLO_TRY(choose(&color, o->color, plo_color_names, "color", err));
    p->mode = (enum plo_resize_mode)mode;
    p->filter = (enum plo_filter)filter;
    p->color = (enum plo_color)color;
    if (o->resize_width > 0 || o->resize_height > 0) {
        p->width = o->resize_width > 0 ? o->resize_width : o->resize_height;
        p->height = o->resize_height > 0 ? o->resize_height : o->resize_width;
    }
    if (o->crop_width > 0 || o->crop_height > 0) {
        p->crop_width = o->crop_width > 0 ? o->crop_width : o->crop_height;
        p->crop_height = o->crop_height > 0 ? o->crop_height : o->crop_width;
    }
    p->pad = p->pad && p->mode == PLO_RESIZE_LONGEST_EDGE;
    if (o->scale != 0)
        p->scale = o->scale;
    for (int c = 0; c < 3; c++) {
        p->mean[c] = o->mean != NULL ? o->mean[c] : p->mean[c];
        p->std[c] = o->std != NULL ? o->std[c] : p->std[c];
    }
    return 0;
}

// The card as configuration and options give it, before the model is looked at.
static int begin_card(struct plo_card *card, const char *weights,
                      const struct plo_import_options *o, struct pipilo_error *err)
{
    *card = (struct plo_card){ .preprocess = PLO_PREPROCESS_INIT, .file = "model.onnx" };
    char *found = NULL;
    if (!set(o->config))
        PLO_TRY(find_config(&found, weights, err));
    const char *config = set(o->config) ? o->config : found;
    card->preprocess.width = card->preprocess.height = 0;
    int code = config != NULL ? plo_config_read(card, config, err) : 0;
    plo_free(found);
    if (code < 0)
        return code;
    if (config == NULL && (o->mean == NULL || o->std == NULL || !set(o->resize)))
        return plo_fail(err, PIPILO_EMODEL,
                        "nothing says how pictures are prepared: give a configuration "
                        "(preprocessor_config.json, timm's config.json), or resize, mean and std");
    PLO_TRY(apply_preprocess(&card->preprocess, o, err));
    memcpy(card->task, "image_embedding", sizeof "image_embedding");
    memcpy(card->file, "model.onnx", sizeof "model.onnx");
    card->bf16 = (struct plo_card_measured){ 0 };
    card->output.normalize = card->output.normalize || o->normalize;
    PLO_TRY(copy_text(card->license, sizeof card->license, o->license, "the license", err));
    PLO_TRY(copy_text(card->source, sizeof card->source, o->source, "the source", err));
    PLO_TRY(copy_text(card->input.name, sizeof card->input.name, o->input, "the input", err));
    return copy_text(card->output.name, sizeof card->output.name, o->output, "the output", err);
}

// The one input: its name, its layout, and the size where nothing else says it.
static int take_input(struct plo_card *card, const struct plo_engine_ports *ports,
                      struct pipilo_error *err)
{
    const struct plo_engine_port *port = &ports->inputs[0];
    char text[128];
    plo_engine_port_text(port, text, sizeof text);
    if (ports->input_count != 1)
        return plo_fail(
            err, PIPILO_EMODEL,
            "the model has %zu inputs, a picture fills one; models of text and pictures "
            "often come as two files",
            ports->input_count);
    if (set(card->input.name) && strcmp(card->input.name, port->name) != 0)
        return plo_fail(err, PIPILO_EMODEL, "the model has no input '%s'; it has '%s', %s",
                        card->input.name, port->name, text);
    bool nhwc = port->count == 4 && port->shape[3] == 3 && port->shape[1] != 3;
    if (strcmp(port->dtype, "f32") != 0 || port->count != 4 ||
        (!nhwc && port->shape[1] != 3 && port->shape[1] >= 0))
        return plo_fail(err, PIPILO_EMODEL,
                        "input '%s' is %s; f32 [n, 3, height, width] or [n, height, width, 3] is "
                        "needed",
                        port->name, text);
    memcpy(card->input.name, port->name, sizeof card->input.name);
    struct plo_preprocess *p = &card->preprocess;
    p->layout = nhwc ? PLO_LAYOUT_NHWC : PLO_LAYOUT_NCHW;
    int64_t height = port->shape[nhwc ? 1 : 2], width = port->shape[nhwc ? 2 : 3];
    if (p->width == 0 && height > 0 && width > 0 && height <= 65536 && width <= 65536) {
        p->height = (uint32_t)height;
        p->width = (uint32_t)width;
    }
    uint32_t own_width, own_height;
    if (plo_preprocess_size(p, &own_width, &own_height) &&
        ((height > 0 && height != own_height) || (width > 0 && width != own_width)))
        return plo_fail(
            err, PIPILO_EMODEL,
            "pictures come out as %u x %u (height x width), the model takes %lld x %lld",
            own_height, own_width, (long long)height, (long long)width);
    return 0;
}

// The output that was named, the only one, or one by a usual name.
static int take_output_name(struct plo_card *card, const struct plo_engine_ports *ports,
                            struct pipilo_error *err)
{
    static const char *const usual[] = { "embedding",        "embeddings",    "image_embeds",
                                         "image_embeddings", "pooler_output", "last_hidden_state" };
    size_t count = ports->output_count < PLO_ENGINE_PORTS ? ports->output_count : PLO_ENGINE_PORTS;
    if (set(card->output.name))
        return 0;
    if (count == 1) {
        memcpy(card->output.name, ports->outputs[0].name, sizeof card->output.name);
        return 0;
    }
    struct plo_str all = PLO_STR_INIT;
    for (size_t i = 0; i < count; i++)
        plo_str_addf(&all, "%s%s", i > 0 ? ", " : "", ports->outputs[i].name);
    for (size_t u = 0; u < PLO_COUNT(usual); u++) {
        for (size_t i = 0; i < count; i++) {
            if (strcmp(ports->outputs[i].name, usual[u]) == 0) {
                plo_str_reset(&all);
                memcpy(card->output.name, usual[u], strlen(usual[u]) + 1);
                return 0;
            }
        }
    }
    plo_fail(err, PIPILO_EMODEL, "the model has several outputs, name one of %s",
             all.data != NULL ? all.data : "them");
    plo_str_reset(&all);
    return PIPILO_EMODEL;
}

// Pool and dimension from the shape the output has for one picture.
static int take_output(struct plo_card *card, const struct plo_engine_ports *ports,
                       const struct plo_import_options *o, struct pipilo_error *err)
{
    const struct plo_engine_port *port = NULL;
    for (size_t i = 0; i < ports->output_count && i < PLO_ENGINE_PORTS; i++)
        if (strcmp(ports->outputs[i].name, card->output.name) == 0)
            port = &ports->outputs[i];
    if (port == NULL)
        return plo_fail(err, PIPILO_EMODEL, "the model has no output '%s'", card->output.name);
    char text[128];
    plo_engine_port_text(port, text, sizeof text);
    int pool = -1;
    PLO_TRY(choose(&pool, o->pool, plo_pool_names, "pool", err));
    bool map = port->count == 4 && (port->shape[2] != 1 || port->shape[3] != 1);
    if (pool < 0 && port->count == 3)
        return plo_fail(err, PIPILO_EMODEL,
                        "output '%s' is %s, a vector a token: say pool token0 or mean_tokens",
                        port->name, text);
    if (pool < 0)
        pool = map ? PLO_POOL_AVG : PLO_POOL_NONE;
    card->output.pool = (enum plo_pool)pool;
    bool last =
        port->count == 3 || port->count == 2 || (map && card->preprocess.layout == PLO_LAYOUT_NHWC);
    int64_t dim = port->count < 2 ? -1 : port->shape[last ? port->count - 1 : 1];
    if (dim > 0)
        card->output.dim = (size_t)dim;
    else if (o->dim > 0)
        card->output.dim = o->dim;
    if (card->output.dim == 0)
        return plo_fail(err, PIPILO_EMODEL, "output '%s' is %s, which does not say its dimension",
                        port->name, text);
    size_t shape[PLO_ENGINE_DIMENSIONS];
    for (size_t i = 0; i < port->count; i++) {
        if (port->shape[i] < 0)
            return 0;
        shape[i] = (size_t)port->shape[i];
    }
    return port->count == 0 ? 0 : plo_pooling_check(card, shape, port->count, err);
}

static int look_at_model(struct plo_card *card, const char *weights,
                         const struct plo_import_options *o, struct pipilo_error *err)
{
    const struct plo_engine *engine;
    PLO_TRY(plo_engine_find(&engine, o->engine, err));
    struct plo_engine_ports *ports = plo_alloc0(1, sizeof *ports);
    if (ports == NULL)
        return plo_fail_nomem(err, sizeof *ports);
    int code = engine->inspect(ports, weights, NULL, err);
    if (code == 0)
        code = take_input(card, ports, err);
    if (code == 0)
        code = take_output_name(card, ports, err);
    uint32_t width = 0, height = 0;
    if (code == 0 && !plo_preprocess_size(&card->preprocess, &width, &height))
        code = plo_fail(err, PIPILO_EMODEL,
                        "the size of the model's pictures is not said: give a crop, or a resize "
                        "with its size");
    bool nhwc = card->preprocess.layout == PLO_LAYOUT_NHWC;
    const int64_t shape[] = { 1, nhwc ? height : 3, nhwc ? width : height, nhwc ? 3 : width };
    if (code == 0)
        code = engine->inspect(ports, weights, shape, err);
    if (code == 0)
        code = take_output(card, ports, o, err);
    plo_free(ports);
    return code;
}

// --- putting it in place -------------------------------------------------------------------------

static int copy_all(struct plo_install *install, const char *weights,
                    const struct plo_external *external, struct pipilo_error *err)
{
    PLO_TRY(plo_install_copy(install, weights, "model.onnx", err));
    const char *slash = strrchr(weights, '/');
    int folder = slash != NULL ? (int)(slash - weights) + 1 : 0;
    for (size_t i = 0; i < external->count; i++) {
        char *path = plo_format("%.*s%s", folder, weights, external->names[i]);
        int code = path != NULL ? plo_install_copy(install, path, external->names[i], err)
                                : plo_fail_nomem(err, 0);
        plo_free(path);
        PLO_TRY(code);
    }
    return 0;
}

// The digest is that of the copy: what is checked later is what was written.
static int write_card(struct plo_install *install, struct plo_card *card, struct pipilo_error *err)
{
    char *onnx = plo_format("%s/model.onnx", install->staging);
    char *path = plo_format("%s/model.json", install->staging);
    int code = onnx != NULL && path != NULL ? 0 : plo_fail_nomem(err, 0);
    if (code == 0) {
        int result = plo_sha256_file(onnx, card->sha256);
        code =
            result < 0 ? plo_fail_errno(err, result, "%s", onnx) : plo_card_write(card, path, err);
    }
    plo_free(onnx);
    plo_free(path);
    return code;
}

static int import(char **folder, const char *weights, const struct plo_import_options *o,
                  struct plo_external *external, struct pipilo_error *err)
{
    struct plo_card card;
    struct plo_install install;
    PLO_TRY(plo_external_find(external, weights, err));
    PLO_TRY(begin_card(&card, weights, o, err));
    if (set(o->name))
        PLO_TRY(copy_text(card.name, sizeof card.name, o->name, "the name", err));
    else if (card.name[0] == '\0')
        default_name(weights, card.name, sizeof card.name);
    PLO_TRY(plo_install_begin(&install, o->home, card.name, o->force, err));
    int code = look_at_model(&card, weights, o, err);
    if (code == 0)
        code = plo_card_check(&card, err);
    if (code == 0)
        code = copy_all(&install, weights, external, err);
    if (code == 0)
        code = write_card(&install, &card, err);
    if (code == 0)
        code = plo_install_finish(&install, err);
    if (code == 0) {
        *folder = install.place;
        install.place = NULL;
    }
    plo_install_reset(&install);
    return code;
}

int plo_model_import(char **folder, const char *weights, const struct plo_import_options *options,
                     struct pipilo_error *err)
{
    static const struct plo_import_options defaults = { 0 };
    char *found = NULL;
    *folder = NULL;
    if (access(weights, R_OK) != 0)
        return plo_fail(err, PIPILO_ENOTFOUND, "%s: there is no such file or folder", weights);
    if (is_folder(weights))
        PLO_TRY(find_weights(&found, weights, err));
    struct plo_external *external = plo_alloc0(1, sizeof *external);
    int code = external == NULL ? plo_fail_nomem(err, sizeof *external)
                                : import(folder, found != NULL ? found : weights,
                                         options != NULL ? options : &defaults, external, err);
    plo_free(external);
    plo_free(found);
    return code;
}
