// bench.c: `pipilo bench`: the parts alone and the whole, in turn, round after round.
//
// What a machine does at once differs from what it does a minute later; so everything is measured
// once a round, one after the other, and a round in which other programs took more than a little is
// measured again. The calmest rounds are kept.
#include "bench.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "drive.h"
#include "memory.h"
#include "progress.h"
#include "say.h"

enum {
    END_TIMES = 4,     // as long as a part: its beginning and end, where a core is idle, count less
    END_MOST = 100000, // pictures
    END_LEAST = 8,     // pictures a thread
};

static bool go_on(void *cookie)
{
    (void)cookie;
    return !signals_caught();
}

// --- what is measured ----------------------------------------------------------------------------

static struct bench_figure *add(struct bench_job *job, const char *name,
                                enum pipilo_bench_what what)
{
    struct bench_figure *figure = &job->figures[job->figure_count++];
    *figure = (struct bench_figure){ .name = name,
                                     .task = PIPILO_BENCH_TASK_INIT,
                                     .last = PIPILO_BENCH_RESULT_INIT };
    figure->task.what = what;
    figure->task.seconds = (double)job->options->milliseconds / 1e3;
    figure->task.threads = (unsigned)job->threads;
    figure->task.go_on = go_on;
    return figure;
}

static void add_inference(struct bench_job *job, const char *precision, unsigned streams)
{
    struct bench_figure *figure = add(job, "inference", PIPILO_BENCH_INFERENCE);
    figure->task.threads = (unsigned)job->options->threads;
    figure->task.precision = precision;
    figure->task.streams = streams;
}

static void add_figures(struct bench_job *job)
{
    static const char *const precisions[] = { "f32", "bf16" };
    const char *own = job->options->precision;
    bool bf16 = pipilo_bench_info(job->bench)->bf16;
    add(job, "peak", PIPILO_BENCH_PEAK);
    add(job, "read", PIPILO_BENCH_READ);
    add(job, "decode", PIPILO_BENCH_DECODE);
    add(job, "resize", PIPILO_BENCH_RESIZE);
    add(job, "tensor", PIPILO_BENCH_TENSOR);
    add(job, "rows", PIPILO_BENCH_ROWS);
    add_inference(job, own, 0);
    if (job->threads > 1)
        add_inference(job, own, 1);
    for (size_t i = 0; i < sizeof precisions / sizeof precisions[0]; i++) {
        if (strcmp(precisions[i], own) == 0 || (strcmp(precisions[i], "bf16") == 0 && !bf16))
            continue;
        add_inference(job, precisions[i], 0);
        if (job->threads > 1)
            add_inference(job, precisions[i], 1);
    }
}

// --- rounds --------------------------------------------------------------------------------------

double bench_ceiling(const struct bench_job *job, int round)
{
    return 1 / (1 / job->figures[BENCH_INFERENCE].rates[round] +
                1 / job->figures[BENCH_TENSOR].rates[round]);
}

static int measure(struct bench_job *job, struct bench_figure *figure, int round,
                   struct pipilo_error *err)
{
    struct pipilo_bench_result *last = &figure->last;
    int result = pipilo_bench_measure(last, job->bench, &figure->task, err);
    if (result < 0)
        return result;
    if (last->count == 0 || !(last->rate > 0))
        return fail(err, PIPILO_ETIMEOUT, "nothing was done in the time: give more --milliseconds");
    figure->rates[round] = last->rate;
    figure->processor[round] = last->processor_seconds / (double)last->count * 1e3;
    return 0;
}

// How many pictures take END_TIMES as long as a part does, each as often as the others.
static int64_t end_count(const struct bench_job *job, int round)
{
    double wanted =
        bench_ceiling(job, round) * END_TIMES * (double)job->options->milliseconds / 1e3;
    int64_t pictures = (int64_t)pipilo_bench_info(job->bench)->picture_count;
    double least = (double)job->threads * END_LEAST;
    wanted = wanted < least ? least : wanted < END_MOST ? wanted : END_MOST;
    return ((int64_t)wanted + pictures - 1) / pictures * pictures;
}

static int one_round(struct bench_job *job, struct progress *progress, int round,
                     struct pipilo_error *err)
{
    struct machine_times before, after;
    machine_look(&before);
    for (size_t i = 0; i < job->figure_count; i++) {
        char *note = text_format("round %d: %s", round + 1, job->figures[i].name);
        progress_note(progress, note);
        free(note);
        int result = measure(job, &job->figures[i], round, err);
        if (result < 0)
            return result;
    }
    progress_note(progress, "end to end");
    int result = bench_end_to_end(&job->ends[round], job, end_count(job, round), err);
    machine_look(&after);
    job->others[round] = machine_others(&before, &after);
    return result;
}

static void move_round(struct bench_job *job, int from, int to)
{
    for (size_t i = 0; i < job->figure_count; i++) {
        job->figures[i].rates[to] = job->figures[i].rates[from];
        job->figures[i].processor[to] = job->figures[i].processor[from];
    }
    job->ends[to] = job->ends[from];
    job->others[to] = job->others[from];
}

// Drops the round in which others took most.
static void drop_worst(struct bench_job *job)
{
    int worst = 0;
    for (int i = 1; i < job->rounds; i++)
        if (job->others[i] > job->others[worst])
            worst = i;
    move_round(job, --job->rounds, worst);
}

static int all_rounds(struct bench_job *job, struct progress *progress, struct pipilo_error *err)
{
    const int wanted = (int)job->options->rounds;
    int calm = 0;
    while (calm < wanted && job->rounds < wanted * BENCH_PATIENCE) {
        int result = one_round(job, progress, job->rounds, err);
        if (result < 0)
            return result;
        calm += job->others[job->rounds++] <= BENCH_CALM;
    }
    while (job->rounds > wanted)
        drop_worst(job);
    return 0;
}

// --- the command ---------------------------------------------------------------------------------

// The first model that is there, where none is named; the caller frees it. NULL after a message.
static char *usual_model(void)
{
    struct pipilo_model_list *list = NULL;
    struct pipilo_error err;
    char *found = NULL;
    if (pipilo_models_list(&list, NULL, &err) < 0) {
        say_error(&err);
        return NULL;
    }
    for (size_t i = 0; i < list->count && found == NULL; i++)
        if (list->entries[i].path != NULL && list->entries[i].error == NULL)
            found = must(strdup(list->entries[i].name));
    pipilo_free(list);
    if (found == NULL)
        say("there is no model to measure: name one (`pipilo bench MODEL`), or fetch one "
            "(`pipilo models`)");
    return found;
}

static int open_bench(struct bench_job *job, char **inputs, size_t count, struct pipilo_error *err)
{
    struct pipilo_bench_options options = PIPILO_BENCH_OPTIONS_INIT;
    options.model = job->model;
    options.device = job->options->device;
    options.fast = job->options->fast;
    options.inputs = (const char *const *)inputs;
    options.input_count = count;
    options.pictures = (size_t)job->options->pictures;
    int result = pipilo_set_threads((unsigned)job->options->threads, err);
    if (result == 0)
        result = pipilo_bench_open(&job->bench, &options, err);
    if (result == 0)
        job->threads = job->options->threads > 0 ? (int)job->options->threads
                                                 : pipilo_bench_info(job->bench)->cores;
    return result;
}

static int bench(struct bench_job *job, char **inputs, size_t count)
{
    struct progress progress;
    struct pipilo_error err;
    progress_begin(&progress, job->options->quiet);
    progress_note(&progress, "reading the pictures");
    int result = open_bench(job, inputs, count, &err);
    if (result == 0) {
        add_figures(job);
        result = all_rounds(job, &progress, &err);
    }
    progress_clear(&progress);
    if (result == 0 && job->options->json)
        bench_json(job);
    else if (result == 0)
        bench_table(job);
    pipilo_bench_close(&job->bench);
    if (result == PIPILO_ECANCELED && signals_caught()) {
        say("stopped; nothing is left behind");
        return pipilo_error_exit_status(PIPILO_ECANCELED);
    }
    return result < 0 ? say_error(&err) : 0;
}

static int run_bench(const void *stored, char **operands, int count)
{
    int status = memory_from_environment("bench");
    if (status != 0)
        return status;
    char *model = count > 0 ? must(strdup(operands[0])) : usual_model();
    if (model == NULL)
        return EXIT_NOT_FOUND;
    struct bench_job *job = must(calloc(1, sizeof *job));
    job->options = stored;
    job->model = model;
    signals_catch();
    status = bench(job, operands + 1, count > 1 ? (size_t)count - 1 : 0);
    free(job);
    free(model);
    return status;
}

#define AT(member) offsetof(struct bench_options, member)

static const struct option_row rows[] = {
    { 0, "precision", "WHICH", OPTION_CHOICE, AT(precision), .choices = "f32|bf16|auto",
      .fallback = "f32",
      .help = "the arithmetic of the whole; inference alone is measured in each" },
    { 0, "threads", "N", OPTION_INT, AT(threads), .fallback = "0", .max = 1024,
      .help = "threads to work with; 0: one for each processor core" },
    { 0, "rounds", "N", OPTION_INT, AT(rounds), .fallback = "5", .min = 1, .max = BENCH_ROUNDS,
      .help = "how often everything is measured; the table has the medians" },
    { 0, "milliseconds", "N", OPTION_INT, AT(milliseconds), .fallback = "1000", .min = 20,
      .max = 600000,
      .help = "how long each part is measured in a round, at least; the whole takes four times" },
    { 0, "pictures", "N", OPTION_INT, AT(pictures), .fallback = "200", .min = 1, .max = 1000000,
      .help = "how many of FOLDER's pictures to take, the first ones" },
    { 0, "fast", NULL, OPTION_FLAG, AT(fast), .help = "decode JPEG and WebP at a reduced size" },
    { 0, "device", "DEVICE", OPTION_STRING, AT(device),
      .help = "what the engine works on, such as CPU or GPU" },
    { 'q', "quiet", NULL, OPTION_FLAG, AT(quiet), .help = "do not show how far it is" },
    { 0, "json", NULL, OPTION_FLAG, AT(json), .help = "print one JSON object, every round in it" },
    { 0 },
};

const struct command bench_command = {
    .name = "bench",
    .operands = "[MODEL] [FOLDER...]",
    .summary = "measure how fast this machine is, and what is lost",
    .text =
        "Measures the parts alone, each with all threads (reading, decoding and resizing pictures, "
        "inference in each precision with one stream a thread and with one for all, rows written, "
        "the CPU's multiply-adds), then the whole, from the files to the rows; one after the "
        "other, round after round.\n\n"
        "The ceiling is 1 / (1 / inference + 1 / decoding and resizing): what the same cores could "
        "do if nothing else cost anything. The table tells the share of it that is reached and "
        "where the rest goes.\n\n"
        "Without MODEL it takes the first one that is installed, without FOLDER it makes up "
        "pictures of 500 x 375. Rates are too low while other programs work: how much they took is "
        "told, and rounds in which it was more than 5 % are measured again.",
    .examples = "  pipilo bench\n"
                "  pipilo bench efficientnet-lite0 photos/\n"
                "  pipilo bench MODEL photos/ --json | jq .share_by_processor_time\n"
                "  pipilo bench MODEL --threads 1                  # what one core does\n",
    .options = rows,
    .operand = OPERAND_MODEL,
    .most = -1,
    .size = sizeof(struct bench_options),
    .run = run_bench,
};
