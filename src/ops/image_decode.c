// image_decode: a picture decoded to all its pixels, RGB unless asked.
#include "ops/decode.h"
#include "ops/operators.h"

static const struct pipilo_param params[] = PLO_DECODE_PARAMS("'RGB'");

const struct pipilo_operator plo_op_image_decode =
    PLO_DECODE_OPERATOR("image_decode", "decode a picture to all its pixels", params);
