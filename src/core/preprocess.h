// preprocess.h: what is done to a picture before a model sees it, and what size comes out. The
// model layer fills it from a card, the image layer carries it out; neither knows the other.
// Threads: any; the struct is plain data.
#ifndef PLO_CORE_PREPROCESS_H
#define PLO_CORE_PREPROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include <pipilo/error.h>

enum plo_resize_mode {
    PLO_RESIZE_NONE,          // keep the picture's own size
    PLO_RESIZE_EXACT,         // to width x height, whatever the aspect
    PLO_RESIZE_SHORTEST_EDGE, // the shorter edge to `width` (= height), the aspect kept
    PLO_RESIZE_LONGEST_EDGE,  // the largest that fits width x height, the aspect kept
};

// Antialiased, as Pillow's filters of the same names.
enum plo_filter { PLO_FILTER_BICUBIC, PLO_FILTER_BILINEAR, PLO_FILTER_LANCZOS };

// Where a centre crop begins when the margin is odd: torchvision rounds half to even, Hugging Face
// rounds down.
enum plo_crop_rounding { PLO_CROP_HALF_EVEN, PLO_CROP_FLOOR };

enum plo_color { PLO_COLOR_RGB, PLO_COLOR_BGR };
enum plo_layout { PLO_LAYOUT_NCHW, PLO_LAYOUT_NHWC };

// The spelling in model cards and pipeline text, indexed by the enum and ended by NULL.
extern const char *const plo_resize_mode_names[];   // "none", "exact", "shortest_edge", ..
extern const char *const plo_filter_names[];        // "bicubic", "bilinear", "lanczos"
extern const char *const plo_crop_rounding_names[]; // "half_even", "floor"
extern const char *const plo_color_names[];         // "rgb", "bgr"
extern const char *const plo_layout_names[];        // "nchw", "nhwc"

// The index of `name` in such a list, or -1.
int plo_preprocess_find(const char *const *names, const char *name);

// Order of work: orient, resize, crop or pad about the centre, normalise.
struct plo_preprocess {
    enum plo_resize_mode mode;
    uint32_t width, height; // pixels, the target of `mode`
    enum plo_filter filter;
    uint32_t crop_width, crop_height; // pixels; 0 = no crop
    enum plo_crop_rounding crop_rounding;
    bool pad;             // longest_edge: fill up to width x height, the picture in the middle
    uint8_t pad_color[3]; // R, G, B of what lies outside the picture (pad, or crop > picture)
    enum plo_color color; // order of the channels that come out
    enum plo_layout layout;
    double scale;           // out = (pixel x scale - mean) / std, pixel 0..255
    double mean[3], std[3]; // in the order of the channels that come out
};

// 224 x 224, bicubic, RGB, NCHW, values 0..1: a start to fill in.
#define PLO_PREPROCESS_INIT       \
    ((struct plo_preprocess){     \
        .mode = PLO_RESIZE_EXACT, \
        .width = 224,             \
        .height = 224,            \
        .scale = 1.0 / 255.0,     \
        .std = { 1.0, 1.0, 1.0 }, \
    })

// Refuses (PIPILO_EINVALID) what cannot be carried out: a target or crop of zero or above 65,536
// pixels, a shortest_edge with two different sizes, a std of 0, numbers that are not finite.
int plo_preprocess_check(const struct plo_preprocess *p, struct pipilo_error *err);

// The size that comes out for every picture. False where it depends on the picture (then both 0).
bool plo_preprocess_size(const struct plo_preprocess *p, uint32_t *width, uint32_t *height);

// What happens to one picture, in pixels: it is resized to resize_width x resize_height, and from
// that the window at (left, top) of width x height comes out. Parts of the window outside the
// resized picture (left or top negative, or beyond its far side) are filled with pad_color.
struct plo_preprocess_plan {
    uint32_t resize_width, resize_height;
    int64_t left, top;
    uint32_t width, height;
};

// The plan for an upright picture of width x height >= 1. Sizes as in torchvision.transforms.Resize
// (long edge = size * long / short, truncated) and CenterCrop; Hugging Face's center_crop with
// PLO_CROP_FLOOR; timm's ResizeKeepRatio(longest=1) and CenterCropOrPad for longest_edge.
// Errors: PIPILO_ELIMIT where the resized picture would pass 2^31 pixels on a side.
int plo_preprocess_plan(const struct plo_preprocess *p, uint32_t width, uint32_t height,
                        struct plo_preprocess_plan *out, struct pipilo_error *err);

// What each channel that comes out makes of the pixel value 0..255, in float32 arithmetic as
// torchvision's ToTensor and Normalize: (pixel x scale, rounded, - mean) / std.
void plo_preprocess_table(const struct plo_preprocess *p, float table[3][256]);

#endif
