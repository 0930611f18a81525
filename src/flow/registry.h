// registry.h: the operators known by name. flow knows none by itself: src/ops fills the registry
// when the library is first used, users add their own.
// Threads: any.
#ifndef PLO_FLOW_REGISTRY_H
#define PLO_FLOW_REGISTRY_H

#include <pipilo/sys/op.h>

// Registers the built-in operators with plo_registry_add. Called once, before the registry is first
// read; defined above flow, by src/ops/operators.c, and by each test program of flow for itself.
int plo_operators_fill(struct pipilo_error *err);

// pipilo_operator_register for plo_operators_fill alone, which is called with the lock held.
int plo_registry_add(const struct pipilo_operator *op, struct pipilo_error *err);

// The operator, or a PIPILO_ENOTFOUND that names the nearest one.
int plo_registry_find(const char *name, const struct pipilo_operator **out,
                      struct pipilo_error *err);

// PIPILO_EINVALID where the table is not a whole one.
int plo_registry_check(const struct pipilo_operator *op, struct pipilo_error *err);

// Forgets all operators (the built-in ones come back at the next use) and frees the table.
void plo_registry_reset(void);

#endif
