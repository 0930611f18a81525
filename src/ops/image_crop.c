// image_crop: parts of a picture as pictures of their own.
#include "ops/crop.h"
#include "ops/operators.h"

const struct pipilo_operator plo_op_image_crop = PLO_CROP_OPERATOR("image_crop");
