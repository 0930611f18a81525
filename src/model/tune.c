// tune.c: each layout in turn with the usual one, so that what the machine does besides hits both
// (see tune.h).
#include "model/tune.h"

#include <string.h>

#include "base/alloc.h"
#include "base/cores.h"
#include "core/fail.h"
#include "model/rate.h"

enum { ROUNDS = 3, CHECKED_ROWS = 9 };

static const double round_seconds = 0.4, worth = 1.02;

static int open_as(struct plo_model **out, const char *spec,
                   const struct plo_model_options *options, const struct plo_model_layout *layout,
                   struct pipilo_error *err)
{
    struct plo_model_options own = *options;
    own.streams = layout->streams;
    own.threads = layout->threads;
    own.batch = layout->batch;
    own.fresh = true;
    return plo_model_open(out, spec, &own, err);
}

// The vectors of some made-up rows; the caller frees them.
static int vectors_of(float **out, struct plo_model *model, struct pipilo_error *err)
{
    size_t input_size = CHECKED_ROWS * plo_model_input_floats(model) * sizeof(float);
    float *input = plo_alloc_aligned(input_size);
    float *output = plo_alloc0(CHECKED_ROWS * plo_model_dim(model), sizeof *output);
    int code = input != NULL && output != NULL ? 0 : plo_fail_nomem(err, input_size);
    if (code == 0) {
        plo_model_fill(model, input, CHECKED_ROWS);
        code = plo_model_embed(model, input, CHECKED_ROWS, output, err);
    }
    plo_free(input);
    if (code == 0)
        *out = output;
    else
        plo_free(output);
    return code;
}

static int time_pair(struct plo_tune_try *try, struct plo_model *usual, struct plo_model *model,
                     struct pipilo_error *err)
{
    double rates[ROUNDS], ratios[ROUNDS], before, after;
    PLO_TRY(plo_model_rate(model, round_seconds / 4, &after, err)); // warms up
    for (int i = 0; i < ROUNDS; i++) {
        PLO_TRY(plo_model_rate(usual, round_seconds, &before, err));
        PLO_TRY(plo_model_rate(model, round_seconds, &after, err));
        rates[i] = after;
        ratios[i] = before > 0 ? after / before : 0;
    }
    try->rate = plo_median(rates, ROUNDS);
    try->speed = plo_median(ratios, ROUNDS);
    return 0;
}

static int try_one(struct plo_tune_try *try, const char *spec,
                   const struct plo_model_options *options, struct plo_model *usual,
                   const float *wanted, struct pipilo_error *err)
{
    struct plo_model *model = NULL;
    float *vectors = NULL;
    PLO_TRY(open_as(&model, spec, options, &try->layout, err));
    int code = vectors_of(&vectors, model, err);
    if (code == 0) {
        try->same =
            memcmp(vectors, wanted, CHECKED_ROWS * plo_model_dim(model) * sizeof *vectors) == 0;
        code = time_pair(try, usual, model, err);
    }
    plo_free(vectors);
    plo_model_unref(&model);
    plo_model_cache_drop();
    return code;
}

static void add(struct plo_tuning *tuning, int streams, int threads, size_t batch)
{
    for (size_t i = 0; i < tuning->count; i++) {
        const struct plo_model_layout *have = &tuning->tries[i].layout;
        if (have->streams == streams && have->threads == threads && have->batch == batch)
            return;
    }
    if (tuning->count < PLO_TUNE_MOST)
        tuning->tries[tuning->count++].layout =
            (struct plo_model_layout){ streams, threads, batch };
}

static void choose_tries(struct plo_tuning *tuning, enum plo_precision precision)
{
    int cores = plo_cores();
    struct plo_model_layout usual = plo_layout_usual(precision, cores);
    add(tuning, usual.streams, usual.threads, usual.batch);
    for (size_t batch = 1; batch <= 8; batch *= 2)
        add(tuning, cores, cores, batch);
    add(tuning, 1, cores, 1);
    add(tuning, 1, cores, 4);
    if (cores > 3)
        add(tuning, cores / 2, cores, 1);
}

static int try_all(struct plo_tuning *tuning, const char *spec,
                   const struct plo_model_options *options, struct plo_model *usual,
                   const float *wanted, int (*progress)(void *cookie, size_t tried, size_t all),
                   void *cookie, struct pipilo_error *err)
{
    struct plo_tune_try *first = &tuning->tries[0];
    first->same = true;
    first->speed = 1;
    PLO_TRY(plo_model_rate(usual, round_seconds, &first->rate, err));
    for (size_t i = 1; i < tuning->count; i++) {
        struct plo_tune_try *try = &tuning->tries[i];
        PLO_TRY(try_one(try, spec, options, usual, wanted, err));
        double best = tuning->best > 0 ? tuning->tries[tuning->best].speed : worth;
        if (try->same && try->speed > best)
            tuning->best = i;
        if (progress != NULL && progress(cookie, i + 1, tuning->count) != 0)
            return plo_fail(err, PIPILO_ECANCELED, "stopped");
    }
    return 0;
}

int plo_model_tune(struct plo_tuning *out, const char *spec,
                   const struct plo_model_options *options,
                   int (*progress)(void *cookie, size_t tried, size_t all), void *cookie,
                   struct pipilo_error *err)
{
    struct plo_model *described = NULL, *usual = NULL;
    float *wanted = NULL;
    *out = (struct plo_tuning){ 0 };
    PLO_TRY(plo_model_describe(&described, spec, options, err));
    out->key = plo_model_layout_key(described);
    choose_tries(out, plo_model_precision(described));
    plo_model_unref(&described);
    int code = out->key != NULL ? 0 : plo_fail_nomem(err, 0);
    if (code == 0)
        code = open_as(&usual, spec, options, &out->tries[0].layout, err);
    if (code == 0)
        code = vectors_of(&wanted, usual, err);
    if (code == 0)
        code = try_all(out, spec, options, usual, wanted, progress, cookie, err);
    plo_free(wanted);
    plo_model_unref(&usual);
    if (code < 0) {
        plo_free(out->key);
        out->key = NULL;
    }
    return code;
}
