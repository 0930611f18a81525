// bench_report.c: what `pipilo bench` found, as a table and as JSON. Figures are medians over the
// rounds; in brackets the lowest and the highest.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "say.h"

// --- medians -------------------------------------------------------------------------------------

struct spread {
    double median, lowest, highest;
};

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct spread spread_of(const double *values, int count)
{
    double sorted[BENCH_ROUNDS * BENCH_PATIENCE];
    memcpy(sorted, values, (size_t)count * sizeof *values);
    qsort(sorted, (size_t)count, sizeof *sorted, by_size);
    return (struct spread){ (sorted[(count - 1) / 2] + sorted[count / 2]) / 2, sorted[0],
                            sorted[count - 1] };
}

// Of what `of` gives for each round.
static struct spread over_rounds(const struct bench_job *job,
                                 double (*of)(const struct bench_job *job, int round))
{
    double values[BENCH_ROUNDS * BENCH_PATIENCE];
    for (int i = 0; i < job->rounds; i++)
        values[i] = of(job, i);
    return spread_of(values, job->rounds);
}

static double end_rate(const struct bench_job *job, int round)
{
    return job->ends[round].rate;
}

static double end_processor(const struct bench_job *job, int round)
{
    return job->ends[round].processor;
}

static double end_waiting(const struct bench_job *job, int round)
{
    return job->ends[round].waiting;
}

static double share_by_rate(const struct bench_job *job, int round)
{
    return job->ends[round].rate / bench_ceiling(job, round);
}

static double share_by_processor(const struct bench_job *job, int round)
{
    return (job->figures[BENCH_INFERENCE].processor[round] +
            job->figures[BENCH_TENSOR].processor[round]) /
           job->ends[round].processor;
}

static double others(const struct bench_job *job, int round)
{
    return job->others[round];
}

// Of a core's time, over every whole run.
static double core_busy(const struct bench_job *job, int core)
{
    double sum = 0;
    for (int i = 0; i < job->rounds; i++)
        sum += machine_core(&job->ends[i].before, &job->ends[i].after, core);
    return sum / job->rounds;
}

// --- where a picture's time goes -----------------------------------------------------------------

enum { STAGES = 7 };

struct stage {
    const char *name;  // in JSON
    const char *label; // in the table
    double ms;         // of processor a picture; waiting: of a thread
};

static double processor_of(const struct bench_job *job, int figure)
{
    return spread_of(job->figures[figure].processor, job->rounds).median;
}

// Decoding is what the whole way to the model's input takes without the reading and resizing: less
// than to all pixels where not all are needed.
static void find_stages(const struct bench_job *job, struct stage stages[STAGES])
{
    double read = processor_of(job, BENCH_READ), resize = processor_of(job, BENCH_RESIZE);
    double tensor = processor_of(job, BENCH_TENSOR), rows = processor_of(job, BENCH_ROWS);
    double inference = processor_of(job, BENCH_INFERENCE);
    double whole = over_rounds(job, end_processor).median;
    const struct stage found[STAGES] = {
        { "read", "reading the file", read },
        { "decode", "decoding", tensor - read - resize },
        { "resize", "resizing and normalising", resize },
        { "inference", "inference", inference },
        { "rows", "writing the row", rows },
        { "rest", "everything else", whole - tensor - inference - rows },
        { "waiting", "no work, or no core", over_rounds(job, end_waiting).median },
    };
    memcpy(stages, found, sizeof found);
}

// --- the table -----------------------------------------------------------------------------------

static char *label_of(const struct bench_figure *figure)
{
    static const char *const labels[] = {
        [BENCH_PEAK] = "multiply-adds, GFLOP/s", [BENCH_READ] = "reading",
        [BENCH_DECODE] = "decoding, all pixels", [BENCH_RESIZE] = "resizing and normalising",
        [BENCH_TENSOR] = "decoding + resizing",  [BENCH_ROWS] = "rows written, one thread",
    };
    if (figure->task.what != PIPILO_BENCH_INFERENCE)
        return must(
            strdup(labels[figure->task.what == PIPILO_BENCH_ROWS ? (int)BENCH_ROWS
                                                                 : (int)figure->task.what]));
    return text_format("inference, %s, %u stream%s", figure->last.precision, figure->last.streams,
                       figure->last.streams == 1 ? "" : "s");
}

static void print_spread(const char *label, struct spread rate, double ms)
{
    int digits = rate.median < 10 ? 3 : rate.median < 1000 ? 1 : 0;
    printf("%-28s %10.*f  (%.*f .. %.*f)", label, digits, rate.median, digits, rate.lowest, digits,
           rate.highest);
    if (ms > 0)
        printf("  %.*f ms", ms < 1 ? 3 : 2, ms);
    putchar('\n');
}

static void print_figures(const struct bench_job *job)
{
    printf("%-28s %10s  (lowest .. highest)  processor each\n", "", "a second");
    for (size_t i = 0; i < job->figure_count; i++) {
        const struct bench_figure *figure = &job->figures[i];
        struct spread rate = spread_of(figure->rates, job->rounds);
        char *label = label_of(figure);
        if (i == BENCH_PEAK)
            print_spread(
                label, (struct spread){ rate.median / 1e9, rate.lowest / 1e9, rate.highest / 1e9 },
                0);
        else
            print_spread(label, rate, spread_of(figure->processor, job->rounds).median);
        free(label);
    }
    print_spread("the ceiling", over_rounds(job, bench_ceiling), 0);
    print_spread("end to end", over_rounds(job, end_rate), over_rounds(job, end_processor).median);
}

static void print_head(const struct bench_job *job)
{
    const struct pipilo_bench_info *info = pipilo_bench_info(job->bench);
    char *model = text_clean(info->model), *cpu = text_clean(info->cpu);
    char *pictures = text_count((int64_t)info->picture_count, "picture");
    printf("%s, %d core%s, %s\n", *cpu != '\0' ? cpu : "an unnamed processor", info->cores,
           info->cores == 1 ? "" : "s", info->vectors);
    printf("%s, %s: %u x %u pixels to %zu values; %d thread%s\n", model,
           job->figures[BENCH_INFERENCE].last.precision, info->width, info->height, info->dim,
           job->threads, job->threads == 1 ? "" : "s");
    printf("%s%s, %s and %.2f megapixels each", pictures, info->made_up ? ", made up" : "",
           text_size(info->bytes / info->picture_count).text,
           (double)info->pixels / (double)info->picture_count / 1e6);
    if (info->unreadable > 0)
        printf("; %zu more cannot be read", info->unreadable);
    printf("\nmedian of %d round%s\n\n", job->rounds, job->rounds == 1 ? "" : "s");
    free(pictures);
    free(model);
    free(cpu);
}

static void print_stages(const struct bench_job *job)
{
    struct stage stages[STAGES];
    double sum = 0;
    find_stages(job, stages);
    for (int i = 0; i < STAGES; i++)
        sum += stages[i].ms;
    puts("\nwhere a picture's time goes, of all threads");
    for (int i = 0; i < STAGES; i++)
        printf("  %-26s %8.3f ms  %5.1f %%\n", stages[i].label, stages[i].ms,
               stages[i].ms / sum * 100);
}

static void print_cores(const struct bench_job *job)
{
    int cores = job->ends[0].after.cores;
    fputs("\ncores at work end to end:", stdout);
    for (int i = 0; i < cores; i++)
        printf("%s%d: %.0f %%", i == 0 ? " " : ", ", i, core_busy(job, i) * 100);
    double taken = over_rounds(job, others).median;
    printf("\nother programs: %.1f %% of the cores\n", taken * 100);
    if (taken > BENCH_CALM)
        puts("They were at work all the time: the rates are too low, and shift.");
}

void bench_table(const struct bench_job *job)
{
    print_head(job);
    print_figures(job);
    struct spread rate = over_rounds(job, share_by_rate);
    struct spread processor = over_rounds(job, share_by_processor);
    printf("\nshare of the ceiling: %.3f by rate (%.3f .. %.3f), %.3f by processor time "
           "(%.3f .. %.3f)\n",
           rate.median, rate.lowest, rate.highest, processor.median, processor.lowest,
           processor.highest);
    print_stages(job);
    print_cores(job);
}

// --- JSON ----------------------------------------------------------------------------------------

static void json_number(double value)
{
    // JSON has no other numbers.
    if (isfinite(value))
        printf("%.6g", value);
    else
        fputs("null", stdout);
}

static void json_member(bool *first, const char *name, double value)
{
    put_member(stdout, first, name);
    json_number(value);
}

static void json_list(const char *name, const double *values, int count)
{
    printf(", \"%s\": [", name);
    for (int i = 0; i < count; i++) {
        fputs(i > 0 ? ", " : "", stdout);
        json_number(values[i]);
    }
    putchar(']');
}

static void json_figure(const struct bench_job *job, const struct bench_figure *figure)
{
    struct spread rate = spread_of(figure->rates, job->rounds);
    printf("{\"name\": \"%s\"", figure->name);
    if (figure->task.what == PIPILO_BENCH_INFERENCE)
        printf(", \"precision\": \"%s\", \"streams\": %u, \"batch\": %u", figure->last.precision,
               figure->last.streams, figure->last.batch);
    bool first = false;
    json_member(&first, "rate", rate.median);
    if (figure->task.what != PIPILO_BENCH_PEAK)
        json_member(&first, "processor_ms", spread_of(figure->processor, job->rounds).median);
    json_list("rates", figure->rates, job->rounds);
    putchar('}');
}

static void json_ends(const struct bench_job *job)
{
    double rates[BENCH_ROUNDS * BENCH_PATIENCE];
    for (int i = 0; i < job->rounds; i++)
        rates[i] = job->ends[i].rate;
    bool first = false;
    fputs(",\n {\"name\": \"end_to_end\"", stdout);
    json_member(&first, "rate", over_rounds(job, end_rate).median);
    json_member(&first, "processor_ms", over_rounds(job, end_processor).median);
    json_list("rates", rates, job->rounds);
    fputs("}]", stdout);
}

static void json_head(const struct bench_job *job)
{
    const struct pipilo_bench_info *info = pipilo_bench_info(job->bench);
    double cores[MACHINE_CORES];
    int count = job->ends[0].after.cores;
    for (int i = 0; i < count; i++)
        cores[i] = core_busy(job, i);
    fputs("{\"machine\": {\"cpu\": ", stdout);
    put_json(stdout, info->cpu);
    printf(", \"cores\": %d, \"vectors\": \"%s\", \"others\": ", info->cores, info->vectors);
    json_number(over_rounds(job, others).median);
    json_list("busy", cores, count);
    fputs("},\n\"model\": {\"name\": ", stdout);
    put_json(stdout, info->model);
    printf(", \"dim\": %zu, \"input\": [%u, %u], \"precision\": \"%s\"},\n", info->dim, info->width,
           info->height, job->figures[BENCH_INFERENCE].last.precision);
    printf("\"pictures\": {\"count\": %zu, \"made_up\": %s, \"unreadable\": %zu, \"bytes\": %llu, "
           "\"pixels\": %llu},\n",
           info->picture_count, info->made_up ? "true" : "false", info->unreadable,
           (unsigned long long)info->bytes, (unsigned long long)info->pixels);
    printf("\"threads\": %d, \"rounds\": %d, \"milliseconds\": %lld,\n", job->threads, job->rounds,
           (long long)job->options->milliseconds);
}

void bench_json(const struct bench_job *job)
{
    struct stage stages[STAGES];
    bool first = true;
    find_stages(job, stages);
    json_head(job);
    fputs("\"figures\": [", stdout);
    for (size_t i = 0; i < job->figure_count; i++) {
        fputs(i > 0 ? ",\n " : "\n ", stdout);
        json_figure(job, &job->figures[i]);
    }
    json_ends(job);
    fputs(",\n\"milliseconds_a_picture\": {", stdout);
    for (int i = 0; i < STAGES; i++)
        json_member(&first, stages[i].name, stages[i].ms);
    fputs("},\n\"ceiling\": ", stdout);
    json_number(over_rounds(job, bench_ceiling).median);
    first = false;
    json_member(&first, "share_by_rate", over_rounds(job, share_by_rate).median);
    json_member(&first, "share_by_processor_time", over_rounds(job, share_by_processor).median);
    puts("}");
}
