// card_parse.c: from a card's text to a card. Every message begins with the field's path, and an
// unknown word comes with the nearest known one.
#include "model/card.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "core/fail.h"

// An object of the card and the path that leads to it ("" for the card itself).
struct section {
    const struct plo_json *object;
    const char *path;
    const char *const *known; // its keys, NULL-ended
    struct pipilo_error *err;
};

#define BAD(s, key, format, ...)                                                                   \
    plo_fail((s)->err, PIPILO_EMODEL, "%s%s%s: " format, (s)->path, *(s)->path != '\0' ? "." : "", \
             key, __VA_ARGS__)

static int check_key(void *cookie, const char *key, const struct plo_json *value)
{
    (void)value;
    const struct section *s = cookie;
    for (const char *const *known = s->known; *known != NULL; known++)
        if (strcmp(*known, key) == 0)
            return 0;
    const char *nearest = plo_str_nearest(key, s->known);
    if (nearest != NULL)
        return BAD(s, key, "no such field (did you mean %s)", nearest);
    return BAD(s, key, "no such field in %s", *s->path != '\0' ? s->path : "a model card");
}

static int enter(struct section *s, const struct plo_json *object)
{
    s->object = object;
    if (plo_json_kind(object) != PLO_JSON_OBJECT)
        return plo_fail(s->err, PIPILO_EMODEL, "%s: expected an object, found %s",
                        *s->path != '\0' ? s->path : "the card",
                        plo_json_kind_name(plo_json_kind(object)));
    return plo_json_each(object, s, check_key);
}

static bool absent(const struct plo_json *node)
{
    return plo_json_kind(node) <= PLO_JSON_NULL;
}

static int get_text(const struct section *s, const char *key, bool required, char *out,
                    size_t out_size)
{
    const struct plo_json *node = plo_json_get(s->object, key);
    if (absent(node))
        return required ? BAD(s, key, "%s", "is required") : 0;
    const char *text = plo_json_string(node);
    if (text == NULL)
        return BAD(s, key, "expected a string, found %s", plo_json_kind_name(plo_json_kind(node)));
    if (required && *text == '\0')
        return BAD(s, key, "%s", "is empty");
    if (strlen(text) >= out_size)
        return BAD(s, key, "is longer than %zu bytes", out_size - 1);
    memcpy(out, text, strlen(text) + 1);
    return 0;
}

// One of `names`; where the field is absent, `*out` stays.
static int get_choice(const struct section *s, const char *key, const char *const *names, int *out)
{
    const struct plo_json *node = plo_json_get(s->object, key);
    if (absent(node))
        return 0;
    const char *text = plo_json_string(node);
    if (text == NULL)
        return BAD(s, key, "expected a string, found %s", plo_json_kind_name(plo_json_kind(node)));
    int found = plo_preprocess_find(names, text);
    if (found >= 0) {
        *out = found;
        return 0;
    }
    struct plo_str all = PLO_STR_INIT;
    for (size_t i = 0; names[i] != NULL; i++)
        plo_str_addf(&all, "%s%s", i > 0 ? ", " : "", names[i]);
    const char *nearest = plo_str_nearest(text, names);
    int code = BAD(s, key, "'%.64s' is none of %s%s%s%s", text, all.data != NULL ? all.data : "",
                   nearest != NULL ? " (did you mean " : "", nearest != NULL ? nearest : "",
                   nearest != NULL ? ")" : "");
    plo_str_reset(&all);
    return code;
}

static int get_bool(const struct section *s, const char *key, bool *out)
{
    const struct plo_json *node = plo_json_get(s->object, key);
    if (absent(node))
        return 0;
    if (plo_json_kind(node) != PLO_JSON_BOOL)
        return BAD(s, key, "expected true or false, found %s",
                   plo_json_kind_name(plo_json_kind(node)));
    *out = plo_json_bool(node);
    return 0;
}

static int get_number(const struct section *s, const char *key, double *out)
{
    const struct plo_json *node = plo_json_get(s->object, key);
    if (absent(node))
        return 0;
    if (!plo_json_is_number(node))
        return BAD(s, key, "expected a number, found %s", plo_json_kind_name(plo_json_kind(node)));
    *out = plo_json_number(node);
    return 0;
}

static int get_whole(const struct section *s, const char *key, int64_t min, int64_t max,
                     int64_t *out)
{
    const struct plo_json *node = plo_json_get(s->object, key);
    if (absent(node))
        return BAD(s, key, "%s", "is required");
    if (plo_json_kind(node) != PLO_JSON_INT)
        return BAD(s, key, "expected a whole number, found %s",
                   plo_json_kind_name(plo_json_kind(node)));
    *out = plo_json_int(node);
    if (*out < min || *out > max)
        return BAD(s, key, "%lld is not between %lld and %lld", (long long)*out, (long long)min,
                   (long long)max);
    return 0;
}

// A size in pixels: one number for both sides, or [height, width].
static int get_size(const struct section *s, const char *key, uint32_t *width, uint32_t *height)
{
    const struct plo_json *node = plo_json_get(s->object, key);
    bool pair = plo_json_kind(node) == PLO_JSON_ARRAY;
    if (pair && plo_json_count(node) != 2)
        return BAD(s, key, "expected [height, width], found %zu numbers", plo_json_count(node));
    uint32_t sides[2];
    for (size_t i = 0; i < 2; i++) {
        const struct plo_json *side = pair ? plo_json_item(node, i) : node;
        if (plo_json_kind(side) != PLO_JSON_INT)
            return BAD(s, key, "expected a size in pixels or [height, width], found %s",
                       plo_json_kind_name(plo_json_kind(side)));
        int64_t pixels = plo_json_int(side);
        if (pixels < 1 || pixels > 65536)
            return BAD(s, key, "%lld is not between 1 and 65536", (long long)pixels);
        sides[i] = (uint32_t)pixels;
    }
    *height = sides[0];
    *width = sides[1];
    return 0;
}

static int get_three(const struct section *s, const char *key, double out[3])
{
    const struct plo_json *node = plo_json_get(s->object, key);
    if (absent(node))
        return BAD(s, key, "%s", "is required");
    if (plo_json_kind(node) != PLO_JSON_ARRAY || plo_json_count(node) != 3)
        return BAD(s, key, "%s", "expected three numbers");
    for (size_t i = 0; i < 3; i++) {
        if (!plo_json_is_number(plo_json_item(node, i)))
            return BAD(s, key, "%s", "expected three numbers");
        out[i] = plo_json_number(plo_json_item(node, i));
    }
    return 0;
}

static int parse_resize(const struct plo_json *node, struct plo_preprocess *p,
                        struct pipilo_error *err)
{
    static const char *const keys[] = { "mode", "size", "filter", NULL };
    struct section s = { .path = "preprocess.resize", .known = keys, .err = err };
    p->mode = PLO_RESIZE_NONE;
    p->width = p->height = 0;
    if (absent(node))
        return 0;
    PLO_TRY(enter(&s, node));
    int mode = -1, filter = p->filter;
    PLO_TRY(get_choice(&s, "mode", plo_resize_mode_names, &mode));
    PLO_TRY(get_choice(&s, "filter", plo_filter_names, &filter));
    if (mode < 0)
        return BAD(&s, "mode", "%s", "is required");
    p->mode = (enum plo_resize_mode)mode;
    p->filter = (enum plo_filter)filter;
    if (p->mode == PLO_RESIZE_NONE)
        return 0;
    return get_size(&s, "size", &p->width, &p->height);
}

static int parse_pad(const struct section *s, struct plo_preprocess *p)
{
    const struct plo_json *node = plo_json_get(s->object, "pad");
    if (absent(node))
        return 0;
    if (plo_json_kind(node) != PLO_JSON_ARRAY || plo_json_count(node) != 3)
        return BAD(s, "pad", "%s", "expected null or a colour [red, green, blue]");
    for (size_t i = 0; i < 3; i++) {
        const struct plo_json *part = plo_json_item(node, i);
        if (plo_json_kind(part) != PLO_JSON_INT || plo_json_int(part) < 0 ||
            plo_json_int(part) > 255)
            return BAD(s, "pad", "%s", "each part of a colour is a whole number from 0 to 255");
        p->pad_color[i] = (uint8_t)plo_json_int(part);
    }
    // For a crop larger than the picture the colour alone counts.
    p->pad = p->mode == PLO_RESIZE_LONGEST_EDGE;
    return 0;
}

static int parse_preprocess(const struct plo_json *node, struct plo_preprocess *p,
                            struct pipilo_error *err)
{
    static const char *const keys[] = { "resize", "crop", "crop_rounding", "pad", "color",
                                        "scale",  "mean", "std",           NULL };
    struct section s = { .path = "preprocess", .known = keys, .err = err };
    PLO_TRY(enter(&s, node));
    PLO_TRY(parse_resize(plo_json_get(node, "resize"), p, err));
    if (!absent(plo_json_get(node, "crop")))
        PLO_TRY(get_size(&s, "crop", &p->crop_width, &p->crop_height));
    int rounding = p->crop_rounding, color = p->color;
    PLO_TRY(get_choice(&s, "crop_rounding", plo_crop_rounding_names, &rounding));
    PLO_TRY(get_choice(&s, "color", plo_color_names, &color));
    p->crop_rounding = (enum plo_crop_rounding)rounding;
    p->color = (enum plo_color)color;
    PLO_TRY(parse_pad(&s, p));
    PLO_TRY(get_number(&s, "scale", &p->scale));
    PLO_TRY(get_three(&s, "mean", p->mean));
    return get_three(&s, "std", p->std);
}

static int parse_input(const struct plo_json *node, struct plo_card *card, struct pipilo_error *err)
{
    static const char *const keys[] = { "name", "layout", "dtype", NULL };
    static const char *const dtypes[] = { "f32", NULL };
    struct section s = { .path = "input", .known = keys, .err = err };
    PLO_TRY(enter(&s, node));
    PLO_TRY(get_text(&s, "name", true, card->input.name, sizeof card->input.name));
    int layout = PLO_LAYOUT_NCHW, dtype = 0;
    PLO_TRY(get_choice(&s, "layout", plo_layout_names, &layout));
    PLO_TRY(get_choice(&s, "dtype", dtypes, &dtype));
    card->preprocess.layout = (enum plo_layout)layout;
    return 0;
}

static int parse_output(const struct plo_json *node, struct plo_card *card,
                        struct pipilo_error *err)
{
    static const char *const keys[] = { "name", "pool", "dim", "normalize", NULL };
    struct section s = { .path = "output", .known = keys, .err = err };
    PLO_TRY(enter(&s, node));
    PLO_TRY(get_text(&s, "name", true, card->output.name, sizeof card->output.name));
    int pool = PLO_POOL_NONE;
    PLO_TRY(get_choice(&s, "pool", plo_pool_names, &pool));
    card->output.pool = (enum plo_pool)pool;
    int64_t dim;
    PLO_TRY(get_whole(&s, "dim", 1, 65536, &dim));
    card->output.dim = (size_t)dim;
    return get_bool(&s, "normalize", &card->output.normalize);
}

static int parse_precision(const struct plo_json *node, struct plo_card *card,
                           struct pipilo_error *err)
{
    static const char *const keys[] = { "bf16", NULL };
    static const char *const fields[] = { "worst_cosine", "mean_cosine", "pictures", "speed",
                                          NULL };
    struct section all = { .path = "precision", .known = keys, .err = err };
    struct section s = { .path = "precision.bf16", .known = fields, .err = err };
    if (absent(node))
        return 0;
    PLO_TRY(enter(&all, node));
    const struct plo_json *bf16 = plo_json_get(node, "bf16");
    if (absent(bf16))
        return 0;
    PLO_TRY(enter(&s, bf16));
    double worst = -2, mean = -2;
    PLO_TRY(get_number(&s, "worst_cosine", &worst));
    PLO_TRY(get_number(&s, "mean_cosine", &mean));
    if (!(worst >= -1 && worst <= mean && mean <= 1.000001))
        return plo_fail(err, PIPILO_EMODEL,
                        "precision.bf16: worst_cosine and mean_cosine must lie in -1 to 1, "
                        "the worst not above the mean");
    int64_t pictures;
    PLO_TRY(get_whole(&s, "pictures", 1, INT_MAX, &pictures));
    double speed = 0;
    PLO_TRY(get_number(&s, "speed", &speed));
    if (!(speed >= 0 && speed <= 1000))
        return BAD(&s, "speed", "%g is not between 0 and 1000", speed);
    card->bf16 = (struct plo_card_measured){ worst, mean, (int)pictures, speed };
    return 0;
}

static int parse_card(struct plo_card *card, const struct plo_json *root, struct pipilo_error *err)
{
    static const char *const keys[] = { "name",    "task",      "file",  "sha256",
                                        "license", "source",    "input", "preprocess",
                                        "output",  "precision", NULL };
    struct section s = { .path = "", .known = keys, .err = err };
    PLO_TRY(enter(&s, root));
    PLO_TRY(get_text(&s, "name", true, card->name, sizeof card->name));
    PLO_TRY(get_text(&s, "task", true, card->task, sizeof card->task));
    PLO_TRY(get_text(&s, "file", true, card->file, sizeof card->file));
    PLO_TRY(get_text(&s, "sha256", false, card->sha256, sizeof card->sha256));
    PLO_TRY(get_text(&s, "license", false, card->license, sizeof card->license));
    PLO_TRY(get_text(&s, "source", false, card->source, sizeof card->source));
    PLO_TRY(parse_input(plo_json_get(root, "input"), card, err));
    PLO_TRY(parse_preprocess(plo_json_get(root, "preprocess"), &card->preprocess, err));
    PLO_TRY(parse_output(plo_json_get(root, "output"), card, err));
    PLO_TRY(parse_precision(plo_json_get(root, "precision"), card, err));
    return plo_card_check(card, err);
}

int plo_card_parse(struct plo_card *out, const char *text, size_t size, struct pipilo_error *err)
{
    *out = (struct plo_card){ .preprocess = PLO_PREPROCESS_INIT };
    struct plo_json *root = NULL;
    char why[256];
    int result = plo_json_parse(&root, text, size, why, sizeof why);
    if (result == -ENOMEM)
        return plo_fail_nomem(err, 0);
    if (result < 0)
        return plo_fail(err, PIPILO_EMODEL, "the model card is no valid JSON: %s", why);
    int code = parse_card(out, root, err);
    plo_json_free(root);
    return code;
}

int plo_card_read(struct plo_card *out, const char *path, struct pipilo_error *err)
{
    char *text = NULL;
    int result = plo_file_read_text(path, PLO_CARD_CEILING, &text);
    if (result == -EINVAL || result == -EISDIR)
        return plo_fail(err, PIPILO_EMODEL,
                        "the model card %.300s is no regular file: put the file itself there",
                        path);
    if (result < 0)
        return plo_fail_errno(err, result, "model card %s", path);
    struct pipilo_error inner = { 0 };
    int code = plo_card_parse(out, text, strlen(text), &inner);
    plo_free(text);
    if (code < 0)
        return plo_fail(err, code, "%.160s: %s", path, inner.message);
    return 0;
}
