// write_sqlite: rows with their vectors in an SQLite database. sink stage.
#include "ops/operators.h"
#include "ops/write.h"

static const struct pipilo_param params[] = {
    PLO_WRITE_PARAMS("the file, which ends in .db or .sqlite"),
    PLO_WRITE_DTYPE_PARAM,
    { .name = "thumbnails",
      .type = PIPILO_PARAM_BOOL,
      .fallback = "False",
      .help = "keep a JPEG of at most 160 x 160 pixels with each row" },
    { .name = NULL },
};

static int open_sqlite(void *state, const pipilo_args *args, struct pipilo_error *err)
{
    struct plo_write *write = state;
    write->thumbnails = pipilo_args_bool(args, "thumbnails");
    return plo_write_open_dtype(state, args, err);
}

const struct pipilo_operator plo_op_write_sqlite = PLO_WRITE_OPERATOR(
    "write_sqlite", "write rows with their vectors to an SQLite database", params, open_sqlite);
