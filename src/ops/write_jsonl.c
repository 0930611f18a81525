// write_jsonl: rows with their vectors as lines of JSON. sink stage.
#include "ops/operators.h"
#include "ops/write.h"

static const struct pipilo_param params[] = {
    PLO_WRITE_PARAMS("the file, which ends in .jsonl, or '-' for standard output"),
    { .name = NULL },
};

const struct pipilo_operator plo_op_write_jsonl = PLO_WRITE_OPERATOR(
    "write_jsonl", "write rows with their vectors as JSON lines", params, plo_write_open);
