// watch.c: files as stat knows them (see watch.h).
#include "model/watch.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "core/fail.h"

struct plo_watched {
    char *path;
    struct stat before;
};

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

// Not the time of the last change of anything: another name for the file, or other rights, are none
// of its bytes.
static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           same_time(a->st_mtim, b->st_mtim);
}

int plo_watch_add(struct plo_watch *watch, const char *path, struct pipilo_error *err)
{
    struct plo_watched *files = plo_realloc(watch->files, watch->count + 1, sizeof *files);
    if (files == NULL)
        return plo_fail_nomem(err, sizeof *files);
    watch->files = files;
    struct plo_watched *file = &files[watch->count];
    if (stat(path, &file->before) < 0)
        return plo_fail_errno(err, -errno, "%s", path);
    // To open a FIFO would wait for ever, to read a device never end.
    if (!S_ISREG(file->before.st_mode))
        return plo_fail(err, PIPILO_EMODEL, "%.300s is no regular file: put the file itself there",
                        path);
    file->path = plo_strdup(path);
    if (file->path == NULL)
        return plo_fail_nomem(err, 0);
    watch->count++;
    return 0;
}

int plo_watch_check(const struct plo_watch *watch, struct pipilo_error *err)
{
    for (size_t i = 0; watch != NULL && i < watch->count; i++) {
        struct stat now;
        const struct plo_watched *file = &watch->files[i];
        if (stat(file->path, &now) < 0 || !is_same(&now, &file->before))
            return plo_fail(err, PIPILO_EMODEL, "%s was replaced or written to while it was loaded",
                            file->path);
    }
    return 0;
}

void plo_watch_reset(struct plo_watch *watch)
{
    for (size_t i = 0; i < watch->count; i++)
        plo_free(watch->files[i].path);
    plo_free(watch->files);
    *watch = (struct plo_watch){ 0 };
}
