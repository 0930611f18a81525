// soak.c: `pipilo soak`: whether anything grows when this library works for long.
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pipilo/pipilo.h>

#include "../commands.h"
#include "../drive.h"
#include "../memory.h"
#include "../say.h"
#include "report.h"

struct soak_options {
    struct memory_options memory;
    const char *what, *model, *plot;
    int64_t minutes, items, threads;
    bool quiet, json;
};

// Which kinds of work, and for each of them how long.
struct plan {
    const struct soak_options *options;
    char *folder;
    int kinds;
    bool plot_made; // an empty file, so far
    struct report report;
};

static bool wanted(const struct soak_options *options, const struct work_kind *kind)
{
    return strcmp(options->what, "all") == 0 || strcmp(options->what, kind->name) == 0;
}

static int64_t items_of(const struct plan *plan, const struct work_kind *kind)
{
    int64_t items = plan->options->items;
    if (items == 0)
        return INT64_MAX;
    return plan->kinds == 1 ? items : (items + kind->share - 1) / kind->share;
}

static double minutes_of(const struct plan *plan)
{
    const struct soak_options *options = plan->options;
    if (options->minutes == 0 && options->items > 0)
        return INFINITY;
    return (double)(options->minutes > 0 ? options->minutes : 1) / plan->kinds;
}

static void judge(struct plan *plan, struct phase *phase)
{
    for (int series = 0; series < SOAK_SERIES; series++) {
        struct finding *finding = &phase->findings[series];
        looks_judge(finding, &phase->work.looks, series, phase->kind->limit,
                    SOAK_SERIES * plan->kinds);
        plan->report.grows = plan->report.grows || finding->verdict == SOAK_GROWS;
    }
    plan->report.wrong += phase->work.wrong;
}

static int run_phase(struct plan *plan, const struct work_kind *kind, struct pipilo_error *err)
{
    struct phase *phase = must(calloc(1, sizeof *phase));
    plan->report.phases[plan->report.phase_count++] = phase;
    phase->kind = kind;
    phase->work.model = plan->options->model;
    phase->work.folder = plan->folder;
    phase->work.items = items_of(plan, kind);
    phase->work.until = progress_clock() + 60 * minutes_of(plan);
    progress_begin(&phase->work.progress, plan->options->quiet);
    int result = work_run(&phase->work, kind, err);
    // What one phase leaves idle is not the next one's.
    pipilo_trim();
    judge(plan, phase);
    return result;
}

static int run_phases(struct plan *plan, struct pipilo_error *err)
{
    int result = pipilo_set_threads((unsigned)plan->options->threads, err);
    if (result == 0)
        result = work_begin(&plan->folder, err);
    for (int i = 0; i < WORK_KINDS && result == 0; i++)
        if (wanted(plan->options, &work_kinds[i]))
            result = run_phase(plan, &work_kinds[i], err);
    work_end(plan->folder);
    return result;
}

static int fail_plot(const char *path)
{
    say("%s: %s", path, strerror(errno));
    return pipilo_error_exit_status(PIPILO_EIO);
}

// Whether the plot can be written is told before the work, which may take hours. One that is there
// stays until there is another.
static int try_plot(struct plan *plan)
{
    const char *path = plan->options->plot;
    if (path == NULL)
        return 0;
    struct stat status;
    plan->plot_made = lstat(path, &status) < 0;
    FILE *file = fopen(path, "ae");
    if (file == NULL)
        return fail_plot(path);
    fclose(file);
    return 0;
}

static void drop_plot(const struct plan *plan)
{
    if (plan->plot_made)
        unlink(plan->options->plot);
}

static int write_plot(const struct plan *plan)
{
    const char *path = plan->options->plot;
    FILE *file = path != NULL ? fopen(path, "we") : NULL;
    if (path == NULL)
        return 0;
    if (file != NULL)
        report_plot(file, &plan->report);
    bool good = file != NULL && !ferror(file);
    if (file != NULL)
        good = fclose(file) == 0 && good;
    return good ? 0 : fail_plot(path);
}

// Closes the library and tells what was found; gives the exit status.
static int finish(struct plan *plan)
{
    struct pipilo_error err;
    struct pipilo_stats stats = { .struct_size = sizeof stats };
    char left[64] = "";
    if (pipilo_close(&err) < 0)
        plan->report.closing = err.message;
    pipilo_stats(&stats);
    if (plan->report.closing == NULL && stats.allocations + (int64_t)stats.budget_used > 0) {
        snprintf(left, sizeof left, "%lld blocks and %llu bytes of the budget are left",
                 (long long)stats.allocations, (unsigned long long)stats.budget_used);
        plan->report.closing = left;
    }
    if (plan->options->json)
        report_json(&plan->report);
    else
        report_print(&plan->report);
    int status = write_plot(plan);
    bool found = plan->report.grows || plan->report.wrong > 0 || plan->report.closing != NULL;
    return status != 0 ? status : found ? EXIT_ROWS : 0;
}

static int run_soak(const void *stored, char **operands, int count)
{
    (void)operands;
    (void)count;
    struct plan plan = { .options = stored };
    struct pipilo_error err;
    plan.report.model = plan.options->model;
    for (int i = 0; i < WORK_KINDS; i++)
        plan.kinds += wanted(plan.options, &work_kinds[i]);
    int status = memory_begin("soak", &plan.options->memory, plan.options->quiet);
    if (status == 0)
        status = try_plot(&plan);
    if (status != 0)
        return status;
    signals_catch();
    int result = run_phases(&plan, &err);
    if (result == PIPILO_ECANCELED && signals_caught()) {
        say("stopped; nothing is left behind");
        status = pipilo_error_exit_status(PIPILO_ECANCELED);
    } else {
        status = result < 0 ? say_error(&err) : finish(&plan);
    }
    if (result < 0)
        drop_plot(&plan);
    memory_say(NULL, NULL);
    for (int i = 0; i < plan.report.phase_count; i++)
        free(plan.report.phases[i]);
    return status;
}

#define AT(member) offsetof(struct soak_options, member)

static const struct option_row rows[] = {
    // Neither has a default that could be typed: 0 is what was not given.
    { 0, "minutes", "M", OPTION_INT, AT(minutes), .min = 1, .max = 100000,
      .help = "work for M minutes in all, a whole number (without it and --items: 1)" },
    { 0, "items", "N", OPTION_INT, AT(items), .min = 1, .max = INT64_C(1000000000000),
      .help = "do N pictures, a tenth as many pipelines and a hundredth as many models; with "
              "--what N of those" },
    { 0, "what", "WHICH", OPTION_CHOICE, AT(what), .choices = "all|pictures|pipelines|models",
      .fallback = "all", .help = "what to do over and over" },
    { 'm', "model", "MODEL", OPTION_MODEL, AT(model), .fallback = "null:64",
      .help = "the model to do it with" },
    { 0, "threads", "N", OPTION_INT, AT(threads), .fallback = "0", .max = 1024,
      .help = "threads to work with; 0: one for each processor core" },
    MEMORY_ROWS(struct soak_options),
    { 0, "plot", "FILE", OPTION_FILE, AT(plot),
      .help = "draw all of it to FILE, as SVG whatever it is called" },
    { 'q', "quiet", NULL, OPTION_FLAG, AT(quiet), .help = "do not show how far it is" },
    { 0, "json", NULL, OPTION_FLAG, AT(json), .help = "print one JSON object, every look in it" },
    { 0 },
};

const struct command soak_command = {
    .name = "soak",
    .operands = "",
    .summary = "work for long, and tell whether anything grows",
    .text =
        "Runs pictures through one pipeline, good and damaged ones, made in memory in many sizes; "
        "makes, runs and drops pipelines of many shapes; loads and drops the model. Over each it "
        "looks at anonymous memory, the heap in use, live blocks, descriptors and threads, up to "
        "2,000 times, and fits a line to each once a fifth of the steps is done.\n\n"
        "A slope is told with its interval of 95 % confidence. It is real (`grows`) where so much "
        "would be seen in less than one of 20 runs in which nothing grows, all series together, "
        "and it comes to more than free memory in pieces does: then, and where a picture did not "
        "become what it must or anything was left at the end, the exit status is 1. `flat` is "
        "what lies within 5 kB per 1,000 pictures or pipelines, or 1 kB a model; `unclear` wants "
        "a longer run.",
    .examples = "  pipilo soak                                     # a minute\n"
                "  pipilo soak --minutes 60 -m efficientnet-lite0 --plot soak.svg\n"
                "  pipilo soak --what models --items 2000 -m MODEL\n",
    .options = rows,
    .size = sizeof(struct soak_options),
    .run = run_soak,
};
