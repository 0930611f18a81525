// operators.c: hands pipilo's own operators to the registry, when that is first used.
#include "ops/operators.h"

#include "core/fail.h"
#include "flow/registry.h"
#include "ops/process.h"

static const struct pipilo_operator *const operators[] = {
#define PLO_OPERATOR(name) &plo_op_##name,
#include "ops/operators.def"
#undef PLO_OPERATOR
};

int plo_operators_fill(struct pipilo_error *err)
{
    plo_process_prepare();
    for (size_t i = 0; i < PLO_COUNT(operators); i++)
        PLO_TRY(plo_registry_add(operators[i], err));
    return 0;
}
