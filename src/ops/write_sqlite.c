// write_sqlite: rows with their vectors in an SQLite database. sink stage.
#include "ops/operators.h"
#include "ops/write.h"

static const struct pipilo_param params[] = {
    PLO_WRITE_PARAMS("the file, which ends in .db or .sqlite"),
    { .name = NULL },
};

const struct pipilo_operator plo_op_write_sqlite = PLO_WRITE_OPERATOR(
    "write_sqlite", "write rows with their vectors to an SQLite database", params);
