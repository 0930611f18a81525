// pipe.h: the inside of a pipe, a chain of steps under construction (the public side is
// <pipilo/pipeline.h>). A pipe never changes: a step makes a new one that holds the old as parent,
// so branches share their beginning and building costs no copies.
// Threads: any; the count is atomic, the rest immutable.
#ifndef PLO_FLOW_PIPE_H
#define PLO_FLOW_PIPE_H

#include <pipilo/pipeline.h>

#include "base/str.h"

struct plo_names {
    char **items;
    size_t count;
};

enum plo_pipe_kind { PLO_PIPE_INPUT, PLO_PIPE_STEP, PLO_PIPE_CONCAT };

struct pipilo_pipe {
    int refs; // atomic
    enum plo_pipe_kind kind;
    size_t depth; // steps since the input
    pipilo_pipe **parents;
    size_t parent_count;
    struct plo_names outputs; // of an input: its columns

    // Of a step only.
    enum pipilo_iteration iteration;
    struct plo_names inputs;
    struct plo_names by;
    int64_t size, step;
    pipilo_callable *callable; // NULL with a nested pipeline
    pipilo_pipeline *pipeline;
    char *name; // may be NULL
};

// The name of an iteration as in pipeline text: "flat_map".
const char *plo_iteration_name(enum pipilo_iteration iteration);

// Copies `count` column names after checking them; with `unique` none may stand twice.
int plo_names_copy(struct plo_names *names, const char *const *columns, size_t count, bool unique,
                   struct pipilo_error *err);
void plo_names_reset(struct plo_names *names);

// Where `name` stands, or SIZE_MAX.
size_t plo_names_find(const struct plo_names *names, const char *name);

#endif
