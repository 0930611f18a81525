// image_value.c: pictures as values (the public side is <pipilo/value.h>).
#include <string.h>

#include <pipilo/sys/foreign.h>

#include "core/fail.h"
#include "image/image.h"
#include "ops/picture.h"

int pipilo_value_create_image_file(pipilo_value **out, const char *path, struct pipilo_error *err)
{
    struct plo_image *image = NULL;
    PLO_TRY(plo_image_open_file(&image, path, err));
    return plo_value_wrap_object(out, &plo_image_class, image, err);
}

int pipilo_value_create_image(pipilo_value **out, const void *data, size_t size,
                              struct pipilo_error *err)
{
    struct plo_image *image = NULL;
    struct plo_buf *bytes = plo_buf_create(size);
    if (bytes == NULL)
        return plo_fail_nomem(err, size);
    if (size > 0)
        memcpy(bytes->data, data, size);
    PLO_TRY(plo_image_open_bytes(&image, bytes, err));
    return plo_value_wrap_object(out, &plo_image_class, image, err);
}

int pipilo_value_create_pixels(pipilo_value **out, const pipilo_value *tensor, const char *mode,
                               struct pipilo_error *err)
{
    bool bgr = mode != NULL && strcmp(mode, "BGR") == 0;
    if (mode != NULL && !bgr && strcmp(mode, "RGB") != 0)
        return plo_fail(err, PIPILO_EINVALID, "a mode is RGB or BGR, not '%s'", mode);
    struct pipilo_tensor view;
    bool fits = pipilo_value_tensor(tensor, &view) && view.dtype == PIPILO_U8 && view.count == 3 &&
                view.shape[2] == 3 && view.shape[0] <= UINT32_MAX && view.shape[1] <= UINT32_MAX;
    if (!fits)
        return plo_fail(err, PIPILO_EINVALID,
                        "a tensor is a picture only as uint8 (height, width, 3)");
    struct plo_pixels pixels = { .width = (uint32_t)view.shape[1],
                                 .height = (uint32_t)view.shape[0],
                                 .color = bgr ? PLO_COLOR_BGR : PLO_COLOR_RGB,
                                 .owner = plo_buf_ref(tensor->as.tensor.owner),
                                 .data = view.data };
    return plo_picture_image(out, &pixels, err);
}

static int image_of(struct plo_image **out, const pipilo_value *value, struct pipilo_error *err)
{
    *out = plo_value_object_of(value, &plo_image_class);
    if (*out == NULL)
        return plo_fail(err, PIPILO_EINVALID, "%s is no image",
                        pipilo_kind_name(pipilo_value_kind(value)));
    return 0;
}

// The channels' order of what is decoded, and of what this library decodes by itself.
static const char *mode_of(const struct plo_image *image)
{
    struct plo_pixels pixels;
    bool bgr = plo_image_has_pixels(image, &pixels) && pixels.color == PLO_COLOR_BGR;
    return bgr ? "BGR" : "RGB";
}

int pipilo_value_image_info(struct pipilo_image_info *out, const pipilo_value *value,
                            struct pipilo_error *err)
{
    struct plo_image *image;
    struct plo_image_info info;
    PLO_TRY(image_of(&image, value, err));
    PLO_TRY(plo_image_probe(image, &info, err));
    struct pipilo_image_info full = {
        .struct_size = out->struct_size,
        .width = info.width,
        .height = info.height,
        .orientation = info.orientation,
        .format = plo_image_format_name(info.format),
        .path = plo_image_path(image),
        .mode = mode_of(image),
    };
    memcpy(out, &full, out->struct_size < sizeof full ? out->struct_size : sizeof full);
    return 0;
}

int pipilo_value_image_pixels(pipilo_value **out, const pipilo_value *value, const char *mode,
                              struct pipilo_error *err)
{
    struct plo_image *image;
    bool bgr = mode != NULL && strcmp(mode, "BGR") == 0;
    if (mode != NULL && !bgr && strcmp(mode, "RGB") != 0)
        return plo_fail(err, PIPILO_EINVALID, "a mode is RGB or BGR, not '%s'", mode);
    PLO_TRY(image_of(&image, value, err));
    struct plo_image_scratch *scratch = plo_image_scratch_create();
    if (scratch == NULL)
        return plo_fail_nomem(err, 0);
    struct plo_decode_options options = PLO_DECODE_OPTIONS_INIT;
    struct plo_pixels pixels;
    int result = plo_image_pixels(image, bgr ? PLO_COLOR_BGR : PLO_COLOR_RGB, &options, scratch,
                                  &pixels, err);
    plo_image_scratch_destroy(scratch);
    return result < 0 ? result : plo_picture_tensor(out, &pixels, err);
}
