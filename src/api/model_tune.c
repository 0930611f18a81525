// model_tune.c: layouts tried and recorded (the public side is <pipilo/model_measure.h>).
#include <pipilo/model_measure.h>

#include "api/pack.h"
#include "core/fail.h"
#include "model/tune.h"
#include "ops/embedding.h"
#include "ops/process.h"

// Lays out the answer; run twice (see pack.h).
static void pack(struct plo_pack *pack, const char *model, const char *precision,
                 const struct plo_tuning *tuning, bool recorded)
{
    struct pipilo_tuning *out = plo_pack_room(pack, sizeof *out);
    struct pipilo_tuned_layout *layouts = plo_pack_room(pack, tuning->count * sizeof *layouts);
    struct pipilo_tuning full = {
        .model = plo_pack_text(pack, model),
        .precision = plo_pack_text(pack, precision),
        .count = tuning->count,
        .chosen = tuning->best,
        .layouts = layouts,
        .recorded = recorded,
    };
    for (size_t i = 0; layouts != NULL && i < tuning->count; i++) {
        const struct plo_tune_try *try = &tuning->tries[i];
        layouts[i] = (struct pipilo_tuned_layout){
            .streams = try->layout.streams,
            .threads = try->layout.threads,
            .batch = try->layout.batch,
            .rate = try->rate,
            .speed = try->speed,
            .same = try->same,
        };
    }
    if (out != NULL)
        *out = full;
}

static int options_of(struct plo_model_options *out, const char *precision,
                      struct pipilo_error *err)
{
    struct pipilo_model_settings settings = PIPILO_MODEL_SETTINGS_INIT;
    struct plo_embedding embedding;
    settings.precision = precision;
    plo_process_prepare();
    PLO_TRY(plo_embedding_of_settings(&embedding, &settings, err));
    *out = embedding.model;
    return 0;
}

// Where the usual layout is the best there is nothing to remember.
static int record(const struct plo_tuning *tuning, struct pipilo_error *err)
{
    const struct plo_model_layout *best = &tuning->tries[tuning->best].layout;
    return plo_layout_record(tuning->key, tuning->best > 0 ? best : NULL, err);
}

int pipilo_model_tune(struct pipilo_tuning **out, const char *model,
                      const struct pipilo_tune_options *options, struct pipilo_error *err)
{
    static const struct pipilo_tune_options defaults = PIPILO_TUNE_OPTIONS_INIT;
    struct plo_model_options how;
    struct plo_tuning tuning;
    struct plo_pack room = { 0 };
    if (options == NULL)
        options = &defaults;
    const char *precision = options->precision != NULL ? options->precision : "f32";
    PLO_TRY(options_of(&how, precision, err));
    PLO_TRY(plo_model_tune(&tuning, model, &how, options->progress, options->cookie, err));
    int code = options->record ? record(&tuning, err) : 0;
    if (code == 0) {
        pack(&room, model, precision, &tuning, options->record);
        code = plo_pack_begin(&room, err);
    }
    if (code == 0) {
        pack(&room, model, precision, &tuning, options->record);
        *out = plo_pack_result(&room);
    }
    plo_free(tuning.key);
    return code;
}

int pipilo_model_untune(const char *model, const char *precision, struct pipilo_error *err)
{
    struct plo_model_options how;
    struct plo_model *described = NULL;
    PLO_TRY(options_of(&how, precision, err));
    PLO_TRY(plo_model_describe(&described, model, &how, err));
    char *key = plo_model_layout_key(described);
    plo_model_unref(&described);
    int code = key != NULL ? plo_layout_record(key, NULL, err) : plo_fail_nomem(err, 0);
    plo_free(key);
    return code;
}
