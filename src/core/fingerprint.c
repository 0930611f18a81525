// fingerprint.c: canonical text, its digest, and what differs between two (see fingerprint.h).
#include "core/fingerprint.h"

#include <errno.h>
#include <string.h>

#include "base/cpu_id.h"
#include "base/json.h"
#include "base/sha256.h"
#include "base/str.h"
#include "core/fail.h"

static void add_numbers(struct plo_str *str, const char *before, const double *numbers)
{
    plo_str_add(str, before);
    for (int i = 0; i < 3; i++) {
        plo_str_add(str, i == 0 ? "[" : ",");
        plo_str_add_number(str, numbers[i]);
    }
    plo_str_add(str, "]");
}

// Keys in bytewise order, as plo_json_write sorts them: so a text that was stored, read and written
// again is the same text.
static void add_preprocess(struct plo_str *str, const struct plo_preprocess *p)
{
    bool resized = p->mode != PLO_RESIZE_NONE;
    plo_str_addf(str, "{\"color\":\"%s\"", plo_color_names[p->color]);
    plo_str_addf(str, ",\"crop\":[%u,%u],\"crop_rounding\":\"%s\"", p->crop_height, p->crop_width,
                 plo_crop_rounding_names[p->crop_rounding]);
    plo_str_addf(str, ",\"filter\":\"%s\"", resized ? plo_filter_names[p->filter] : "none");
    plo_str_addf(str, ",\"layout\":\"%s\"", plo_layout_names[p->layout]);
    add_numbers(str, ",\"mean\":", p->mean);
    plo_str_addf(str, ",\"mode\":\"%s\",\"pad\":%s", plo_resize_mode_names[p->mode],
                 p->pad ? "true" : "false");
    plo_str_addf(str, ",\"pad_color\":[%u,%u,%u]", p->pad_color[0], p->pad_color[1],
                 p->pad_color[2]);
    plo_str_add(str, ",\"scale\":");
    plo_str_add_number(str, p->scale);
    plo_str_addf(str, ",\"size\":[%u,%u]", resized ? p->height : 0, resized ? p->width : 0);
    add_numbers(str, ",\"std\":", p->std);
    plo_str_add(str, "}");
}

static void add_field(struct plo_str *str, const char *key, const char *text)
{
    plo_str_addf(str, ",\"%s\":", key);
    plo_str_add_json(str, text);
}

static char *canonical(const struct plo_fingerprint_parts *parts)
{
    struct plo_str str = PLO_STR_INIT;
    plo_str_addf(&str, "{\"decode\":\"%s\",\"dim\":%zu", parts->decode.fast ? "fast" : "exact",
                 parts->dim);
    add_field(&str, "engine", parts->engine);
    add_field(&str, "exif", parts->decode.ignore_exif ? "ignore" : "apply");
    add_field(&str, "input", parts->input);
    add_field(&str, "model_sha256", parts->model_sha256);
    plo_str_addf(&str, ",\"normalize\":%s", parts->normalize ? "true" : "false");
    add_field(&str, "output", parts->output);
    add_field(&str, "pool", parts->pool);
    add_field(&str, "precision", parts->precision);
    plo_str_add(&str, ",\"preprocess\":");
    add_preprocess(&str, &parts->preprocess);
    plo_str_addf(&str, ",\"preprocessing\":%d}",
                 parts->decode.fast ? PLO_FAST_VERSION : PLO_PREPROCESSING_VERSION);
    return plo_str_take(&str);
}

static char *noted(const struct plo_fingerprint_parts *parts)
{
    struct plo_str str = PLO_STR_INIT;
    plo_str_add(&str, "{\"cpu\":");
    plo_str_add_json(&str, plo_cpu_name());
    add_field(&str, "engine_version", parts->engine_version != NULL ? parts->engine_version : "");
    add_field(&str, "model", parts->model_name != NULL ? parts->model_name : "");
    plo_str_add(&str, "}");
    return plo_str_take(&str);
}

void plo_fingerprint_id(const char *json, char id[17])
{
    char hex[PLO_SHA256_HEX];
    plo_sha256_hex(json, strlen(json), hex);
    memcpy(id, hex, 16);
    id[16] = '\0';
}

int plo_fingerprint_create(struct plo_fingerprint *out, const struct plo_fingerprint_parts *parts,
                           struct pipilo_error *err)
{
    *out = (struct plo_fingerprint){ .json = canonical(parts), .noted = noted(parts) };
    if (out->json == NULL || out->noted == NULL) {
        plo_fingerprint_reset(out);
        return plo_fail_nomem(err, 0);
    }
    plo_fingerprint_id(out->json, out->id);
    return 0;
}

void plo_fingerprint_reset(struct plo_fingerprint *print)
{
    plo_free(print->json);
    plo_free(print->noted);
    *print = (struct plo_fingerprint){ 0 };
}

// What differs so far: "key is A, not B; key ..".
struct difference {
    const struct plo_json *other;
    const char *within; // "preprocess." for its fields
    struct plo_str text;
    int count;
    bool reverse; // only keys the other lacks, seen from the other side
};

static void describe(struct difference *d, const char *key, const char *stored, const char *mine)
{
    if (d->count++ < 3)
        plo_str_addf(&d->text, "%s%s%s is %.90s, not %.90s", d->count > 1 ? "; " : "", d->within,
                     key, stored, mine);
}

static int differ(void *cookie, const char *key, const struct plo_json *value)
{
    struct difference *d = cookie;
    const struct plo_json *other = plo_json_get(d->other, key);
    if (plo_json_kind(value) == PLO_JSON_OBJECT && plo_json_kind(other) == PLO_JSON_OBJECT) {
        struct difference inner = *d;
        inner.other = other;
        inner.within = "preprocess.";
        plo_json_each(value, &inner, differ);
        d->text = inner.text;
        d->count = inner.count;
        return 0;
    }
    if (d->reverse && other != NULL)
        return 0;
    struct plo_str a = PLO_STR_INIT, b = PLO_STR_INIT;
    plo_json_write(value, &a);
    plo_json_write(other, &b);
    if (a.data != NULL && b.data != NULL && strcmp(a.data, b.data) != 0)
        describe(d, key, d->reverse ? "not stated" : a.data, d->reverse ? a.data : b.data);
    plo_str_reset(&a);
    plo_str_reset(&b);
    return 0;
}

static int parse(struct plo_json **out, const char *json, const char *whose,
                 struct pipilo_error *err)
{
    char why[200];
    int result = plo_json_parse(out, json, strlen(json), why, sizeof why);
    if (result == -ENOMEM)
        return plo_fail_nomem(err, 0);
    if (result < 0)
        return plo_fail(err, PIPILO_ECORRUPT, "%s fingerprint is no valid JSON: %s", whose, why);
    if (plo_json_kind(*out) == PLO_JSON_OBJECT)
        return 0;
    plo_json_free(*out);
    *out = NULL;
    return plo_fail(err, PIPILO_ECORRUPT, "%s fingerprint is no JSON object", whose);
}

int plo_fingerprint_compare(const char *stored, const char *mine, struct pipilo_error *err)
{
    struct plo_json *a = NULL, *b = NULL;
    struct plo_str a_text = PLO_STR_INIT, b_text = PLO_STR_INIT;
    struct difference d = { .within = "" };
    int code = parse(&a, stored, "the stored", err);
    if (code == 0)
        code = parse(&b, mine, "this", err);
    if (code < 0)
        goto out;
    plo_json_write(a, &a_text);
    plo_json_write(b, &b_text);
    if (a_text.failed || b_text.failed) {
        code = plo_fail_nomem(err, 0);
        goto out;
    }
    if (strcmp(a_text.data, b_text.data) == 0)
        goto out;
    d.other = b;
    plo_json_each(a, &d, differ);
    d.other = a;
    d.reverse = true;
    plo_json_each(b, &d, differ);
    char a_id[17], b_id[17];
    plo_fingerprint_id(a_text.data, a_id);
    plo_fingerprint_id(b_text.data, b_id);
    code = plo_fail(err, PIPILO_EMISMATCH, "the stored fingerprint is %s, this is %s: %s%s", a_id,
                    b_id, d.text.data != NULL ? d.text.data : "", d.count > 3 ? "; and more" : "");
out:
    plo_str_reset(&a_text);
    plo_str_reset(&b_text);
    plo_str_reset(&d.text);
    plo_json_free(a);
    plo_json_free(b);
    return code;
}
