// pixels.c: from a picture to pixels: reads it, opens its decoder, and leads the rows through the
// resizer into a window, or into place as they are (see image.h).
#include <string.h>

#include "core/fail.h"
#include "image/codecs/codec.h"
#include "image/isolate/isolate.h"
#include "image/normalise.h"
#include "image/object.h"
#include "image/resize.h"

// A picture while it is decoded.
struct reading {
    struct plo_image_info info;
    struct plo_decoder decoder;
    uint8_t orientation;    // to be applied
    uint32_t width, height; // upright, or as stored where the orientation is ignored
};

// --- reading -------------------------------------------------------------------------------------

static int load_file(struct plo_image *image, struct plo_input *input, struct plo_decoder *decoder,
                     struct pipilo_error *err)
{
    uint64_t got = 0;
    size_t size = (size_t)input->size;
    struct plo_image_info info;
    // Memory is taken for pictures only. Whose header was read before is one.
    if (!plo_image_kept_info(image, &info))
        PLO_TRY(plo_codec_find(&decoder->codec, input, err));
    uint8_t *bytes = plo_scratch_get(decoder->scratch, PLO_SCRATCH_ENCODED, size);
    if (bytes == NULL)
        return plo_fail_nomem(err, size);
    PLO_TRY(plo_input_read(input, bytes, &got, err));
    decoder->data = bytes;
    decoder->size = (size_t)got;
    return 0;
}

static int load(struct plo_image *image, struct plo_decoder *decoder, struct pipilo_error *err)
{
    uint64_t ceiling = decoder->options->max_bytes;
    if (image->bytes != NULL) {
        decoder->data = image->bytes->data;
        decoder->size = image->bytes->size;
        if (decoder->size > ceiling)
            return plo_fail(err, PIPILO_ELIMIT, "the picture has %zu bytes, the limit is %llu",
                            decoder->size, (unsigned long long)ceiling);
        return 0;
    }
    struct plo_input input;
    PLO_TRY(plo_input_open(&input, image->path, ceiling, err));
    int result = load_file(image, &input, decoder, err);
    plo_input_close(&input);
    return result;
}

// A TIFF's orientation is the format's own, not EXIF's: it is applied whatever the options say, as
// Pillow does when it loads one.
static bool ignores_orientation(const struct plo_image_info *info,
                                const struct plo_decode_options *options)
{
    return options->ignore_orientation && info->format != PLO_IMAGE_TIFF;
}

static const struct plo_decode_options *effective(const struct plo_image *image,
                                                  const struct plo_decode_options *options)
{
    return image->bound ? &image->options : options;
}

uint8_t plo_image_upright(const struct plo_image_info *info,
                          const struct plo_decode_options *options, uint32_t *width,
                          uint32_t *height)
{
    bool ignore = ignores_orientation(info, options);
    *width = ignore ? info->stored_width : info->width;
    *height = ignore ? info->stored_height : info->height;
    return ignore ? 1 : info->orientation;
}

// Everything but the opening of the decoder, which wants to know the scale.
static int reading_init(struct reading *reading, struct plo_image *image,
                        const struct plo_decode_options *options, struct plo_image_scratch *scratch,
                        struct pipilo_error *err)
{
    struct plo_decoder *decoder = &reading->decoder;
    options = effective(image, options);
    *decoder = (struct plo_decoder){
        .info = &reading->info, .options = options, .scratch = scratch, .shrink = 1
    };
    plo_deadline_start(&decoder->deadline);
    if (image->pixels.owner != NULL) {
        plo_image_pixels_info(&image->pixels, &reading->info);
        decoder->codec = &plo_codec_raw;
        decoder->data = image->pixels.data;
        decoder->size = (size_t)reading->info.bytes;
        decoder->swapped = image->pixels.color == PLO_COLOR_BGR;
    } else {
        struct plo_input input;
        PLO_TRY(load(image, decoder, err));
        plo_input_init(&input, decoder->data, decoder->size);
        PLO_TRY(plo_codec_probe(&decoder->codec, &input, &reading->info, err));
        plo_image_keep_info(image, &reading->info);
    }
    reading->orientation =
        plo_image_upright(&reading->info, options, &reading->width, &reading->height);
    return 0;
}

// Ends a reading with its result; a failure of a picture decoded later is of who put it off.
static int reading_close(struct reading *reading, const struct plo_image *image, int result,
                         struct pipilo_error *err)
{
    plo_decoder_close(&reading->decoder);
    plo_scratch_trim(reading->decoder.scratch);
    if (result < 0 && image->bound)
        plo_fail_where(err, image->where);
    return result;
}

// --- a resized window ----------------------------------------------------------------------------

// Just twice the target costs most: the nearer the reduced picture is to it, the more the vector
// moves (docs/images.md). What changes here changes vectors: PLO_FAST_VERSION.
static bool leaves_enough(uint32_t side, uint32_t shrink, uint32_t target)
{
    return 4 * (uint64_t)(side / shrink) >= 9 * (uint64_t)target;
}

// The largest reduction that leaves at least 2.25 times the target on both sides.
static uint32_t shrink_for(const struct reading *reading, const struct plo_preprocess_plan *plan)
{
    uint32_t shrink = 8;
    while (shrink > 1 && !(leaves_enough(reading->width, shrink, plan->resize_width) &&
                           leaves_enough(reading->height, shrink, plan->resize_height)))
        shrink /= 2;
    return shrink;
}

static void fill(uint8_t *out, const struct plo_preprocess_plan *plan, const uint8_t color[3])
{
    size_t count = (size_t)plan->width * plan->height;
    for (size_t i = 0; i < count; i++)
        memcpy(out + 3 * i, color, 3);
}

// The part of the plan's window that lies inside the resized picture; false where there is none.
static bool visible(const struct plo_preprocess_plan *plan, struct plo_resize_request *request,
                    uint8_t *out)
{
    int64_t left = plan->left > 0 ? plan->left : 0, top = plan->top > 0 ? plan->top : 0;
    int64_t right = plan->left + plan->width, bottom = plan->top + plan->height;
    right = right < plan->resize_width ? right : plan->resize_width;
    bottom = bottom < plan->resize_height ? bottom : plan->resize_height;
    if (left >= right || top >= bottom)
        return false;
    request->target_width = plan->resize_width;
    request->target_height = plan->resize_height;
    request->left = (uint32_t)left;
    request->top = (uint32_t)top;
    request->width = (uint32_t)(right - left);
    request->height = (uint32_t)(bottom - top);
    request->stride = 3 * (size_t)plan->width;
    if (out != NULL)
        request->out =
            out + (size_t)(top - plan->top) * request->stride + 3 * (size_t)(left - plan->left);
    return true;
}

static int resize_rows(struct plo_decoder *decoder, const struct plo_resize_request *request,
                       struct pipilo_error *err)
{
    struct plo_resize resize;
    const uint8_t *row = NULL;
    PLO_TRY(plo_resize_init(&resize, request, decoder->scratch, err));
    PLO_TRY(plo_decoder_narrow(decoder, resize.across.first, resize.across.end, err));
    PLO_TRY(plo_decoder_skip(decoder, resize.first, err));
    while (decoder->row < resize.end) {
        PLO_TRY(plo_decoder_next(decoder, &row, err));
        plo_resize_push(&resize, row);
    }
    return 0;
}

// What is not needed must be there all the same: a picture is whole or it is an error. In pieces,
// so that the clock is looked at.
static int pass_rest(struct plo_decoder *decoder, struct pipilo_error *err)
{
    enum { PIECE = 1024 };
    while (decoder->row < decoder->height) {
        uint32_t left = decoder->height - decoder->row;
        PLO_TRY(plo_decoder_skip(decoder, left < PIECE ? left : PIECE, err));
    }
    return 0;
}

// The plan's window in RGB into `out` (3 x width x height bytes).
static int run_window(struct reading *reading, const struct plo_preprocess *p,
                      const struct plo_preprocess_plan *plan, uint8_t *out,
                      struct pipilo_error *err)
{
    struct plo_decoder *decoder = &reading->decoder;
    struct plo_resize_request request = { .orientation = reading->orientation,
                                          .filter = p->filter };
    if (decoder->options->fast)
        decoder->shrink = shrink_for(reading, plan);
    PLO_TRY(plo_decoder_open(decoder, err));
    request.stored_width = decoder->width;
    request.stored_height = decoder->height;
    bool any = visible(plan, &request, out);
    if (!any || request.width != plan->width || request.height != plan->height)
        fill(out, plan, p->pad_color);
    if (any)
        PLO_TRY(resize_rows(decoder, &request, err));
    return pass_rest(decoder, err);
}

int plo_image_plan(const struct plo_preprocess *p, uint32_t width, uint32_t height,
                   const struct plo_decode_options *options, struct plo_preprocess_plan *plan,
                   struct pipilo_error *err)
{
    PLO_TRY(plo_codec_check_limits(width, height, options, err));
    PLO_TRY(plo_preprocess_plan(p, width, height, plan, err));
    if ((uint64_t)plan->width * plan->height > options->max_pixels)
        return plo_fail(err, PIPILO_ELIMIT, "%u x %u pixels would come out, the limit is %llu",
                        plan->width, plan->height, (unsigned long long)options->max_pixels);
    return 0;
}

static int plan_of(const struct reading *reading, const struct plo_preprocess *p,
                   struct plo_preprocess_plan *plan, struct pipilo_error *err)
{
    return plo_image_plan(p, reading->width, reading->height, reading->decoder.options, plan, err);
}

static void leave_place(void *cookie, uint8_t *data, size_t size)
{
    (void)cookie;
    (void)data;
    (void)size;
}

static int create_pixels(struct plo_pixels *out, uint32_t width, uint32_t height,
                         enum plo_color color, struct plo_image_scratch *scratch,
                         struct pipilo_error *err)
{
    size_t size = 3 * (size_t)width * height;
    if (scratch->place != NULL && size > scratch->place_size)
        return plo_fail(err, PIPILO_EIO, "the picture changed while it was read");
    struct plo_buf *owner = scratch->place != NULL
                                ? plo_buf_wrap(scratch->place, size, leave_place, NULL)
                                : plo_buf_create(size);
    if (owner == NULL)
        return plo_fail_nomem(err, size);
    *out = (struct plo_pixels){
        .width = width, .height = height, .color = color, .owner = owner, .data = owner->data
    };
    return 0;
}

// --- in a helper ---------------------------------------------------------------------------------

static int end_apart(const struct plo_image *image, int result, struct pipilo_error *err)
{
    if (result < 0 && image->bound)
        plo_fail_where(err, image->where);
    return result;
}

// Pixels of one's own, as the request says.
static int pixels_apart(struct plo_image *image, struct plo_helper_request *request,
                        const struct plo_decode_options *options, enum plo_color color,
                        struct plo_pixels *out, struct pipilo_error *err)
{
    struct plo_isolated isolated;
    request->options = *effective(image, options);
    request->color = color;
    int result = plo_isolate_decode(&isolated, image, request, err);
    if (result == 0) {
        result = plo_isolated_keep(&isolated, color, out, err);
        plo_isolated_end(&isolated);
    }
    return end_apart(image, result, err);
}

// The window from the helper; it is normalised here.
static int tensor_apart(struct plo_image *image, const struct plo_preprocess *p,
                        const struct plo_decode_options *options, float *out,
                        struct pipilo_error *err)
{
    struct plo_isolated isolated;
    struct plo_helper_request request;
    memset(&request, 0, sizeof request);
    request.verb = PLO_HELPER_WINDOW;
    request.options = *effective(image, options);
    request.preprocess = *p;
    request.preprocess.color = PLO_COLOR_RGB;
    int result = plo_isolate_decode(&isolated, image, &request, err);
    if (result == 0) {
        plo_normalise(p, isolated.data, (size_t)isolated.width * isolated.height, out);
        plo_isolated_end(&isolated);
    }
    return end_apart(image, result, err);
}

// --- windows -------------------------------------------------------------------------------------

// A window by a plan that is given, or, where it is NULL, by the one of `p`.
static int make_window(struct plo_image *image, const struct plo_preprocess *p,
                       const struct plo_preprocess_plan *given,
                       const struct plo_decode_options *options, struct plo_image_scratch *scratch,
                       struct plo_pixels *out, struct pipilo_error *err)
{
    struct reading reading;
    struct plo_preprocess_plan plan = { 0 };
    struct plo_pixels pixels = { 0 };
    int result = reading_init(&reading, image, options, scratch, err);
    if (result < 0)
        goto out;
    if (given != NULL) {
        plan = *given;
        plan.resize_width = reading.width;
        plan.resize_height = reading.height;
        if (plan.left + plan.width > reading.width || plan.top + plan.height > reading.height)
            result =
                plo_fail(err, PIPILO_EINVALID,
                         "the crop %u x %u at (%lld, %lld) is not inside the picture of %u x %u",
                         plan.width, plan.height, (long long)plan.left, (long long)plan.top,
                         reading.width, reading.height);
    } else {
        result = plan_of(&reading, p, &plan, err);
    }
    if (result < 0)
        goto out;
    result = create_pixels(&pixels, plan.width, plan.height, p->color, scratch, err);
    if (result < 0)
        goto out;
    result = run_window(&reading, p, &plan, pixels.owner->data, err);
    if (result < 0)
        goto out;
    if (p->color == PLO_COLOR_BGR)
        plo_swap_red_blue(pixels.owner->data, (size_t)plan.width * plan.height);
    *out = pixels;
    pixels.owner = NULL;
out:
    plo_buf_unref(&pixels.owner);
    return reading_close(&reading, image, result, err);
}

int plo_image_window(struct plo_image *image, const struct plo_preprocess *p,
                     const struct plo_decode_options *options, struct plo_image_scratch *scratch,
                     struct plo_pixels *out, struct pipilo_error *err)
{
    PLO_TRY(plo_preprocess_check(p, err));
    if (!plo_isolate_takes(image))
        return make_window(image, p, NULL, options, scratch, out, err);
    struct plo_helper_request request;
    memset(&request, 0, sizeof request);
    request.verb = PLO_HELPER_WINDOW;
    request.preprocess = *p;
    return pixels_apart(image, &request, options, p->color, out, err);
}

int plo_image_resize(struct plo_image *image, uint32_t width, uint32_t height,
                     enum plo_filter filter, enum plo_color color,
                     const struct plo_decode_options *options, struct plo_image_scratch *scratch,
                     struct plo_pixels *out, struct pipilo_error *err)
{
    struct plo_preprocess p = PLO_PREPROCESS_INIT;
    p.width = width;
    p.height = height;
    p.filter = filter;
    p.color = color;
    return plo_image_window(image, &p, options, scratch, out, err);
}

int plo_image_crop(struct plo_image *image, uint32_t left, uint32_t top, uint32_t width,
                   uint32_t height, enum plo_color color, const struct plo_decode_options *options,
                   struct plo_image_scratch *scratch, struct plo_pixels *out,
                   struct pipilo_error *err)
{
    struct plo_preprocess p = PLO_PREPROCESS_INIT;
    struct plo_decode_options exact = *options;
    struct plo_preprocess_plan plan = {
        .left = left, .top = top, .width = width, .height = height
    };
    if (width == 0 || height == 0)
        return plo_fail(err, PIPILO_EINVALID, "a crop of %u x %u pixels", width, height);
    p.color = color;
    exact.fast = false;
    if (!plo_isolate_takes(image))
        return make_window(image, &p, &plan, &exact, scratch, out, err);
    struct plo_helper_request request;
    memset(&request, 0, sizeof request);
    request.verb = PLO_HELPER_CROP;
    request.left = left;
    request.top = top;
    request.width = width;
    request.height = height;
    return pixels_apart(image, &request, &exact, color, out, err);
}

int plo_image_tensor(struct plo_image *image, const struct plo_preprocess *p,
                     const struct plo_decode_options *options, struct plo_image_scratch *scratch,
                     float *out, struct pipilo_error *err)
{
    struct reading reading;
    struct plo_preprocess_plan plan;
    uint32_t width = 0, height = 0;
    PLO_TRY(plo_preprocess_check(p, err));
    if (!plo_preprocess_size(p, &width, &height))
        return plo_fail(err, PIPILO_EINVALID,
                        "the preprocessing gives a size that depends on the picture");
    if (plo_isolate_takes(image))
        return tensor_apart(image, p, options, out, err);
    int result = reading_init(&reading, image, options, scratch, err);
    if (result == 0)
        result = plan_of(&reading, p, &plan, err);
    if (result == 0) {
        size_t bytes = 3 * (size_t)width * height;
        uint8_t *window = plo_scratch_get(scratch, PLO_SCRATCH_WINDOW, bytes);
        result = window == NULL ? plo_fail_nomem(err, bytes)
                                : run_window(&reading, p, &plan, window, err);
        if (result == 0)
            plo_normalise(p, window, (size_t)width * height, out);
    }
    return reading_close(&reading, image, result, err);
}

// --- all pixels ----------------------------------------------------------------------------------

// Where the stored row y goes in the upright picture: its first pixel and the step to the next.
static uint8_t *place_row(const struct plo_pixels *pixels, uint8_t orientation, uint32_t y,
                          ptrdiff_t *step)
{
    bool transposed = false, mirror_x = false, mirror_y = false;
    plo_orientation_split(orientation, &transposed, &mirror_x, &mirror_y);
    ptrdiff_t stride = 3 * (ptrdiff_t)pixels->width;
    // Upright coordinates along and across the stored row.
    uint32_t along = transposed ? pixels->height : pixels->width;
    uint32_t across = transposed ? pixels->width : pixels->height;
    uint32_t first = mirror_x ? along - 1 : 0, line = mirror_y ? across - 1 - y : y;
    *step = (transposed ? stride : 3) * (mirror_x ? -1 : 1);
    ptrdiff_t at =
        transposed ? stride * first + 3 * (ptrdiff_t)line : stride * line + 3 * (ptrdiff_t)first;
    return pixels->owner->data + at;
}

static int place_rows(struct reading *reading, struct plo_pixels *pixels, struct pipilo_error *err)
{
    struct plo_decoder *decoder = &reading->decoder;
    const uint8_t *row = NULL;
    while (decoder->row < decoder->height) {
        ptrdiff_t step = 0;
        uint8_t *to = place_row(pixels, reading->orientation, decoder->row, &step);
        PLO_TRY(plo_decoder_next(decoder, &row, err));
        if (step == 3) {
            memcpy(to, row, 3 * (size_t)decoder->width);
            continue;
        }
        for (size_t x = 0; x < decoder->width; x++)
            memcpy(to + step * (ptrdiff_t)x, row + 3 * x, 3);
    }
    return 0;
}

int plo_image_pixels(struct plo_image *image, enum plo_color color,
                     const struct plo_decode_options *options, struct plo_image_scratch *scratch,
                     struct plo_pixels *out, struct pipilo_error *err)
{
    struct reading reading;
    struct plo_pixels pixels = { 0 };
    if (plo_isolate_takes(image)) {
        struct plo_helper_request request;
        memset(&request, 0, sizeof request);
        request.verb = PLO_HELPER_PIXELS;
        return pixels_apart(image, &request, options, color, out, err);
    }
    int result = reading_init(&reading, image, options, scratch, err);
    if (result == 0)
        result =
            plo_codec_check_limits(reading.width, reading.height, reading.decoder.options, err);
    if (result == 0)
        result = plo_decoder_open(&reading.decoder, err);
    if (result == 0)
        result = create_pixels(&pixels, reading.width, reading.height, color, scratch, err);
    if (result == 0)
        result = place_rows(&reading, &pixels, err);
    if (result == 0) {
        if (color == PLO_COLOR_BGR)
            plo_swap_red_blue(pixels.owner->data, (size_t)pixels.width * pixels.height);
        *out = pixels;
        pixels.owner = NULL;
    }
    plo_buf_unref(&pixels.owner);
    return reading_close(&reading, image, result, err);
}

// --- what it takes -------------------------------------------------------------------------------

// A decoder's own rows, tables and state, by the width of a row; measured on libjpeg-turbo (its
// largest case, 4:4:4 with context rows), rounded up.
enum { DECODER_BYTES = 256 << 10, DECODER_ROWS = 40 };

uint64_t plo_image_need(struct plo_image *image, const struct plo_preprocess *target,
                        const struct plo_decode_options *options)
{
    struct plo_image_info info;
    struct plo_preprocess_plan plan;
    options = effective(image, options);
    if (plo_image_probe(image, &info, NULL) < 0 ||
        plo_codec_check_limits(info.width, info.height, options, NULL) < 0)
        return 0;
    uint64_t need =
        info.state_bytes + DECODER_BYTES + DECODER_ROWS * 3 * (uint64_t)info.stored_width;
    if (image->path != NULL)
        need += info.bytes;
    if (target == NULL)
        return need + 3 * (uint64_t)info.width * info.height;
    uint32_t width = 0, height = 0;
    uint8_t orientation = plo_image_upright(&info, options, &width, &height);
    if (plo_preprocess_plan(target, width, height, &plan, NULL) < 0)
        return 0;
    struct plo_resize_request request = { .stored_width = info.stored_width,
                                          .stored_height = info.stored_height,
                                          .orientation = orientation,
                                          .filter = target->filter };
    if (visible(&plan, &request, NULL))
        need += plo_resize_need(&request);
    return need + 3 * (uint64_t)plan.width * plan.height;
}
