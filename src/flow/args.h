// args.h: an operator's arguments, bound to its parameter table: defaults filled in, types, bounds
// and choices checked. Threads: immutable once bound.
#ifndef PLO_FLOW_ARGS_H
#define PLO_FLOW_ARGS_H

#include <pipilo/sys/op.h>

#include "core/value.h"

// Binds `positional` and keyword arguments (borrowed). Errors: PIPILO_EPIPELINE naming the
// operator, the parameter and what would be right.
int plo_args_bind(pipilo_args **out, const struct pipilo_operator *op,
                  pipilo_value *const *positional, size_t positional_count, char *const *keywords,
                  pipilo_value *const *values, size_t keyword_count, void *cookie,
                  struct pipilo_error *err);

void plo_args_destroy(pipilo_args *args);

#endif
