// towhee_np_normalize: a vector divided by its length, under the name Towhee's hub has it by.
#include "ops/normalize.h"
#include "ops/operators.h"

const struct pipilo_operator plo_op_towhee_np_normalize =
    PLO_NORMALIZE_OPERATOR("towhee.np_normalize");
