// remote_hub.c: models from Hugging Face's repositories (see remote.h). The repository's list of
// files comes first: it says which commit, which file, and the digests of the large ones.
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "core/fail.h"
#include "model/external.h"
#include "model/pull/fetch.h"
#include "model/pull/remote.h"

// The parts of OWNER/REPOSITORY@REVISION:FILE.
struct reference {
    char repository[200];
    char revision[100];
    char file[256];
};

struct hub {
    struct reference reference;
    const char *endpoint;
    const char *token;
    const char *folder;
    const struct plo_remote_progress *progress;
    struct plo_json *info; // the API's answer
    char commit[100];      // or the revision, where the answer names none
};

void plo_remote_reset(struct plo_remote *remote)
{
    plo_free(remote->weights);
    plo_free(remote->config);
    plo_free(remote->license);
    plo_free(remote->source);
    *remote = (struct plo_remote){ 0 };
}

static bool plain_path(const char *text)
{
    return *text != '\0' && *text != '/' && strstr(text, "..") == NULL &&
           strpbrk(text, "?#%&\\ \"'") == NULL;
}

static int parse_reference(struct reference *out, const char *text, struct pipilo_error *err)
{
    *out = (struct reference){ .revision = "main" };
    size_t length = strcspn(text, "@:");
    const char *revision = text[length] == '@' ? text + length + 1 : NULL;
    const char *colon = strchr(text + length, ':');
    size_t revision_length = revision != NULL ? strcspn(revision, ":") : 0;
    const char *slash = memchr(text, '/', length);
    bool good = length < sizeof out->repository && slash != NULL && slash != text &&
                slash + 1 != text + length &&
                memchr(slash + 1, '/', (size_t)(text + length - slash - 1)) == NULL &&
                revision_length < sizeof out->revision &&
                (revision == NULL || revision_length > 0) &&
                (colon == NULL || strlen(colon + 1) < sizeof out->file);
    if (good) {
        snprintf(out->repository, sizeof out->repository, "%.*s", (int)length, text);
        if (revision != NULL)
            snprintf(out->revision, sizeof out->revision, "%.*s", (int)revision_length, revision);
        if (colon != NULL)
            snprintf(out->file, sizeof out->file, "%s", colon + 1);
        good = plain_path(out->repository) && plain_path(out->revision) &&
               (colon == NULL || plain_path(out->file));
    }
    return good ? 0
                : plo_fail(err, PIPILO_EINVALID,
                           "'hf:%.150s' is no reference; it is hf:OWNER/REPOSITORY, with @REVISION "
                           "or :FILE.onnx behind it where they matter",
                           text);
}

// --- the list of files ---------------------------------------------------------------------------

static const struct plo_json *files_of(const struct hub *hub)
{
    return plo_json_get(hub->info, "siblings");
}

static const char *file_name(const struct hub *hub, size_t index)
{
    return plo_json_string(plo_json_get(plo_json_item(files_of(hub), index), "rfilename"));
}

static const struct plo_json *find_file(const struct hub *hub, const char *name)
{
    for (size_t i = 0; i < plo_json_count(files_of(hub)); i++) {
        const char *own = file_name(hub, i);
        if (own != NULL && strcmp(own, name) == 0)
            return plo_json_item(files_of(hub), i);
    }
    return NULL;
}

static int read_info(struct hub *hub, struct pipilo_error *err)
{
    char *text = NULL, why[160];
    char *url = plo_format("%s/api/models/%s/revision/%s?blobs=true", hub->endpoint,
                           hub->reference.repository, hub->reference.revision);
    if (url == NULL)
        return plo_fail_nomem(err, 0);
    struct plo_fetch fetch = { .url = url, .token = hub->token, .file = hub->reference.repository };
    int code = plo_fetch_text(&fetch, &text, err);
    plo_free(url);
    if (code < 0)
        return code;
    int result = plo_json_parse(&hub->info, text, strlen(text), why, sizeof why);
    if (result == -ENOMEM)
        code = plo_fail_nomem(err, 0);
    else if (result < 0)
        code = plo_fail(err, PIPILO_ENETWORK, "%s: the list of files is no JSON: %s",
                        hub->reference.repository, why);
    plo_free(text);
    const char *commit = plo_json_string(plo_json_get(hub->info, "sha"));
    snprintf(hub->commit, sizeof hub->commit, "%s",
             commit != NULL && plain_path(commit) && strlen(commit) < sizeof hub->commit
                 ? commit
                 : hub->reference.revision);
    return code;
}

// The file that was named, or the one of a usual name, or the only one.
static int choose_weights(struct hub *hub, struct pipilo_error *err)
{
    static const char *const usual[] = { "model.onnx", "onnx/model.onnx",
                                         "onnx/vision_model.onnx" };
    char *file = hub->reference.file;
    size_t count = 0;
    const char *only = NULL;
    struct plo_str all = PLO_STR_INIT;
    for (size_t i = 0; i < plo_json_count(files_of(hub)); i++) {
        const char *name = file_name(hub, i);
        if (name == NULL || strcmp(plo_file_suffix(name), "onnx") != 0)
            continue;
        only = name;
        if (count++ < 8)
            plo_str_addf(&all, "%s%s", count > 1 ? ", " : "", name);
    }
    for (size_t i = 0; *file == '\0' && i < PLO_COUNT(usual); i++)
        if (find_file(hub, usual[i]) != NULL)
            snprintf(file, sizeof hub->reference.file, "%s", usual[i]);
    if (*file == '\0' && count == 1 && plain_path(only) &&
        strlen(only) < sizeof hub->reference.file)
        snprintf(file, sizeof hub->reference.file, "%s", only);
    int code = 0;
    if (*file == '\0')
        code =
            plo_fail(err, PIPILO_ENOTFOUND, "%s: name one of its ONNX files with :FILE; it has %s",
                     hub->reference.repository, count > 0 ? all.data : "none");
    else if (find_file(hub, file) == NULL)
        code = plo_fail(err, PIPILO_ENOTFOUND, "%s has no file %s; of ONNX it has %s",
                        hub->reference.repository, file, count > 0 ? all.data : "none");
    plo_str_reset(&all);
    return code;
}

// --- the files -----------------------------------------------------------------------------------

// Fetches one file of the repository to folder/AS, unless it is there already.
static int fetch_file(const struct hub *hub, const char *name, const char *as, char **out,
                      struct pipilo_error *err)
{
    const char *digest =
        plo_json_string(plo_json_get(plo_json_get(find_file(hub, name), "lfs"), "sha256"));
    char *path = plo_file_join(hub->folder, as);
    char *url = plo_format("%s/%s/resolve/%s/%s", hub->endpoint, hub->reference.repository,
                           hub->commit, name);
    struct plo_fetch fetch = { .url = url, .token = hub->token, .file = name };
    if (hub->progress != NULL) {
        fetch.progress = hub->progress->call;
        fetch.cookie = hub->progress->cookie;
    }
    if (digest != NULL && strlen(digest) == PLO_SHA256_HEX - 1)
        memcpy(fetch.sha256, digest, PLO_SHA256_HEX);
    int code = path != NULL && url != NULL ? 0 : plo_fail_nomem(err, 0);
    if (code == 0) {
        char *slash = strrchr(path, '/');
        *slash = '\0';
        int result = plo_file_make_folders(path);
        *slash = '/';
        code = result < 0 ? plo_fail_errno(err, result, "%s", path) : 0;
    }
    char hex[PLO_SHA256_HEX];
    bool there = code == 0 && fetch.sha256[0] != '\0' && plo_sha256_file(path, hex) == 0 &&
                 strcmp(hex, fetch.sha256) == 0;
    if (code == 0 && !there)
        code = plo_fetch_file(&fetch, path, err);
    plo_free(url);
    if (code == 0) {
        *out = path;
        return 0;
    }
    plo_free(path);
    return code;
}

// The files of weights beside the ONNX file, which only it names.
static int fetch_external(const struct hub *hub, const char *weights, struct pipilo_error *err)
{
    struct plo_external *external = plo_alloc0(1, sizeof *external);
    if (external == NULL)
        return plo_fail_nomem(err, sizeof *external);
    const char *file = hub->reference.file;
    const char *slash = strrchr(file, '/');
    int folder = slash != NULL ? (int)(slash - file) + 1 : 0;
    int code = plo_external_names(external, weights, err);
    for (size_t i = 0; code == 0 && i < external->count; i++) {
        char *path = NULL, *name = plo_format("%.*s%s", folder, file, external->names[i]);
        code = name == NULL ? plo_fail_nomem(err, 0)
                            : fetch_file(hub, name, external->names[i], &path, err);
        plo_free(path);
        plo_free(name);
    }
    plo_free(external);
    return code;
}

static int fetch_config(struct hub *hub, char **out, struct pipilo_error *err)
{
    static const char *const names[] = { "preprocessor_config.json",
                                         "onnx/preprocessor_config.json", "config.json" };
    for (size_t i = 0; i < PLO_COUNT(names); i++)
        if (find_file(hub, names[i]) != NULL)
            return fetch_file(hub, names[i], i < 2 ? "preprocessor_config.json" : "config.json",
                              out, err);
    return 0;
}

static int fill(struct plo_remote *out, struct hub *hub, struct pipilo_error *err)
{
    PLO_TRY(read_info(hub, err));
    PLO_TRY(choose_weights(hub, err));
    PLO_TRY(fetch_config(hub, &out->config, err));
    PLO_TRY(fetch_file(hub, hub->reference.file, "model.onnx", &out->weights, err));
    PLO_TRY(fetch_external(hub, out->weights, err));
    const char *license =
        plo_json_string(plo_json_get(plo_json_get(hub->info, "cardData"), "license"));
    out->license = plo_strdup(license != NULL ? license : "");
    out->source =
        plo_format("hf:%s@%s:%s", hub->reference.repository, hub->commit, hub->reference.file);
    return out->license != NULL && out->source != NULL ? 0 : plo_fail_nomem(err, 0);
}

int plo_remote_hub(struct plo_remote *out, const char *reference, const char *folder,
                   const struct plo_remote_progress *progress, struct pipilo_error *err)
{
    const char *endpoint = getenv("HF_ENDPOINT"), *token = getenv("HF_TOKEN");
    struct hub hub = {
        .endpoint = endpoint != NULL && *endpoint != '\0' ? endpoint : "https://huggingface.co",
        .token = token != NULL && *token != '\0' ? token : NULL,
        .folder = folder,
        .progress = progress,
    };
    *out = (struct plo_remote){ 0 };
    PLO_TRY(parse_reference(&hub.reference, reference, err));
    int code = fill(out, &hub, err);
    plo_json_free(hub.info);
    if (code < 0)
        plo_remote_reset(out);
    return code;
}
