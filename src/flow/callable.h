// callable.h: an operator with its arguments (the public side is <pipilo/pipeline.h>). It is opened
// once, when the first pipeline that holds it is closed by its output; all runs share its state.
// Threads: any.
#ifndef PLO_FLOW_CALLABLE_H
#define PLO_FLOW_CALLABLE_H

#include <pthread.h>

#include <pipilo/pipeline.h>
#include <pipilo/sys/op.h>

#include "core/value.h"

struct pipilo_callable {
    int refs; // atomic
    const struct pipilo_operator *op;
    void *cookie;
    void (*release)(void *cookie);
    pipilo_value **positional;
    size_t positional_count;
    char **keywords;
    pipilo_value **values; // of the keywords
    size_t keyword_count;

    pthread_mutex_t lock; // guards the opening below
    pipilo_args *args;    // NULL until opened
    void *state;          // op->state_size bytes, what `open` made of them
    unsigned generation;  // atomic: of the process (fork.h) that this was opened in
    bool ready;           // atomic: opened
};

// Binds the arguments and opens the operator where that was not done yet, or was done before a
// fork.
int plo_callable_open(pipilo_callable *callable, struct pipilo_error *err);

// Adds "ops.category.name(args)" as in pipeline text.
void plo_callable_add_text(const pipilo_callable *callable, struct plo_str *str);

#endif
