// utils_np_normalize: a vector divided by its length, under the name Towhee's examples use.
#include "ops/normalize.h"
#include "ops/operators.h"

const struct pipilo_operator plo_op_utils_np_normalize =
    PLO_NORMALIZE_OPERATOR("utils.np_normalize");
