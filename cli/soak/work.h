// work.h: what `pipilo soak` has the library do, step by step, with a look after each.
// Threads: the main thread only.
#ifndef CLI_SOAK_WORK_H
#define CLI_SOAK_WORK_H

#include <pipilo/error.h>

#include "../progress.h"
#include "look.h"

enum { WORK_PICTURES = 4096 }; // pictures that differ; they come again and again

// One kind of work under way.
struct work {
    const char *model;
    const char *folder; // of this process alone, with WORK_FILES pictures
    int64_t items;      // how many to do; INT64_MAX: as many as there is time for
    double until;       // on progress_clock; INFINITY: as long as it takes
    struct progress progress;
    struct looks looks;
    double seconds;      // it took
    int64_t done, wrong; // steps, and those that did not do what they must
    int64_t errors;      // rows that are errors
    char first_wrong[512];
};

struct work_kind {
    const char *name, *noun; // "pictures", "picture"
    double limit;            // bytes a step may take for good without being a slope
    int share;               // of what is asked for, one in so many is done
    int (*run)(struct work *work, struct pipilo_error *err);
};

enum { WORK_KINDS = 3 };
extern const struct work_kind work_kinds[WORK_KINDS];

// Makes the operators and the folder that the work needs; the caller frees the folder's name. Gives
// it to work_end, which removes what is in it. Errors: PIPILO_EIO.
int work_begin(char **folder, struct pipilo_error *err);
void work_end(char *folder);

// Does one kind of work: `done`, `errors`, `wrong` and the looks are set. PIPILO_ECANCELED where a
// signal came; a failure of the library as a whole.
int work_run(struct work *work, const struct work_kind *kind, struct pipilo_error *err);

#endif
