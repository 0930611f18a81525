// crop.c: boxes in, crops out (see crop.h). The picture is decoded once, whatever the number of
// boxes; a box is x1, y1, x2, y2 in pixels of the upright picture, x2 and y2 not included.
#include "ops/crop.h"

#include <math.h>

#include "core/fail.h"

const struct pipilo_param plo_crop_params[] = {
    { .name = "clamp",
      .type = PIPILO_PARAM_BOOL,
      .fallback = "False",
      .help = "cut boxes at the picture's edges instead of refusing those that pass them" },
    PLO_PICTURE_EXIF_PARAM,
    { .name = NULL },
};

int plo_crop_open(void *state, const pipilo_args *args, struct pipilo_error *err)
{
    (void)err;
    struct plo_crop *crop = state;
    plo_workspaces_init(&crop->workspaces, 0, 0);
    crop->options = plo_picture_options(args, false);
    crop->clamp = pipilo_args_bool(args, "clamp");
    return 0;
}

// The picture and, at worst, as much again for its crops.
size_t plo_crop_need(void *state, pipilo_value *const *row, size_t columns)
{
    struct plo_crop *crop = state;
    size_t need = columns > 0 ? plo_picture_need(row[0], NULL, &crop->options) : 0;
    return need <= SIZE_MAX / 2 ? 2 * need : SIZE_MAX;
}

static double tensor_number(const struct pipilo_tensor *view, size_t index)
{
    switch (view->dtype) {
    case PIPILO_F32:
        return ((const float *)view->data)[index];
    case PIPILO_F64:
        return ((const double *)view->data)[index];
    case PIPILO_I32:
        return ((const int32_t *)view->data)[index];
    case PIPILO_I64:
        return (double)((const int64_t *)view->data)[index];
    default:
        return NAN;
    }
}

static double list_number(const pipilo_value *box, size_t index)
{
    const pipilo_value *number = pipilo_value_list_item(box, index);
    bool is_number = number->kind == PIPILO_INT || number->kind == PIPILO_FLOAT;
    return is_number ? pipilo_value_float(number) : NAN;
}

static size_t box_count(const pipilo_value *boxes)
{
    if (boxes->kind == PIPILO_TENSOR)
        return boxes->as.tensor.view.count == 2 ? boxes->as.tensor.view.shape[0] : 0;
    return pipilo_value_list_count(boxes);
}

static int check_boxes(const pipilo_value *boxes, struct pipilo_error *err)
{
    const struct pipilo_tensor *view = &boxes->as.tensor.view;
    bool tensor = boxes->kind == PIPILO_TENSOR && view->count == 2 && view->shape[1] == 4;
    if (!tensor && boxes->kind != PIPILO_LIST)
        return plo_fail(err, PIPILO_EINVALID, "boxes are a list of (x1, y1, x2, y2)");
    return 0;
}

static int read_box(double box[4], const pipilo_value *boxes, size_t index,
                    struct pipilo_error *err)
{
    if (boxes->kind == PIPILO_TENSOR) {
        for (size_t i = 0; i < 4; i++)
            box[i] = tensor_number(&boxes->as.tensor.view, 4 * index + i);
    } else {
        const pipilo_value *item = pipilo_value_list_item(boxes, index);
        struct pipilo_tensor view;
        bool four = pipilo_value_list_count(item) == 4;
        bool tensor = pipilo_value_tensor(item, &view) && view.count == 1 && view.shape[0] == 4;
        for (size_t i = 0; i < 4; i++)
            box[i] = four ? list_number(item, i) : tensor ? tensor_number(&view, i) : NAN;
    }
    for (size_t i = 0; i < 4; i++)
        if (!(fabs(box[i]) <= INT32_MAX))
            return plo_fail(err, PIPILO_EINVALID, "box %zu is not (x1, y1, x2, y2) in pixels",
                            index);
    return 0;
}

static uint32_t clamped(double place, uint32_t most)
{
    return place <= 0 ? 0 : place >= most ? most : (uint32_t)place;
}

// Cuts one box. As Python's int() does, fractions are dropped.
static int cut(struct plo_crop *crop, struct plo_image *image, const struct plo_pixels *whole,
               const double box[4], struct plo_workspace *workspace, pipilo_value **out,
               struct pipilo_error *err)
{
    uint32_t left = clamped(box[0], whole->width), right = clamped(box[2], whole->width);
    uint32_t top = clamped(box[1], whole->height), bottom = clamped(box[3], whole->height);
    bool inside = trunc(box[0]) >= 0 && trunc(box[1]) >= 0 && trunc(box[2]) <= whole->width &&
                  trunc(box[3]) <= whole->height;
    if ((!inside && !crop->clamp) || left >= right || top >= bottom)
        return plo_fail(err, PIPILO_EINVALID,
                        "the box (%g, %g, %g, %g) is not inside the picture of %u x %u", box[0],
                        box[1], box[2], box[3], whole->width, whole->height);
    struct plo_pixels pixels;
    PLO_TRY(plo_image_crop(image, left, top, right - left, bottom - top, whole->color,
                           &crop->options, workspace->scratch, &pixels, err));
    return plo_picture_image(out, &pixels, err);
}

static int cut_all(struct plo_crop *crop, struct plo_image *image, const pipilo_value *boxes,
                   struct plo_workspace *workspace, pipilo_value **out, struct pipilo_error *err)
{
    struct plo_pixels whole;
    plo_image_has_pixels(image, &whole);
    size_t count = box_count(boxes), made = 0;
    pipilo_value **crops = plo_alloc0(count, sizeof *crops);
    if (crops == NULL)
        return plo_fail_nomem(err, count * sizeof *crops);
    int result = 0;
    for (double box[4]; result == 0 && made < count; made += result == 0) {
        result = read_box(box, boxes, made, err);
        if (result == 0)
            result = cut(crop, image, &whole, box, workspace, &crops[made], err);
    }
    if (result == 0)
        result = pipilo_value_create_list(out, crops, count, err);
    while (made > 0)
        pipilo_value_unref(&crops[--made]);
    plo_free(crops);
    return result;
}

// Puts a decoded picture in the place of an encoded one.
static int decode(struct plo_crop *crop, struct plo_image **image, struct plo_workspace *workspace,
                  struct pipilo_error *err)
{
    struct plo_pixels pixels;
    if (plo_image_has_pixels(*image, &pixels))
        return 0;
    PLO_TRY(
        plo_image_pixels(*image, PLO_COLOR_RGB, &crop->options, workspace->scratch, &pixels, err));
    plo_image_unref(image);
    int result = plo_image_open_pixels(image, &pixels, err);
    plo_buf_unref(&pixels.owner);
    return result;
}

static int crop_row(void *state, struct plo_workspace *workspace, pipilo_value *const *in,
                    pipilo_value **out, struct pipilo_error *err)
{
    struct plo_crop *crop = state;
    struct plo_image *image = NULL;
    PLO_TRY(check_boxes(in[1], err));
    int result = plo_picture_open(&image, in[0], err);
    if (result == 0)
        result = decode(crop, &image, workspace, err);
    if (result == 0)
        result = cut_all(crop, image, in[1], workspace, out, err);
    plo_image_unref(&image);
    return result;
}

int plo_crop_call(void *state, void *run, struct pipilo_batch *batch, struct pipilo_error *err)
{
    (void)run;
    struct plo_crop *crop = state;
    if (batch->columns != 2)
        return plo_fail(err, PIPILO_EINVALID, "it takes two columns: a picture and its boxes");
    return plo_workspaces_call(&crop->workspaces, crop, batch, crop_row, err);
}

void plo_crop_close(void *state)
{
    struct plo_crop *crop = state;
    plo_workspaces_reset(&crop->workspaces);
}
