// image_decode_cv2: image_decode under the name it has in Towhee's hub, BGR as OpenCV has it.
#include "ops/decode.h"
#include "ops/operators.h"

static const struct pipilo_param params[] = PLO_DECODE_PARAMS("'BGR'");

const struct pipilo_operator plo_op_image_decode_cv2 = PLO_DECODE_OPERATOR(
    "image_decode.cv2", "decode a picture to all its pixels, BGR unless asked", params);
