// watch.h: files that must not change between two looks at them: a model's weights are read once
// for their digest and once more by the engine, which opens them by their names.
// Threads: one at a time.
#ifndef PLO_MODEL_WATCH_H
#define PLO_MODEL_WATCH_H

#include <stddef.h>

#include <pipilo/error.h>

struct plo_watched;

struct plo_watch {
    struct plo_watched *files;
    size_t count;
};

// From now on `path` is watched. Errors: PIPILO_EMODEL for what is no regular file;
// PIPILO_ENOTFOUND, PIPILO_EIO, PIPILO_ENOMEM.
int plo_watch_add(struct plo_watch *watch, const char *path, struct pipilo_error *err);

// Errors: PIPILO_EMODEL where one of the files is gone, is another one or was written to since,
// which its device, number, size and times tell. `watch` may be NULL.
int plo_watch_check(const struct plo_watch *watch, struct pipilo_error *err);

void plo_watch_reset(struct plo_watch *watch);

#endif
