// image_decode_cv2_rgb: image_decode under Towhee's name for the RGB variant.
#include "ops/decode.h"
#include "ops/operators.h"

static const struct pipilo_param params[] = PLO_DECODE_PARAMS("'RGB'");

const struct pipilo_operator plo_op_image_decode_cv2_rgb = PLO_DECODE_OPERATOR(
    "image_decode.cv2_rgb", "decode a picture to all its pixels, RGB unless asked", params);
