// calibrate.c: one arithmetic against another (the public side is <pipilo/model_measure.h>). The
// vectors come from an ordinary pipeline with two models behind one picture, so that they are made
// as `embed` makes them.
#include <pipilo/model_measure.h>
#include <pipilo/pipeline.h>

#include <math.h>
#include <string.h>

#include "api/pack.h"
#include "base/str.h"
#include "core/fail.h"
#include "core/value.h"
#include "model/model.h"
#include "model/rate.h"
#include "model/resolve.h"
#include "ops/process.h"

enum { ROUNDS = 5 };

static const double round_seconds = 0.5;

struct calibration {
    const struct pipilo_calibrate_options *options;
    const char *model, *precision, *reference;
    double worst, sum;
    char *worst_source;
    int64_t pictures, failed;
    double reference_rate, rate, speed;
    char *card_path;
    bool accepted;
};

// --- fidelity ------------------------------------------------------------------------------------

static int add_call(struct plo_str *text, const char *column, const char *model,
                    const char *precision, struct pipilo_error *err)
{
    pipilo_value *name = NULL;
    PLO_TRY(pipilo_value_create_string(&name, model, err));
    plo_str_addf(text, ".map('image', '%s', ops.image_embedding.timm(", column);
    plo_value_add_literal(name, text);
    plo_str_addf(text, ", precision='%s'))", precision);
    pipilo_value_unref(&name);
    return 0;
}

static int make_pipeline(pipilo_pipeline **out, const struct calibration *c,
                         struct pipilo_error *err)
{
    struct plo_str text = PLO_STR_INIT;
    plo_str_add(&text, "pipe.input('inputs')"
                       ".flat_map('inputs', ('source', 'image', 'item'), ops.read_dir())");
    int code = add_call(&text, "wanted", c->reference, "f32", err);
    if (code == 0)
        code = add_call(&text, "got", c->model, c->precision, err);
    plo_str_add(&text, ".output('source', 'wanted', 'got')");
    if (code == 0 && text.failed)
        code = plo_fail_nomem(err, 0);
    if (code == 0)
        code = pipilo_pipeline_parse(out, text.data, err);
    plo_str_reset(&text);
    return code;
}

static double cosine(const float *a, const float *b, size_t dim)
{
    double dot = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < dim; i++) {
        dot += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    // An overflow is no likeness: fmin would take 1 rather than what is no number.
    if (!isfinite(dot) || !isfinite(aa) || !isfinite(bb))
        return 0;
    return aa > 0 && bb > 0 ? fmin(dot / sqrt(aa * bb), 1) : aa == bb ? 1 : 0;
}

static int compare_row(struct calibration *c, const pipilo_row *row, struct pipilo_error *err)
{
    struct pipilo_tensor wanted, got;
    if (pipilo_row_error(row) != NULL) {
        c->failed++;
        return 0;
    }
    if (!pipilo_value_tensor(pipilo_row_value(row, 1), &wanted) ||
        !pipilo_value_tensor(pipilo_row_value(row, 2), &got))
        return plo_fail(err, PIPILO_EENGINE, "a picture gave no vector");
    if (wanted.shape[0] != got.shape[0])
        return plo_fail(err, PIPILO_EINVALID, "the vectors are of two sizes: %zu and %zu numbers",
                        wanted.shape[0], got.shape[0]);
    double value = cosine(wanted.data, got.data, got.shape[0]);
    c->sum += value;
    if (c->pictures++ == 0 || value < c->worst) {
        const char *source = pipilo_value_string(pipilo_row_value(row, 0));
        c->worst = value;
        plo_free(c->worst_source);
        c->worst_source = plo_strdup(source != NULL ? source : "");
        if (c->worst_source == NULL)
            return plo_fail_nomem(err, 0);
    }
    return 0;
}

static int take_rows(struct calibration *c, pipilo_run *run, struct pipilo_error *err)
{
    for (;;) {
        pipilo_row *row = NULL;
        PLO_TRY(pipilo_run_next(run, &row, err));
        if (row == NULL)
            return 0;
        int code = compare_row(c, row, err);
        pipilo_row_unref(&row);
        PLO_TRY(code);
        if (c->options->progress != NULL &&
            c->options->progress(c->options->cookie, c->pictures + c->failed) != 0)
            return plo_fail(err, PIPILO_ECANCELED, "stopped");
    }
}

static int make_inputs(pipilo_value **out, const char *const *pictures, size_t count,
                       struct pipilo_error *err)
{
    pipilo_value **items = plo_alloc0(count + 1, sizeof *items);
    int code = items != NULL ? 0 : plo_fail_nomem(err, 0);
    for (size_t i = 0; i < count && code == 0; i++)
        code = pipilo_value_create_string(&items[i], pictures[i], err);
    if (code == 0)
        code = pipilo_value_create_list(out, items, count, err);
    for (size_t i = 0; items != NULL && i < count; i++)
        pipilo_value_unref(&items[i]);
    plo_free(items);
    return code;
}

static int compare(struct calibration *c, const char *const *pictures, size_t count,
                   struct pipilo_error *err)
{
    pipilo_pipeline *pipeline = NULL;
    pipilo_value *inputs = NULL;
    pipilo_run *run = NULL;
    int code = make_inputs(&inputs, pictures, count, err);
    if (code == 0)
        code = make_pipeline(&pipeline, c, err);
    if (code == 0)
        code = pipilo_pipeline_start(&run, pipeline, &inputs, 1, err);
    if (code == 0)
        code = take_rows(c, run, err);
    if (code == 0 && c->pictures == 0)
        code = plo_fail(err, PIPILO_EINVALID, "no picture could be read");
    pipilo_run_unref(&run);
    pipilo_pipeline_unref(&pipeline);
    pipilo_value_unref(&inputs);
    return code;
}

// --- speed ---------------------------------------------------------------------------------------

static int open_as(struct plo_model **out, const char *spec, const char *precision,
                   struct pipilo_error *err)
{
    struct plo_model_options options = PLO_MODEL_OPTIONS_INIT;
    if (strcmp(precision, "bf16") == 0)
        options.precision = PLO_PRECISION_BF16;
    return plo_model_open(out, spec, &options, err);
}

// The two in turn, so that what the machine does besides hits both.
static int time_both(struct calibration *c, struct plo_model *reference, struct plo_model *model,
                     struct pipilo_error *err)
{
    double slow[ROUNDS], fast[ROUNDS], ratio[ROUNDS];
    for (int i = -1; i < ROUNDS; i++) {
        // The first round, shorter, warms up.
        double seconds = i < 0 ? round_seconds / 5 : round_seconds, before, after;
        PLO_TRY(plo_model_rate(reference, seconds, &before, err));
        PLO_TRY(plo_model_rate(model, seconds, &after, err));
        if (i >= 0) {
            slow[i] = before;
            fast[i] = after;
            ratio[i] = before > 0 ? after / before : 0;
        }
        if (c->options->progress != NULL &&
            c->options->progress(c->options->cookie, c->pictures + c->failed) != 0)
            return plo_fail(err, PIPILO_ECANCELED, "stopped");
    }
    c->reference_rate = plo_median(slow, ROUNDS);
    c->rate = plo_median(fast, ROUNDS);
    c->speed = plo_median(ratio, ROUNDS);
    return 0;
}

static int measure_speed(struct calibration *c, struct pipilo_error *err)
{
    struct plo_model *reference = NULL, *model = NULL;
    int code = open_as(&reference, c->reference, "f32", err);
    if (code == 0)
        code = open_as(&model, c->model, c->precision, err);
    if (code == 0)
        code = time_both(c, reference, model, err);
    plo_model_unref(&model);
    plo_model_unref(&reference);
    return code;
}

// --- the card ------------------------------------------------------------------------------------

static int record(struct calibration *c, struct pipilo_error *err)
{
    struct plo_card_measured measured = {
        .worst_cosine = c->worst,
        .mean_cosine = c->sum / (double)c->pictures,
        .pictures = (int)c->pictures,
        .speed = c->speed,
    };
    c->accepted = strcmp(c->precision, "bf16") == 0 && plo_card_precision_good(&measured);
    if (!c->options->record || strcmp(c->precision, "bf16") != 0)
        return 0;
    struct plo_model_files files;
    PLO_TRY(plo_model_resolve(&files, c->model, err));
    files.card.bf16 = measured;
    int code = plo_card_write(&files.card, files.card_path, err);
    if (code == 0) {
        c->card_path = files.card_path;
        files.card_path = NULL;
    }
    plo_model_files_reset(&files);
    return code;
}

// Lays out the answer; run twice (see pack.h).
static void pack(struct plo_pack *pack, const struct calibration *c)
{
    struct pipilo_calibration *out = plo_pack_room(pack, sizeof *out);
    struct pipilo_calibration full = {
        .model = plo_pack_text(pack, c->model),
        .precision = plo_pack_text(pack, c->precision),
        .reference = plo_pack_text(pack, c->reference),
        .worst_cosine = c->worst,
        .mean_cosine = c->sum / (double)c->pictures,
        .worst = plo_pack_text(pack, c->worst_source),
        .reference_rate = c->reference_rate,
        .rate = c->rate,
        .speed = c->speed,
        .pictures = c->pictures,
        .failed = c->failed,
        .card = plo_pack_text(pack, c->card_path),
        .accepted = c->accepted,
    };
    if (out != NULL)
        *out = full;
}

int pipilo_model_calibrate(struct pipilo_calibration **out, const char *model,
                           const char *const *pictures, size_t count,
                           const struct pipilo_calibrate_options *options, struct pipilo_error *err)
{
    static const struct pipilo_calibrate_options defaults = PIPILO_CALIBRATE_OPTIONS_INIT;
    struct calibration c = { .options = options != NULL ? options : &defaults, .model = model };
    struct plo_pack room = { 0 };
    c.precision = c.options->precision != NULL ? c.options->precision : "bf16";
    c.reference = c.options->reference != NULL ? c.options->reference : model;
    if (strcmp(c.precision, "f32") != 0 && strcmp(c.precision, "bf16") != 0)
        return plo_fail(err, PIPILO_EINVALID, "f32 and bf16 can be measured, not '%s'",
                        c.precision);
    plo_process_prepare();
    int code = compare(&c, pictures, count, err);
    if (code == 0)
        code = measure_speed(&c, err);
    if (code == 0)
        code = record(&c, err);
    if (code == 0) {
        pack(&room, &c);
        code = plo_pack_begin(&room, err);
    }
    if (code == 0) {
        pack(&room, &c);
        *out = plo_pack_result(&room);
    }
    plo_free(c.worst_source);
    plo_free(c.card_path);
    return code;
}
