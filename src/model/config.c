// config.c: preprocessor_config.json and timm's config.json into a card (see config.h).
//
// The rules are those of the code that reads these files: transformers' image processors (one
// class, one row of `processors`) and timm's transforms_imagenet_eval.
#include "model/config.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "core/fail.h"

enum { CEILING = 1024 * 1024 };

// What a transformers image processor does where its file says nothing, and what a plain number
// means as its size.
struct processor {
    const char *name; // less "ImageProcessor", "ImageProcessorFast", "FeatureExtractor"
    bool square;      // a plain number is height and width, not the shortest edge
    int resample;     // Pillow's number
    bool center_crop;
    bool crop_pct;  // ConvNext: below 384 pixels a crop of a larger picture, else squashed
    bool std_twice; // EfficientNet, include_top: divides by std once more
};

static const struct processor processors[] = {
    { "ViT", true, 2, false, false, false },      { "CLIP", false, 3, true, false, false },
    { "ConvNext", false, 3, false, true, false }, { "EfficientNet", true, 0, false, false, true },
    { "Bit", false, 3, true, false, false }, // DINOv2 and ResNet use it
    { "DeiT", true, 3, true, false, false },      { "Siglip", true, 3, false, false, false },
    { "Beit", true, 3, false, false, false },
};

static const struct processor *find_processor(const char *name)
{
    size_t length = strlen(name);
    static const char *const ends[] = { "ImageProcessorFast", "ImageProcessor",
                                        "FeatureExtractor" };
    for (size_t i = 0; i < PLO_COUNT(ends); i++) {
        size_t end = strlen(ends[i]);
        if (length > end && strcmp(name + length - end, ends[i]) == 0) {
            length -= end;
            break;
        }
    }
    for (size_t i = 0; i < PLO_COUNT(processors); i++)
        if (strlen(processors[i].name) == length && strncmp(processors[i].name, name, length) == 0)
            return &processors[i];
    return NULL;
}

static bool flag(const struct plo_json *root, const char *key, bool fallback)
{
    const struct plo_json *node = plo_json_get(root, key);
    return plo_json_kind(node) == PLO_JSON_BOOL ? plo_json_bool(node) : fallback;
}

static int get_pixels(const struct plo_json *node, const char *what, uint32_t *out,
                      struct pipilo_error *err)
{
    double pixels = plo_json_number(node);
    if (!plo_json_is_number(node) || pixels != floor(pixels) || pixels < 1 || pixels > 65536)
        return plo_fail(err, PIPILO_EMODEL, "%s: expected a size in pixels, 1 to 65536", what);
    *out = (uint32_t)pixels;
    return 0;
}

// {"height", "width"}, or a number for both.
static int get_pair(const struct plo_json *node, const char *what, uint32_t *width,
                    uint32_t *height, struct pipilo_error *err)
{
    bool object = plo_json_kind(node) == PLO_JSON_OBJECT;
    PLO_TRY(get_pixels(object ? plo_json_get(node, "width") : node, what, width, err));
    return get_pixels(object ? plo_json_get(node, "height") : node, what, height, err);
}

static int get_three(const struct plo_json *root, const char *key, double out[3],
                     struct pipilo_error *err)
{
    const struct plo_json *node = plo_json_get(root, key);
    bool good = plo_json_kind(node) == PLO_JSON_ARRAY && plo_json_count(node) == 3;
    for (size_t i = 0; good && i < 3; i++) {
        good = plo_json_is_number(plo_json_item(node, i));
        out[i] = plo_json_number(plo_json_item(node, i));
    }
    return good ? 0 : plo_fail(err, PIPILO_EMODEL, "%s: expected three numbers", key);
}

// --- Hugging Face --------------------------------------------------------------------------------

static int hf_resample(const struct plo_json *root, const struct processor *processor,
                       struct plo_preprocess *p, struct pipilo_error *err)
{
    const struct plo_json *node = plo_json_get(root, "resample");
    int number =
        plo_json_kind(node) == PLO_JSON_INT ? (int)plo_json_int(node) : processor->resample;
    static const char *const names[] = { "nearest", "lanczos", "bilinear",
                                         "bicubic", "box",     "hamming" };
    int found = number >= 0 && number < (int)PLO_COUNT(names)
                    ? plo_preprocess_find(plo_filter_names, names[number])
                    : -1;
    if (found < 0)
        return plo_fail(err, PIPILO_EMODEL,
                        "resample: filter %d (%s) is not there; 1 (lanczos), 2 (bilinear) and 3 "
                        "(bicubic) are",
                        number,
                        number >= 0 && number < (int)PLO_COUNT(names) ? names[number] : "unknown");
    p->filter = (enum plo_filter)found;
    return 0;
}

static int hf_size(const struct plo_json *root, const struct processor *processor,
                   struct plo_preprocess *p, struct pipilo_error *err)
{
    const struct plo_json *size = plo_json_get(root, "size");
    const struct plo_json *shortest = plo_json_get(size, "shortest_edge");
    if (size == NULL)
        return plo_fail(err, PIPILO_EMODEL, "size: is required");
    if (plo_json_get(size, "longest_edge") != NULL)
        return plo_fail(err, PIPILO_EMODEL,
                        "size.longest_edge: gives pictures of different sizes, which no card can "
                        "hold");
    if (shortest != NULL || (plo_json_is_number(size) && !processor->square)) {
        p->mode = PLO_RESIZE_SHORTEST_EDGE;
        PLO_TRY(get_pixels(shortest != NULL ? shortest : size, "size", &p->width, err));
        p->height = p->width;
        return 0;
    }
    p->mode = PLO_RESIZE_EXACT;
    return get_pair(size, "size", &p->width, &p->height, err);
}

// ConvNextImageProcessor.resize: below 384 the shortest edge goes to size / crop_pct and a square
// of `size` is cut out; from 384 on the picture is squashed to the square.
static void hf_crop_pct(const struct plo_json *root, struct plo_preprocess *p)
{
    const struct plo_json *node = plo_json_get(root, "crop_pct");
    double share = plo_json_is_number(node) ? plo_json_number(node) : 224.0 / 256.0;
    uint32_t size = p->width;
    if (size >= 384 || !(share > 0)) {
        p->mode = PLO_RESIZE_EXACT;
        return;
    }
    p->width = p->height = (uint32_t)((double)size / share);
    p->crop_width = p->crop_height = size;
}

static int hf_values(const struct plo_json *root, const struct processor *processor,
                     struct plo_preprocess *p, struct pipilo_error *err)
{
    const struct plo_json *factor = plo_json_get(root, "rescale_factor");
    p->scale = plo_json_is_number(factor) ? plo_json_number(factor) : 1.0 / 255.0;
    if (!flag(root, "do_rescale", true))
        p->scale = 1;
    if (flag(root, "rescale_offset", false))
        return plo_fail(err, PIPILO_EMODEL, "rescale_offset: true is not supported");
    if (!flag(root, "do_normalize", true))
        return 0;
    PLO_TRY(get_three(root, "image_mean", p->mean, err));
    PLO_TRY(get_three(root, "image_std", p->std, err));
    // EfficientNetImageProcessor: with include_top a second normalisation, of mean 0.
    if (processor->std_twice && flag(root, "include_top", true))
        for (int c = 0; c < 3; c++)
            p->std[c] *= p->std[c];
    return 0;
}

static int parse_hf(struct plo_card *card, const struct plo_json *root, struct pipilo_error *err)
{
    const char *type = plo_json_string(plo_json_get(root, "image_processor_type"));
    if (type == NULL)
        type = plo_json_string(plo_json_get(root, "feature_extractor_type"));
    if (type == NULL)
        return plo_fail(err, PIPILO_EMODEL, "image_processor_type: is required");
    const struct processor *processor = find_processor(type);
    if (processor == NULL) {
        struct plo_str all = PLO_STR_INIT;
        for (size_t i = 0; i < PLO_COUNT(processors); i++)
            plo_str_addf(&all, "%s%s", i > 0 ? ", " : "", processors[i].name);
        plo_fail(err, PIPILO_EMODEL, "image_processor_type: '%.80s' is none of %s (ImageProcessor)",
                 type, all.data != NULL ? all.data : "");
        plo_str_reset(&all);
        return PIPILO_EMODEL;
    }
    struct plo_preprocess p = PLO_PREPROCESS_INIT;
    p.layout = card->preprocess.layout;
    p.crop_rounding = PLO_CROP_FLOOR;
    p.mode = PLO_RESIZE_NONE;
    if (flag(root, "do_resize", true)) {
        PLO_TRY(hf_resample(root, processor, &p, err));
        PLO_TRY(hf_size(root, processor, &p, err));
        if (processor->crop_pct && p.mode == PLO_RESIZE_SHORTEST_EDGE)
            hf_crop_pct(root, &p);
    }
    if (flag(root, "do_center_crop", processor->center_crop))
        PLO_TRY(get_pair(plo_json_get(root, "crop_size"), "crop_size", &p.crop_width,
                         &p.crop_height, err));
    if (flag(root, "do_flip_channel_order", false))
        p.color = PLO_COLOR_BGR;
    PLO_TRY(hf_values(root, processor, &p, err));
    card->preprocess = p;
    return 0;
}

// --- timm ----------------------------------------------------------------------------------------

static int timm_crop(const struct plo_json *config, struct plo_preprocess *p,
                     struct pipilo_error *err)
{
    const struct plo_json *size = plo_json_get(config, "input_size");
    const struct plo_json *share = plo_json_get(config, "crop_pct");
    const char *mode = plo_json_string(plo_json_get(config, "crop_mode"));
    if (plo_json_count(size) != 3 || plo_json_number(plo_json_item(size, 0)) != 3)
        return plo_fail(err, PIPILO_EMODEL, "input_size: expected [3, height, width]");
    PLO_TRY(get_pixels(plo_json_item(size, 1), "input_size", &p->crop_height, err));
    PLO_TRY(get_pixels(plo_json_item(size, 2), "input_size", &p->crop_width, err));
    double crop_pct = plo_json_is_number(share) ? plo_json_number(share) : 0.875;
    if (!(crop_pct > 0 && crop_pct <= 4))
        return plo_fail(err, PIPILO_EMODEL, "crop_pct: expected a number above 0");
    p->width = (uint32_t)floor(p->crop_width / crop_pct);
    p->height = (uint32_t)floor(p->crop_height / crop_pct);
    if (mode != NULL && strcmp(mode, "squash") == 0) {
        p->mode = PLO_RESIZE_EXACT;
    } else if (mode != NULL && strcmp(mode, "border") == 0) {
        p->mode = PLO_RESIZE_LONGEST_EDGE;
        p->pad = true;
    } else if (mode != NULL && strcmp(mode, "center") != 0) {
        return plo_fail(err, PIPILO_EMODEL, "crop_mode: '%.40s' is none of center, squash, border",
                        mode);
    } else {
        p->mode = PLO_RESIZE_SHORTEST_EDGE;
    }
    if (p->mode == PLO_RESIZE_SHORTEST_EDGE && p->width != p->height)
        return plo_fail(err, PIPILO_EMODEL,
                        "input_size: a centre crop of %u x %u is not supported, it is not square",
                        p->crop_width, p->crop_height);
    return 0;
}

static int parse_timm(struct plo_card *card, const struct plo_json *root,
                      const struct plo_json *config, struct pipilo_error *err)
{
    struct plo_preprocess p = PLO_PREPROCESS_INIT;
    p.layout = card->preprocess.layout;
    p.crop_rounding = PLO_CROP_HALF_EVEN;
    PLO_TRY(timm_crop(config, &p, err));
    const char *filter = plo_json_string(plo_json_get(config, "interpolation"));
    int found = plo_preprocess_find(plo_filter_names, filter != NULL ? filter : "bilinear");
    if (found < 0)
        return plo_fail(err, PIPILO_EMODEL,
                        "interpolation: '%.40s' is none of bicubic, bilinear, lanczos", filter);
    p.filter = (enum plo_filter)found;
    PLO_TRY(get_three(config, "mean", p.mean, err));
    PLO_TRY(get_three(config, "std", p.std, err));
    for (int c = 0; p.pad && c < 3; c++)
        p.pad_color[c] = (uint8_t)fmin(fmax(nearbyint(255 * p.mean[c]), 0), 255);
    card->preprocess = p;
    const char *license = plo_json_string(plo_json_get(config, "license"));
    if (license != NULL && card->license[0] == '\0' && strlen(license) < sizeof card->license)
        memcpy(card->license, license, strlen(license) + 1);
    const struct plo_json *features = plo_json_get(root, "num_features");
    if (plo_json_kind(features) == PLO_JSON_INT && plo_json_int(features) > 0)
        card->output.dim = (size_t)plo_json_int(features);
    return 0;
}

// --- which it is ---------------------------------------------------------------------------------

static int parse(struct plo_card *card, const struct plo_json *root, const char *text, size_t size,
                 struct pipilo_error *err)
{
    const struct plo_json *timm = plo_json_get(root, "pretrained_cfg");
    if (plo_json_kind(timm) == PLO_JSON_OBJECT)
        return parse_timm(card, root, timm, err);
    if (plo_json_get(root, "preprocess") != NULL)
        return plo_card_parse(card, text, size, err);
    if (plo_json_get(root, "crop_pct") != NULL && plo_json_get(root, "input_size") != NULL)
        return parse_timm(card, root, root, err);
    if (plo_json_get(root, "model_type") != NULL && plo_json_get(root, "image_mean") == NULL)
        return plo_fail(err, PIPILO_EMODEL,
                        "it describes a model and not how pictures are prepared; "
                        "preprocessor_config.json does");
    return parse_hf(card, root, err);
}

int plo_config_parse(struct plo_card *card, const char *text, size_t size, struct pipilo_error *err)
{
    struct plo_json *root = NULL;
    char why[200];
    int result = plo_json_parse(&root, text, size, why, sizeof why);
    if (result == -ENOMEM)
        return plo_fail_nomem(err, 0);
    if (result < 0)
        return plo_fail(err, PIPILO_EMODEL, "it is no valid JSON: %s", why);
    int code = parse(card, root, text, size, err);
    plo_json_free(root);
    struct pipilo_error inner = { 0 };
    if (code == 0 && plo_preprocess_check(&card->preprocess, &inner) < 0)
        return plo_fail(err, PIPILO_EMODEL, "it asks for what cannot be done: %s", inner.message);
    return code;
}

int plo_config_read(struct plo_card *card, const char *path, struct pipilo_error *err)
{
    char *text = NULL;
    int result = plo_file_read_text(path, CEILING, &text);
    if (result == -EINVAL || result == -EISDIR)
        return plo_fail(err, PIPILO_EMODEL, "the configuration %.300s is no regular file", path);
    if (result < 0)
        return plo_fail_errno(err, result, "%s", path);
    struct pipilo_error inner = { 0 };
    int code = plo_config_parse(card, text, strlen(text), &inner);
    plo_free(text);
    return code < 0 ? plo_fail(err, code, "%.160s: %s", path, inner.message) : 0;
}
