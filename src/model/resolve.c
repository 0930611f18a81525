// resolve.c: from `-m` to files (see resolve.h).
#include "model/resolve.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "core/fail.h"
#include "model/pull/catalogue.h"

enum { MAX_NAMES = 10000 };

int plo_model_home(char **out, struct pipilo_error *err)
{
    const char *own = getenv("PIPILO_HOME");
    const char *data = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");
    if (own != NULL && *own != '\0')
        *out = plo_format("%s/models", own);
    else if (data != NULL && data[0] == '/')
        *out = plo_format("%s/pipilo/models", data);
    else if (home != NULL && home[0] == '/')
        *out = plo_format("%s/.local/share/pipilo/models", home);
    else
        return plo_fail(err, PIPILO_ENOTFOUND,
                        "no model home: none of PIPILO_HOME, XDG_DATA_HOME and HOME is set");
    return *out != NULL ? 0 : plo_fail_nomem(err, 0);
}

void plo_model_names_free(char **names)
{
    for (char **name = names; name != NULL && *name != NULL; name++)
        plo_free(*name);
    plo_free(names);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool has_card(const char *home, const char *name)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s/model.json", home, name);
    return length > 0 && (size_t)length < sizeof path && access(path, F_OK) == 0;
}

static int add_name(char ***names, size_t *count, const char *name)
{
    char **more = plo_realloc(*names, *count + 2, sizeof **names);
    if (more == NULL)
        return -1;
    *names = more;
    more[*count] = plo_strdup(name);
    if (more[*count] == NULL)
        return -1;
    more[++*count] = NULL;
    return 0;
}

int plo_model_names(char ***out, struct pipilo_error *err)
{
    size_t count = 0;
    char *home = NULL, **names = plo_alloc0(1, sizeof *names);
    *out = NULL;
    if (names == NULL)
        return plo_fail_nomem(err, 0);
    DIR *dir = plo_model_home(&home, NULL) == 0 ? opendir(home) : NULL;
    bool failed = false;
    struct dirent *entry;
    while (!failed && dir != NULL && count < MAX_NAMES && (entry = readdir(dir)) != NULL)
        if (plo_card_name_ok(entry->d_name) && has_card(home, entry->d_name))
            failed = add_name(&names, &count, entry->d_name) < 0;
    if (dir != NULL)
        closedir(dir);
    plo_free(home);
    if (failed) {
        plo_model_names_free(names);
        return plo_fail_nomem(err, 0);
    }
    qsort(names, count, sizeof *names, compare_names);
    *out = names;
    return 0;
}

// The model of the catalogue that is, or may be, meant.
static const char *nearest_pulled(const char *spec)
{
    size_t count;
    const struct plo_catalogue_entry *entries = plo_catalogue(&count);
    const char **names = plo_alloc0(count + 1, sizeof *names);
    for (size_t i = 0; names != NULL && i < count; i++)
        names[i] = entries[i].name;
    const char *nearest = names != NULL ? plo_str_nearest(spec, names) : NULL;
    plo_free(names);
    return nearest;
}

static int unknown(const char *spec, struct pipilo_error *err)
{
    char **names = NULL, *home = NULL;
    PLO_TRY(plo_model_names(&names, err));
    if (plo_model_home(&home, err) < 0) {
        plo_model_names_free(names);
        return PIPILO_ENOTFOUND;
    }
    const char *nearest = plo_str_nearest(spec, (const char *const *)(void *)names);
    const char *pulled = plo_catalogue_find(spec) != NULL ? spec
                         : nearest == NULL                ? nearest_pulled(spec)
                                                          : NULL;
    struct plo_str all = PLO_STR_INIT;
    for (size_t i = 0; names[i] != NULL && i < 8; i++)
        plo_str_addf(&all, "%s%s", i > 0 ? ", " : "; there are ", names[i]);
    plo_fail(err, PIPILO_ENOTFOUND, "no model '%.100s' here or in %.120s%s%s%s%s%s%s", spec, home,
             nearest != NULL ? " (did you mean " : "", nearest != NULL ? nearest : "",
             nearest != NULL ? ")" : "", all.data != NULL ? all.data : ", which is empty",
             pulled != NULL ? "; to be fetched: pipilo models pull " : "",
             pulled != NULL ? pulled : "");
    plo_str_reset(&all);
    plo_free(home);
    plo_model_names_free(names);
    return PIPILO_ENOTFOUND;
}

// Takes the folder over.
static int from_folder(struct plo_model_files *out, char *folder, struct pipilo_error *err)
{
    out->card_path = folder != NULL ? plo_file_join(folder, "model.json") : NULL;
    int code = out->card_path != NULL ? plo_card_read(&out->card, out->card_path, err)
                                      : plo_fail_nomem(err, 0);
    if (code == 0) {
        out->onnx_path = plo_file_join(folder, out->card.file);
        if (out->onnx_path == NULL)
            code = plo_fail_nomem(err, 0);
    }
    plo_free(folder);
    return code;
}

static int from_onnx(struct plo_model_files *out, const char *path, struct pipilo_error *err)
{
    const char *slash = strrchr(path, '/');
    int folder = slash != NULL ? (int)(slash - path) + 1 : 0;
    out->onnx_path = plo_strdup(path);
    out->card_path = plo_format("%.*s.json", (int)(strlen(path) - strlen(".onnx")), path);
    if (out->onnx_path == NULL || out->card_path == NULL)
        return plo_fail_nomem(err, 0);
    if (access(out->card_path, F_OK) != 0) {
        plo_free(out->card_path);
        out->card_path = plo_format("%.*smodel.json", folder, path);
        if (out->card_path == NULL)
            return plo_fail_nomem(err, 0);
    }
    if (access(out->card_path, F_OK) != 0)
        return plo_fail(err, PIPILO_ENOTFOUND,
                        "%.200s has no card: neither %.*s.json nor model.json lies beside it "
                        "(pipilo models import makes one)",
                        path, (int)(strlen(path + folder) - strlen(".onnx")), path + folder);
    PLO_TRY(plo_card_read(&out->card, out->card_path, err));
    // With a digest the card knows its weights under any name.
    if (out->card.sha256[0] == '\0' && strcmp(out->card.file, path + folder) != 0)
        return plo_fail(err, PIPILO_EMODEL, "%.200s is the card of %s, not of %.100s",
                        out->card_path, out->card.file, path + folder);
    return 0;
}

static int resolve(struct plo_model_files *out, const char *spec, struct pipilo_error *err)
{
    if (*spec == '\0')
        return plo_fail(err, PIPILO_EINVALID, "the model's name is empty");
    if (has_card(spec[0] == '/' ? "" : ".", spec))
        return from_folder(out, plo_strdup(spec), err);
    if (strcmp(plo_file_suffix(spec), "onnx") == 0)
        return access(spec, F_OK) == 0
                   ? from_onnx(out, spec, err)
                   : plo_fail(err, PIPILO_ENOTFOUND, "%s: there is no such file", spec);
    if (strchr(spec, '/') != NULL)
        return plo_fail(err, PIPILO_ENOTFOUND,
                        access(spec, F_OK) == 0 ? "%s holds no model.json"
                                                : "%s: there is no such folder",
                        spec);
    char *home = NULL;
    PLO_TRY(plo_model_home(&home, err));
    char *folder =
        plo_card_name_ok(spec) && has_card(home, spec) ? plo_file_join(home, spec) : NULL;
    plo_free(home);
    if (folder == NULL && access(spec, F_OK) == 0)
        return plo_fail(err, PIPILO_ENOTFOUND, "%s holds no model.json", spec);
    return folder != NULL ? from_folder(out, folder, err) : unknown(spec, err);
}

int plo_model_resolve(struct plo_model_files *out, const char *spec, struct pipilo_error *err)
{
    *out = (struct plo_model_files){ 0 };
    int code = resolve(out, spec, err);
    if (code < 0)
        plo_model_files_reset(out);
    return code;
}

void plo_model_files_reset(struct plo_model_files *files)
{
    plo_free(files->card_path);
    plo_free(files->onnx_path);
    files->card_path = files->onnx_path = NULL;
}
