// preprocess.c: sizes and tables of the way from a picture to a model's input: arithmetic only, no
// pixel is touched here.
#include "core/preprocess.h"

#include <math.h>
#include <string.h>

#include "core/fail.h"

enum { MAX_TARGET = 65536 };

const char *const plo_resize_mode_names[] = { "none", "exact", "shortest_edge", "longest_edge",
                                              NULL };
const char *const plo_filter_names[] = { "bicubic", "bilinear", "lanczos", NULL };
const char *const plo_crop_rounding_names[] = { "half_even", "floor", NULL };
const char *const plo_color_names[] = { "rgb", "bgr", NULL };
const char *const plo_layout_names[] = { "nchw", "nhwc", NULL };

int plo_preprocess_find(const char *const *names, const char *name)
{
    for (int i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], name) == 0)
            return i;
    }
    return -1;
}

static int check_size(const char *what, uint32_t width, uint32_t height, struct pipilo_error *err)
{
    if (width < 1 || height < 1 || width > MAX_TARGET || height > MAX_TARGET)
        return plo_fail(err, PIPILO_EINVALID, "%s is %u x %u, each side must be 1 to %d", what,
                        width, height, MAX_TARGET);
    return 0;
}

int plo_preprocess_check(const struct plo_preprocess *p, struct pipilo_error *err)
{
    if (p->mode != PLO_RESIZE_NONE)
        PLO_TRY(check_size("the resize target", p->width, p->height, err));
    if (p->mode == PLO_RESIZE_SHORTEST_EDGE && p->width != p->height)
        return plo_fail(err, PIPILO_EINVALID, "shortest_edge takes one size, not %u and %u",
                        p->width, p->height);
    if (p->crop_width != 0 || p->crop_height != 0)
        PLO_TRY(check_size("the crop", p->crop_width, p->crop_height, err));
    if (p->pad && p->mode != PLO_RESIZE_LONGEST_EDGE)
        return plo_fail(err, PIPILO_EINVALID, "pad needs the resize mode longest_edge");
    if (!isfinite(p->scale))
        return plo_fail(err, PIPILO_EINVALID, "scale is not a finite number");
    for (int c = 0; c < 3; c++) {
        if (!isfinite(p->mean[c]) || !isfinite(p->std[c]) || (float)p->std[c] == 0)
            return plo_fail(err, PIPILO_EINVALID,
                            "mean and std of channel %d must be finite and std not 0", c);
    }
    return 0;
}

bool plo_preprocess_size(const struct plo_preprocess *p, uint32_t *width, uint32_t *height)
{
    *width = *height = 0;
    if (p->crop_width != 0) {
        *width = p->crop_width;
        *height = p->crop_height;
    } else if (p->mode == PLO_RESIZE_EXACT || p->pad) {
        *width = p->width;
        *height = p->height;
    }
    return *width != 0;
}

// Where a centre window of `size` begins on an edge of `edge` pixels.
static int64_t center(int64_t edge, int64_t size, enum plo_crop_rounding rounding)
{
    int64_t margin = edge - size;
    int64_t half = margin >= 0 ? margin / 2 : -((1 - margin) / 2); // floor(margin / 2)
    if (rounding == PLO_CROP_FLOOR || margin % 2 == 0)
        return half;
    // torchvision pads with floor(-margin / 2) on the near side, and rounds half to even.
    if (margin < 0)
        return half + 1;
    return half % 2 == 0 ? half : half + 1;
}

static void resized(const struct plo_preprocess *p, uint32_t width, uint32_t height,
                    uint64_t *out_width, uint64_t *out_height)
{
    *out_width = width;
    *out_height = height;
    if (p->mode == PLO_RESIZE_EXACT) {
        *out_width = p->width;
        *out_height = p->height;
    } else if (p->mode == PLO_RESIZE_SHORTEST_EDGE) {
        *out_width = width <= height ? p->width : (uint64_t)p->width * width / height;
        *out_height = height <= width ? p->width : (uint64_t)p->width * height / width;
    } else if (p->mode == PLO_RESIZE_LONGEST_EDGE) {
        double ratio_x = (double)width / p->width, ratio_y = (double)height / p->height;
        double ratio = ratio_x > ratio_y ? ratio_x : ratio_y;
        *out_width = (uint64_t)fmax(1, nearbyint(width / ratio));
        *out_height = (uint64_t)fmax(1, nearbyint(height / ratio));
    }
}

int plo_preprocess_plan(const struct plo_preprocess *p, uint32_t width, uint32_t height,
                        struct plo_preprocess_plan *out, struct pipilo_error *err)
{
    uint64_t w = 0, h = 0;
    resized(p, width, height, &w, &h);
    if (w > INT32_MAX || h > INT32_MAX)
        return plo_fail(err, PIPILO_ELIMIT, "%u x %u would be resized to %llu x %llu", width,
                        height, (unsigned long long)w, (unsigned long long)h);
    *out = (struct plo_preprocess_plan){
        .resize_width = (uint32_t)w,
        .resize_height = (uint32_t)h,
        .width = (uint32_t)w,
        .height = (uint32_t)h,
    };
    enum plo_crop_rounding rounding = p->crop_rounding;
    if (p->pad) {
        out->width = p->width;
        out->height = p->height;
        rounding = PLO_CROP_HALF_EVEN;
    }
    if (p->crop_width != 0) {
        // A padded picture is cropped about the same centre: only the last window counts.
        out->width = p->crop_width;
        out->height = p->crop_height;
        rounding = p->crop_rounding;
    }
    out->left = center((int64_t)w, out->width, rounding);
    out->top = center((int64_t)h, out->height, rounding);
    return 0;
}

void plo_preprocess_table(const struct plo_preprocess *p, float table[3][256])
{
    for (int c = 0; c < 3; c++) {
        float mean = (float)p->mean[c], std = (float)p->std[c];
        for (int v = 0; v < 256; v++) {
            float scaled = (float)(v * p->scale);
            table[c][v] = (scaled - mean) / std;
        }
    }
}
