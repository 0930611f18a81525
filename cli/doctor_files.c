// doctor_files.c: folders, caches and models (see doctor.h).
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <pipilo/pipilo.h>

#include "doctor.h"
#include "say.h"

static const uint64_t nearly_full = UINT64_C(256) << 20; // bytes

// The nearest folder above `path`, or itself, that is there; the caller frees it.
static char *nearest_folder(const char *path)
{
    char *folder = must(strdup(path));
    while (access(folder, F_OK) != 0) {
        char *slash = strrchr(folder, '/');
        if (slash == NULL || slash == folder)
            break;
        *slash = '\0';
    }
    return folder;
}

// How much room a folder has that will be made where it is not there yet.
static void tell_folder(struct doctor *doctor, const char *what, const char *path, const char *more)
{
    struct statvfs disk = { 0 };
    char *there = nearest_folder(path);
    bool known = statvfs(there, &disk) == 0;
    uint64_t left = known ? (uint64_t)disk.f_bavail * disk.f_frsize : 0;
    bool writable = access(there, W_OK) == 0;
    const char *mend = !writable            ? "it cannot be written"
                       : !known             ? "how much room it has cannot be read"
                       : left < nearly_full ? "the disk is nearly full"
                                            : NULL;
    doctor_tell(doctor, mend != NULL ? DOCTOR_NOTE : DOCTOR_GOOD, what,
                text_format("%s%s, %s free%s", path,
                            strcmp(there, path) == 0 ? "" : " (not made yet)", text_size(left).text,
                            more),
                mend);
    free(there);
}

static void tell_temporary(struct doctor *doctor)
{
    const char *set = getenv("TMPDIR");
    const char *folder = set != NULL && *set != '\0' ? set : "/tmp";
    if (access(folder, W_OK | X_OK) == 0)
        tell_folder(doctor, "temporary", folder, "");
    else
        doctor_tell(doctor, DOCTOR_WRONG, "temporary", text_format("%s", folder),
                    "it is not there, or cannot be written: have TMPDIR name a folder that can be");
}

static void tell_cache(struct doctor *doctor)
{
    struct pipilo_model_cache *cache = NULL;
    struct pipilo_error err;
    size_t damaged = 0;
    if (pipilo_model_cache_show(&cache, &err) < 0) {
        doctor_tell(doctor, DOCTOR_NOTE, "cache", text_format("%s", err.message),
                    "compiled models are not kept: every start compiles anew");
        return;
    }
    if (cache->folder == NULL) {
        doctor_tell(doctor, DOCTOR_NOTE, "cache", text_format("off"),
                    "every start compiles its model anew: PIPILO_CACHE is 0, or no variable says "
                    "where home is");
        pipilo_free(cache);
        return;
    }
    for (size_t i = 0; i < cache->count; i++)
        damaged += cache->models[i].model == NULL;
    char *more = text_format("; %zu compiled, %s of at most %s", cache->count,
                             text_size(cache->bytes).text, text_size(cache->max).text);
    tell_folder(doctor, "cache", cache->folder, more);
    if (damaged > 0)
        doctor_tell(doctor, DOCTOR_NOTE, "cache",
                    text_format("%zu damaged, or not only yours to write", damaged),
                    "they are not used: pipilo models cache --clear");
    free(more);
    pipilo_free(cache);
}

// Reads the weights, unless their digest is remembered.
static void tell_model(struct doctor *doctor, const struct pipilo_model_entry *entry)
{
    struct pipilo_model_info *info = NULL;
    struct pipilo_error err;
    if (pipilo_model_show(&info, entry->path, NULL, &err) < 0)
        doctor_tell(doctor, DOCTOR_WRONG, "model", text_format("%s: %s", entry->name, err.message),
                    "fetch or import it anew: pipilo models pull NAME --force");
    else
        doctor_tell(doctor, DOCTOR_GOOD, "model",
                    text_format("%s: whole, %zu values, at most %s while it is loaded", entry->name,
                                info->dim, text_size(info->memory).text),
                    NULL);
    pipilo_free(info);
}

static void tell_models(struct doctor *doctor)
{
    struct pipilo_model_list *list = NULL;
    struct pipilo_error err;
    char *home = NULL;
    if (pipilo_models_home(&home, &err) < 0 || pipilo_models_list(&list, NULL, &err) < 0) {
        doctor_tell(doctor, DOCTOR_NOTE, "models", text_format("%s", err.message),
                    "models can be named by their folders only: set PIPILO_HOME");
        pipilo_free(home);
        return;
    }
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++)
        count += list->entries[i].path != NULL;
    char *more = text_format("; %zu installed", count);
    tell_folder(doctor, "models", home, more);
    for (size_t i = 0; i < list->count; i++)
        if (list->entries[i].path != NULL)
            tell_model(doctor, &list->entries[i]);
    free(more);
    pipilo_free(home);
    pipilo_free(list);
}

void doctor_files(struct doctor *doctor)
{
    tell_temporary(doctor);
    tell_cache(doctor);
    tell_models(doctor);
}
