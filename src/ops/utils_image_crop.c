// utils_image_crop: image_crop under the name it has in Towhee's hub.
#include "ops/crop.h"
#include "ops/operators.h"

const struct pipilo_operator plo_op_utils_image_crop = PLO_CROP_OPERATOR("utils.image_crop");
