// install.c: staging and moving of model folders (see install.h).
#include "model/install.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "core/fail.h"
#include "model/resolve.h"

enum { COPY_BYTES = 1 << 20 };

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    (void)remove(path);
    return 0;
}

void plo_install_remove(const char *folder)
{
    (void)nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int plo_install_begin(struct plo_install *install, const char *home, const char *name, bool force,
                      struct pipilo_error *err)
{
    *install = (struct plo_install){ 0 };
    if (!plo_card_name_ok(name))
        return plo_fail(
            err, PIPILO_EINVALID,
            "'%.140s' is no name for a model: it may hold letters, digits, '.', '_' and "
            "'-', and begins with none of '.' and '-'",
            name);
    char *own = NULL;
    if (home == NULL) {
        PLO_TRY(plo_model_home(&own, err));
        home = own;
    }
    int result = plo_file_make_folders(home);
    if (result == 0) {
        install->place = plo_format("%s/%s", home, name);
        install->staging = plo_format("%s/.%s.XXXXXX", home, name);
    }
    int code = 0;
    if (result < 0)
        code = plo_fail_errno(err, result, "%s", home);
    else if (install->place == NULL || install->staging == NULL)
        code = plo_fail_nomem(err, 0);
    else if (!force && access(install->place, F_OK) == 0)
        code = plo_fail(err, PIPILO_EEXISTS, "%s is there already (--force replaces it)",
                        install->place);
    if (code == 0 && mkdtemp(install->staging) == NULL)
        code = plo_fail_errno(err, -errno, "%s", install->staging);
    if (code == 0)
        (void)chmod(install->staging, 0755);
    plo_free(own);
    if (code < 0) {
        plo_free(install->staging); // nothing was made
        install->staging = NULL;
        plo_install_reset(install);
    }
    return code;
}

static int copy_bytes(int from, int to)
{
    void *buffer = plo_alloc(COPY_BYTES);
    if (buffer == NULL)
        return -ENOMEM;
    int result = 0;
    for (;;) {
        ssize_t got = read(from, buffer, COPY_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            result = got < 0 ? -errno : 0;
            break;
        }
        result = plo_file_write_all(to, buffer, (size_t)got);
        if (result < 0)
            break;
    }
    if (result == 0 && fsync(to) < 0)
        result = -errno;
    plo_free(buffer);
    return result;
}

static int copy_file(const char *from, const char *to)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return -errno;
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int result = out < 0 ? -errno : copy_bytes(in, out);
    if (out >= 0 && close(out) < 0 && result == 0)
        result = -errno;
    close(in);
    return result;
}

int plo_install_copy(struct plo_install *install, const char *from, const char *name,
                     struct pipilo_error *err)
{
    char *to = plo_format("%s/%s", install->staging, name);
    if (to == NULL)
        return plo_fail_nomem(err, 0);
    char *slash = strrchr(to, '/');
    *slash = '\0';
    int result = plo_file_make_folders(to);
    *slash = '/';
    if (result == 0)
        result = copy_file(from, to);
    plo_free(to);
    return result < 0 ? plo_fail_errno(err, result, "copying %s", from) : 0;
}

int plo_install_finish(struct plo_install *install, struct pipilo_error *err)
{
    char *old = plo_format("%s.old", install->staging);
    if (old == NULL)
        return plo_fail_nomem(err, 0);
    int result = 0;
    bool replaced = rename(install->place, old) == 0;
    if (rename(install->staging, install->place) < 0) {
        result = -errno;
        if (replaced)
            (void)rename(old, install->place);
    } else {
        plo_free(install->staging);
        install->staging = NULL;
        if (replaced)
            plo_install_remove(old);
    }
    plo_free(old);
    return result < 0 ? plo_fail_errno(err, result, "%s", install->place) : 0;
}

void plo_install_reset(struct plo_install *install)
{
    if (install->staging != NULL)
        plo_install_remove(install->staging);
    plo_free(install->staging);
    plo_free(install->place);
    *install = (struct plo_install){ 0 };
}
