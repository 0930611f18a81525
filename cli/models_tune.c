// models_tune.c: `pipilo models tune`: the fastest layout of a model on this machine.
#include <stdlib.h>

#include <pipilo/pipilo.h>

#include "commands.h"
#include "drive.h"
#include "memory.h"
#include "progress.h"
#include "say.h"

struct tune_options {
    const char *precision;
    bool forget, dry, json, quiet;
};

static int on_layout(void *cookie, size_t tried, size_t all)
{
    struct progress *progress = cookie;
    if (progress->terminal && !progress->quiet) {
        char *line = text_format("tried %zu of %zu layouts", tried, all);
        progress_note(progress, line);
        free(line);
    }
    return signals_caught();
}

static void print_json(const struct pipilo_tuning *tuning)
{
    bool first = true;
    putchar('{');
    put_member(stdout, &first, "model");
    put_json(stdout, tuning->model);
    put_member(stdout, &first, "precision");
    put_json(stdout, tuning->precision);
    printf(", \"recorded\": %s, \"chosen\": %zu, \"layouts\": [",
           tuning->recorded ? "true" : "false", tuning->chosen);
    for (size_t i = 0; i < tuning->count; i++) {
        const struct pipilo_tuned_layout *layout = &tuning->layouts[i];
        printf("%s{\"streams\": %d, \"threads\": %d, \"batch\": %zu, \"rate\": %.2f, "
               "\"speed\": %.4f, \"same\": %s}",
               i > 0 ? ",\n " : "", layout->streams, layout->threads, layout->batch, layout->rate,
               layout->speed, layout->same ? "true" : "false");
    }
    puts("]}");
}

static void print_tuning(const struct pipilo_tuning *tuning)
{
    puts("streams  threads  batch  pictures/s   speed");
    for (size_t i = 0; i < tuning->count; i++) {
        const struct pipilo_tuned_layout *layout = &tuning->layouts[i];
        printf("%7d  %7d  %5zu  %10.1f  %6.3f%s%s\n", layout->streams, layout->threads,
               layout->batch, layout->rate, layout->speed, i == 0 ? "  usual" : "",
               layout->same ? "" : "  other last bits: not taken");
    }
    const struct pipilo_tuned_layout *best = &tuning->layouts[tuning->chosen];
    if (tuning->chosen == 0)
        puts("\nThe usual layout is the best, or nearly so.");
    else
        printf("\nThe best: streams %d, threads %d, batch %zu; the vectors stay the same%s.\n",
               best->streams, best->threads, best->batch,
               tuning->recorded ? ". It is used from now on" : "");
}

static int run_tune(const void *stored, char **operands, int count)
{
    (void)count;
    const struct tune_options *options = stored;
    struct pipilo_tune_options how = PIPILO_TUNE_OPTIONS_INIT;
    struct pipilo_tuning *tuning = NULL;
    struct pipilo_error err;
    struct progress progress;
    if (options->forget && (options->dry || options->json))
        return say_usage("models tune", "--forget goes with neither --dry-run nor --json");
    int status = memory_from_environment("models tune");
    if (status != 0)
        return status;
    if (options->forget)
        return pipilo_model_untune(operands[0], options->precision, &err) < 0 ? say_error(&err) : 0;
    how.precision = options->precision;
    how.record = !options->dry;
    how.progress = on_layout;
    how.cookie = &progress;
    signals_catch();
    progress_begin(&progress, options->quiet);
    int code = pipilo_model_tune(&tuning, operands[0], &how, &err);
    progress_clear(&progress);
    if (code < 0)
        return say_error(&err);
    if (options->json)
        print_json(tuning);
    else
        print_tuning(tuning);
    pipilo_free(tuning);
    return 0;
}

#define AT(member) offsetof(struct tune_options, member)

static const struct option_row rows[] = {
    { 0, "precision", "WHICH", OPTION_CHOICE, AT(precision), .choices = "f32|bf16|auto",
      .fallback = "f32", .help = "the arithmetic it is tuned for" },
    { 0, "dry-run", NULL, OPTION_FLAG, AT(dry), .help = "measure, and record nothing" },
    { 0, "forget", NULL, OPTION_FLAG, AT(forget), .help = "go back to the usual layout" },
    { 0, "json", NULL, OPTION_FLAG, AT(json), .help = "print JSON" },
    { 'q', "quiet", NULL, OPTION_FLAG, AT(quiet), .help = "say nothing while it works" },
    { 0 },
};

#undef AT

const struct command models_tune_command = {
    .name = "models tune",
    .operands = "MODEL",
    .summary = "find how a model is best laid out over the cores of this machine",
    .text = "Times inference alone with several numbers of streams, threads and pictures at once, "
            "each in turns with the usual layout, for about half a minute. The fastest is "
            "recorded in the cache folder and used from now on where --threads and --batch are not "
            "given. One is taken only where its vectors are the same to the last bit, and where it "
            "is 2 % faster. Let nothing else run meanwhile.",
    .options = rows,
    .operand = OPERAND_MODEL,
    .least = 1,
    .most = 1,
    .size = sizeof(struct tune_options),
    .run = run_tune,
};
