// openvino_library.c: the places OpenVINO is looked for (see openvino_library.h).
#include "model/engines/openvino_library.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "core/fail.h"
#include "core/late.h"

static char given_folder[PATH_MAX]; // where to look first; "": nowhere

// The library's path in `folder`, whatever version its name ends with; NULL where there is none. A
// folder that may not be read holds none, unless the user `named` it.
static int library_in(char **path, const char *folder, bool named, struct pipilo_error *err)
{
    *path = NULL;
    DIR *dir = opendir(folder);
    bool short_of = errno == EMFILE || errno == ENFILE || errno == ENOMEM;
    if (dir == NULL && !short_of && (!named || errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (dir == NULL)
        return plo_fail_errno(err, -errno, "OpenVINO is looked for in %s", folder);
    struct dirent *entry;
    bool found = false;
    while (!found && (entry = readdir(dir)) != NULL)
        found = strncmp(entry->d_name, "libopenvino_c.so", 16) == 0;
    if (found)
        *path = plo_file_join(folder, entry->d_name);
    closedir(dir);
    return found && *path == NULL ? plo_fail_nomem(err, 0) : 0;
}

// The library beside an installed pipilo, or that of the build tree, or the system's.
static int find_library(char **path, struct pipilo_error *err)
{
    static const char *const beside[] = { "pipilo/openvino", "../lib/pipilo/openvino" };
    for (size_t i = 0; *path == NULL && i < PLO_COUNT(beside); i++) {
        char *folder = plo_dynlib_beside(beside[i]);
        int result = folder != NULL ? library_in(path, folder, false, err) : 0;
        plo_free(folder);
        PLO_TRY(result);
    }
#ifdef PLO_OPENVINO_DIR
    if (*path == NULL)
        PLO_TRY(library_in(path, PLO_OPENVINO_DIR, false, err));
#endif
    if (*path == NULL)
        *path = plo_strdup("libopenvino_c.so");
    return *path != NULL ? 0 : plo_fail_nomem(err, 0);
}

int plo_openvino_set_folder(const char *folder, struct pipilo_error *err)
{
    if (strlen(folder) >= sizeof given_folder)
        return plo_fail(err, PIPILO_EINVALID, "the folder's name has more than %d bytes", PATH_MAX);
    memcpy(given_folder, folder, strlen(folder) + 1);
    return 0;
}

int plo_openvino_open(const struct plo_dynlib_symbol *symbols, size_t count,
                      struct pipilo_error *err)
{
    const char *setting = getenv("PIPILO_OPENVINO");
    bool set = setting != NULL && *setting != '\0';
    char *path = NULL;
    if (set || given_folder[0] != '\0')
        PLO_TRY(library_in(&path, set ? setting : given_folder, set, err));
    if (set && path == NULL)
        return plo_fail(err, PIPILO_ENOTFOUND,
                        "PIPILO_OPENVINO names %s, which holds no libopenvino_c.so", setting);
    if (path == NULL)
        PLO_TRY(find_library(&path, err));
    char why[PLO_LATE_WHY];
    const char *names[] = { path, NULL };
    int result = plo_dynlib_open(names, symbols, count, why, sizeof why);
    plo_free(path);
    if (result < 0)
        return plo_fail(err, plo_late_code(why, PIPILO_ENOTFOUND), "OpenVINO is not to be had: %s",
                        why);
    return 0;
}
