// write_npy: vectors as one array that numpy maps, with a line of JSON a row beside it. sink stage.
#include "ops/operators.h"
#include "ops/write.h"

static const struct pipilo_param params[] = {
    PLO_WRITE_PARAMS("the file, which ends in .npy; X.jsonl and X.meta.json come beside it"),
    PLO_WRITE_DTYPE_PARAM,
    { .name = NULL },
};

const struct pipilo_operator plo_op_write_npy = PLO_WRITE_OPERATOR(
    "write_npy", "write vectors to a .npy file, and a .jsonl with what belongs to each", params,
    plo_write_open_dtype);
