// card.c: what a model card must fulfil, and its JSON text. card_parse.c reads one.
#include "model/card.h"

#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "core/fail.h"

const char *const plo_pool_names[] = { "none", "avg", "token0", "mean_tokens", NULL };
const char *const plo_precision_names[] = { "f32", "bf16", "auto", NULL };

bool plo_card_name_ok(const char *name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "._-";
    size_t length = strlen(name);
    return length > 0 && length < sizeof((struct plo_card *)0)->name && name[0] != '.' &&
           name[0] != '-' && strspn(name, allowed) == length;
}

static bool is_digest(const char *text)
{
    return strlen(text) == PLO_SHA256_HEX - 1 && strspn(text, "0123456789abcdef") == strlen(text);
}

bool plo_card_precision_good(const struct plo_card_measured *measured)
{
    return measured->pictures > 0 && measured->worst_cosine >= 0.999;
}

int plo_card_check(const struct plo_card *card, struct pipilo_error *err)
{
    if (!plo_card_name_ok(card->name))
        return plo_fail(err, PIPILO_EMODEL,
                        "name: '%s' may hold letters, digits, '.', '_' and '-' only, and begin "
                        "with a letter, digit or '_'",
                        card->name);
    if (strcmp(card->task, "image_embedding") != 0)
        return plo_fail(err, PIPILO_EMODEL, "task: '%s' is not image_embedding, the one task known",
                        card->task);
    if (card->file[0] == '\0' || strchr(card->file, '/') != NULL || strcmp(card->file, "..") == 0 ||
        strcmp(card->file, ".") == 0)
        return plo_fail(err, PIPILO_EMODEL, "file: '%s' is no file name in the card's own folder",
                        card->file);
    if (card->sha256[0] != '\0' && !is_digest(card->sha256))
        return plo_fail(err, PIPILO_EMODEL, "sha256: expected 64 lower-case hex digits");
    if (card->input.name[0] == '\0' || card->output.name[0] == '\0')
        return plo_fail(err, PIPILO_EMODEL, "input.name and output.name are required");
    if (card->output.dim < 1 || card->output.dim > 65536)
        return plo_fail(err, PIPILO_EMODEL, "output.dim: %zu is not between 1 and 65536",
                        card->output.dim);
    struct pipilo_error inner = { 0 };
    if (plo_preprocess_check(&card->preprocess, &inner) < 0)
        return plo_fail(err, PIPILO_EMODEL, "preprocess: %s", inner.message);
    uint32_t width, height;
    if (!plo_preprocess_size(&card->preprocess, &width, &height))
        return plo_fail(err, PIPILO_EMODEL,
                        "preprocess: pictures would come out in different sizes; give a crop, the "
                        "resize mode exact, or longest_edge with pad");
    return 0;
}

static void add_text(struct plo_str *str, const char *before, const char *text)
{
    plo_str_add(str, before);
    plo_str_add_json(str, text);
}

static void add_three(struct plo_str *str, const char *before, const double numbers[3])
{
    plo_str_add(str, before);
    for (int i = 0; i < 3; i++) {
        plo_str_add(str, i == 0 ? "[" : ", ");
        plo_str_add_number(str, numbers[i]);
    }
    plo_str_add(str, "]");
}

static void format_resize(const struct plo_preprocess *p, struct plo_str *str)
{
    plo_str_add(str, "    \"resize\": ");
    if (p->mode == PLO_RESIZE_NONE) {
        plo_str_add(str, "null,\n");
        return;
    }
    plo_str_addf(str, "{\"mode\": \"%s\", \"size\": ", plo_resize_mode_names[p->mode]);
    if (p->width == p->height)
        plo_str_addf(str, "%u", p->width);
    else
        plo_str_addf(str, "[%u, %u]", p->height, p->width);
    plo_str_addf(str, ", \"filter\": \"%s\"},\n", plo_filter_names[p->filter]);
}

static void format_preprocess(const struct plo_preprocess *p, struct plo_str *str)
{
    plo_str_add(str, "  \"preprocess\": {\n");
    format_resize(p, str);
    if (p->crop_width == 0)
        plo_str_add(str, "    \"crop\": null,\n");
    else
        plo_str_addf(str, "    \"crop\": [%u, %u],\n", p->crop_height, p->crop_width);
    plo_str_addf(str, "    \"crop_rounding\": \"%s\",\n",
                 plo_crop_rounding_names[p->crop_rounding]);
    bool colored = p->pad_color[0] != 0 || p->pad_color[1] != 0 || p->pad_color[2] != 0;
    if (p->pad || colored)
        plo_str_addf(str, "    \"pad\": [%u, %u, %u],\n", p->pad_color[0], p->pad_color[1],
                     p->pad_color[2]);
    else
        plo_str_add(str, "    \"pad\": null,\n");
    plo_str_addf(str, "    \"color\": \"%s\",\n", plo_color_names[p->color]);
    plo_str_add(str, "    \"scale\": ");
    plo_str_add_number(str, p->scale);
    add_three(str, ",\n    \"mean\": ", p->mean);
    add_three(str, ",\n    \"std\": ", p->std);
    plo_str_add(str, "\n  },\n");
}

void plo_card_format(const struct plo_card *card, struct plo_str *str)
{
    add_text(str, "{\n  \"name\": ", card->name);
    add_text(str, ",\n  \"task\": ", card->task);
    add_text(str, ",\n  \"file\": ", card->file);
    if (card->sha256[0] != '\0')
        add_text(str, ",\n  \"sha256\": ", card->sha256);
    add_text(str, ",\n  \"license\": ", card->license);
    add_text(str, ",\n  \"source\": ", card->source);
    add_text(str, ",\n  \"input\": {\"name\": ", card->input.name);
    plo_str_addf(str, ", \"layout\": \"%s\", \"dtype\": \"f32\"},\n",
                 plo_layout_names[card->preprocess.layout]);
    format_preprocess(&card->preprocess, str);
    add_text(str, "  \"output\": {\"name\": ", card->output.name);
    plo_str_addf(str, ", \"pool\": \"%s\", \"dim\": %zu, \"normalize\": %s}",
                 plo_pool_names[card->output.pool], card->output.dim,
                 card->output.normalize ? "true" : "false");
    if (card->bf16.pictures > 0) {
        plo_str_add(str, ",\n  \"precision\": {\"bf16\": {\"worst_cosine\": ");
        plo_str_add_number(str, card->bf16.worst_cosine);
        plo_str_add(str, ", \"mean_cosine\": ");
        plo_str_add_number(str, card->bf16.mean_cosine);
        plo_str_addf(str, ", \"pictures\": %d", card->bf16.pictures);
        if (card->bf16.speed > 0) {
            plo_str_add(str, ", \"speed\": ");
            plo_str_add_number(str, card->bf16.speed);
        }
        plo_str_add(str, "}}");
    }
    plo_str_add(str, "\n}\n");
}

int plo_card_write(const struct plo_card *card, const char *path, struct pipilo_error *err)
{
    PLO_TRY(plo_card_check(card, err));
    struct plo_str str = PLO_STR_INIT;
    plo_card_format(card, &str);
    size_t length = str.length;
    char *text = plo_str_take(&str);
    if (text == NULL)
        return plo_fail_nomem(err, 0);
    int result = plo_file_replace(path, text, length);
    plo_free(text);
    return result < 0 ? plo_fail_errno(err, result, "model card %s", path) : 0;
}
