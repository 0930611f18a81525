// image_resize: a picture resized and cropped to 8-bit pixels, as it is before a model's
// normalisation, so that pixels can be compared. transform stage.
#include <string.h>

#include "core/fail.h"
#include "ops/operators.h"
#include "ops/picture.h"

struct resize {
    struct plo_workspaces workspaces;
    struct plo_decode_options options;
    struct plo_preprocess target;
};

static const struct pipilo_param params[] = {
    { .name = "width",
      .type = PIPILO_PARAM_INT,
      .fallback = "0",
      .min = 0,
      .max = 65536,
      .help = "pixels; with height: to exactly this size, whatever the aspect" },
    { .name = "height",
      .type = PIPILO_PARAM_INT,
      .fallback = "0",
      .min = 0,
      .max = 65536,
      .help = "pixels" },
    { .name = "size",
      .type = PIPILO_PARAM_INT,
      .fallback = "0",
      .min = 0,
      .max = 65536,
      .help = "pixels of the shorter edge, the aspect kept; instead of width and height" },
    { .name = "crop",
      .type = PIPILO_PARAM_INT,
      .fallback = "0",
      .min = 0,
      .max = 65536,
      .help = "pixels of the square cut from the centre afterwards; 0: none" },
    { .name = "filter",
      .type = PIPILO_PARAM_STRING,
      .fallback = "'bicubic'",
      .choices = "bicubic|bilinear|lanczos",
      .help = "antialiased, as Pillow's filter of that name" },
    { .name = "crop_rounding",
      .type = PIPILO_PARAM_STRING,
      .fallback = "'half_even'",
      .choices = "half_even|floor",
      .help = "where the crop begins when the margin is odd: as torchvision or as Hugging Face" },
    { .name = "mode",
      .type = PIPILO_PARAM_STRING,
      .fallback = "'RGB'",
      .choices = "RGB|BGR",
      .help = "order of the channels" },
    PLO_PICTURE_EXIF_PARAM,
    PLO_PICTURE_FAST_PARAM,
    { .name = NULL },
};

// width and height, or size, or neither where only a crop is wanted.
static int read_target(struct plo_preprocess *target, const pipilo_args *args,
                       struct pipilo_error *err)
{
    uint32_t width = (uint32_t)pipilo_args_int(args, "width");
    uint32_t height = (uint32_t)pipilo_args_int(args, "height");
    uint32_t size = (uint32_t)pipilo_args_int(args, "size");
    uint32_t crop = (uint32_t)pipilo_args_int(args, "crop");
    if ((width == 0) != (height == 0) || (width != 0 && size != 0))
        return plo_fail(err, PIPILO_EPIPELINE,
                        "either width and height are given, or size, or none of them");
    if (width == 0 && size == 0 && crop == 0)
        return plo_fail(err, PIPILO_EPIPELINE, "width and height, size or crop must be given");
    *target = PLO_PREPROCESS_INIT;
    target->mode = width != 0  ? PLO_RESIZE_EXACT
                   : size != 0 ? PLO_RESIZE_SHORTEST_EDGE
                               : PLO_RESIZE_NONE;
    target->width = width != 0 ? width : size;
    target->height = height != 0 ? height : size;
    target->crop_width = target->crop_height = crop;
    target->filter = plo_preprocess_find(plo_filter_names, pipilo_args_string(args, "filter"));
    target->crop_rounding =
        plo_preprocess_find(plo_crop_rounding_names, pipilo_args_string(args, "crop_rounding"));
    bool bgr = strcmp(pipilo_args_string(args, "mode"), "BGR") == 0;
    target->color = bgr ? PLO_COLOR_BGR : PLO_COLOR_RGB;
    return plo_preprocess_check(target, err);
}

static int resize_open(void *state, const pipilo_args *args, struct pipilo_error *err)
{
    struct resize *resize = state;
    plo_workspaces_init(&resize->workspaces, 0, 0);
    resize->options = plo_picture_options(args, true);
    return read_target(&resize->target, args, err);
}

static size_t resize_need(void *state, pipilo_value *const *row, size_t columns)
{
    struct resize *resize = state;
    return columns > 0 ? plo_picture_need(row[0], &resize->target, &resize->options) : 0;
}

static int resize_row(void *state, struct plo_workspace *workspace, pipilo_value *const *in,
                      pipilo_value **out, struct pipilo_error *err)
{
    struct resize *resize = state;
    struct plo_image *image = NULL;
    struct plo_pixels pixels;
    int result = plo_picture_open(&image, in[0], err);
    if (result == 0)
        result = plo_image_window(image, &resize->target, &resize->options, workspace->scratch,
                                  &pixels, err);
    if (result == 0)
        result = plo_picture_tensor(out, &pixels, err);
    plo_image_unref(&image);
    return result;
}

static int resize_call(void *state, void *run, struct pipilo_batch *batch, struct pipilo_error *err)
{
    (void)run;
    struct resize *resize = state;
    return plo_workspaces_call(&resize->workspaces, resize, batch, resize_row, err);
}

static void resize_close(void *state)
{
    struct resize *resize = state;
    plo_workspaces_reset(&resize->workspaces);
}

const struct pipilo_operator plo_op_image_resize = {
    .struct_size = sizeof plo_op_image_resize,
    .name = "image_resize",
    .summary = "resize and crop a picture to 8-bit pixels, as Pillow does",
    .inputs = PLO_PICTURE_INPUTS,
    .output = "uint8 (height, width, 3)",
    .params = params,
    .flags = PIPILO_OP_PARALLEL,
    .state_size = sizeof(struct resize),
    .open = resize_open,
    .need = resize_need,
    .call = resize_call,
    .close = resize_close,
};
