// models_calibrate.c: `pipilo models calibrate`: what a faster arithmetic costs and gives here.
#include <stdlib.h>

#include <pipilo/pipilo.h>

#include "calibrate.h"
#include "commands.h"
#include "drive.h"
#include "memory.h"
#include "progress.h"
#include "say.h"

static int on_picture(void *cookie, int64_t pictures)
{
    struct progress *progress = cookie;
    double now = progress_clock();
    if (!progress->quiet && now - progress->shown >= (progress->terminal ? 0.2 : 5)) {
        char *count = text_count(pictures, "picture"), *line = text_format("comparing: %s", count);
        progress->shown = now;
        if (progress->terminal)
            progress_note(progress, line);
        else
            say("%s", line);
        free(line);
        free(count);
    }
    return signals_caught();
}

static void print_json(const struct pipilo_calibration *result)
{
    bool first = true;
    putchar('{');
    put_member(stdout, &first, "model");
    put_json(stdout, result->model);
    put_member(stdout, &first, "precision");
    put_json(stdout, result->precision);
    put_member(stdout, &first, "reference");
    put_json(stdout, result->reference);
    printf(", \"worst_cosine\": %.9g, \"mean_cosine\": %.9g, \"worst\": ", result->worst_cosine,
           result->mean_cosine);
    put_json(stdout, result->worst);
    printf(", \"pictures\": %lld, \"failed\": %lld, \"reference_rate\": %.2f, \"rate\": %.2f, "
           "\"speed\": %.4f, \"accepted\": %s, \"card\": ",
           (long long)result->pictures, (long long)result->failed, result->reference_rate,
           result->rate, result->speed, result->accepted ? "true" : "false");
    put_json(stdout, result->card);
    puts("}");
}

static void print_result(const struct pipilo_calibration *result, bool other)
{
    char *count = text_count(result->pictures, "picture"), *worst = text_clean(result->worst);
    char *model = text_clean(result->model), *against = text_clean(result->reference);
    if (other)
        printf("%s at %s against %s at f32, over %s\n", model, result->precision, against, count);
    else
        printf("%s against f32 over %s\n", result->precision, count);
    printf("worst cosine %.5f   %s\n", result->worst_cosine, worst);
    printf("mean cosine  %.5f\n", result->mean_cosine);
    printf("inference    %.1f a second, %s %.1f: %.2f times as fast\n", result->rate,
           other ? against : "f32", result->reference_rate, result->speed);
    if (result->failed > 0)
        printf("left out     %lld that could not be read\n", (long long)result->failed);
    if (result->card != NULL) {
        char *card = text_clean(result->card);
        printf("\nrecorded in %s\n--precision auto %s\n", card,
               result->accepted ? "takes bf16 from now on"
                                : "stays at f32: the worst cosine must be 0.999 or more");
        free(card);
    }
    free(against);
    free(model);
    free(worst);
    free(count);
}

int calibrate(const char *model, char **pictures, int count,
              const struct calibrate_options *options)
{
    struct pipilo_calibrate_options how = PIPILO_CALIBRATE_OPTIONS_INIT;
    struct pipilo_calibration *result = NULL;
    struct pipilo_error err;
    struct progress progress;
    how.precision = options->precision;
    how.reference = options->reference;
    how.record = !options->dry && options->reference == NULL;
    how.progress = on_picture;
    how.cookie = &progress;
    signals_catch();
    progress_begin(&progress, options->quiet);
    int code = pipilo_model_calibrate(&result, model, (const char *const *)pictures, (size_t)count,
                                      &how, &err);
    progress_clear(&progress);
    if (code < 0)
        return say_error(&err);
    if (options->json)
        print_json(result);
    else
        print_result(result, options->reference != NULL);
    pipilo_free(result);
    return 0;
}

static int run_calibrate(const void *stored, char **operands, int count)
{
    int status = memory_from_environment("models calibrate");
    return status != 0 ? status : calibrate(operands[0], operands + 1, count - 1, stored);
}

#define AT(member) offsetof(struct calibrate_options, member)

static const struct option_row rows[] = {
    { 0, "precision", "WHICH", OPTION_CHOICE, AT(precision), .choices = "f32|bf16",
      .fallback = "bf16", .help = "the arithmetic that is measured against f32" },
    { 0, "reference", "MODEL", OPTION_MODEL, AT(reference),
      .help = "compare with this model's f32 vectors instead (for a quantized copy: the original); "
              "the card is then left as it is" },
    { 0, "dry-run", NULL, OPTION_FLAG, AT(dry), .help = "measure, and leave the card as it is" },
    { 0, "json", NULL, OPTION_FLAG, AT(json), .help = "print JSON" },
    { 'q', "quiet", NULL, OPTION_FLAG, AT(quiet), .help = "say nothing while it works" },
    { 0 },
};

#undef AT

const struct command models_calibrate_command = {
    .name = "models calibrate",
    .operands = "MODEL PICTURE...",
    .summary = "measure a faster arithmetic against f32 and record it",
    .text = "Embeds the pictures (files, folders, archives) at f32 and at another precision, "
            "compares vector by vector, times inference alone in turn, and writes worst and mean "
            "cosine and the speed into the model's card. `--precision auto` takes bf16 where the "
            "card has a worst cosine of at least 0.999. Take some hundred pictures of the kind the "
            "model will see.",
    .examples = "  pipilo models calibrate efficientnet-lite0 photos/\n"
                "  pipilo models calibrate mine-int8 photos/ --precision f32 --reference mine\n",
    .options = rows,
    .operand = OPERAND_MODEL,
    .least = 2,
    .most = -1,
    .size = sizeof(struct calibrate_options),
    .run = run_calibrate,
};
