// install.h: a model's folder, put together beside its place and moved there whole: who lists the
// model home sees all of a model or nothing.
// Threads: one installation by one thread; several, also of several processes, at once.
#ifndef PLO_MODEL_INSTALL_H
#define PLO_MODEL_INSTALL_H

#include <stdbool.h>

#include <pipilo/error.h>

struct plo_install {
    char *place;   // home/NAME
    char *staging; // home/.NAME.XXXXXX, no name of a model
};

// Makes the staging folder; `home` NULL is the model home. Errors: PIPILO_EEXISTS where there is
// such a model and `force` is false, PIPILO_EINVALID for a bad name, PIPILO_EIO, PIPILO_ENOTFOUND,
// PIPILO_ENOMEM.
int plo_install_begin(struct plo_install *install, const char *home, const char *name, bool force,
                      struct pipilo_error *err);

// Copies a file into the staging folder as `name`, which may have folders. Errors:
// PIPILO_ENOTFOUND, PIPILO_EIO, PIPILO_ENOMEM.
int plo_install_copy(struct plo_install *install, const char *from, const char *name,
                     struct pipilo_error *err);

// Moves the folder to its place, in place of one that was there. Errors: PIPILO_EIO.
int plo_install_finish(struct plo_install *install, struct pipilo_error *err);

// Removes what was not finished and frees.
void plo_install_reset(struct plo_install *install);

// Removes a folder and all that is in it; one that is not there is no error.
void plo_install_remove(const char *folder);

#endif
