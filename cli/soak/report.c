// report.c: the table and the JSON (see report.h); the picture is in plot.c.
#include "report.h"

#include <math.h>
#include <stdlib.h>

#include <pipilo/library.h>

#include "../say.h"

enum { THOUSAND = 1000 };

void phase_ends(double ends[2], const struct phase *phase, enum soak_series series)
{
    const struct looks *looks = &phase->work.looks;
    size_t first = looks_warm(looks), count = looks->count - first;
    size_t part = count / 10 > 0 ? count / 10 : count;
    ends[0] = ends[1] = 0;
    for (size_t i = 0; i < part; i++) {
        ends[0] += looks->values[series][first + i] / (double)part;
        ends[1] += looks->values[series][looks->count - part + i] / (double)part;
    }
}

double phase_scale(const struct phase *phase)
{
    return phase->kind->limit >= THOUSAND ? 1 : THOUSAND;
}

// --- for people ----------------------------------------------------------------------------------

static struct size_text amount(enum soak_series series, double value)
{
    struct size_text out;
    if (soak_series_is_bytes(series))
        snprintf(out.text, sizeof out.text, "%.3f MB", value / 1e6);
    else
        snprintf(out.text, sizeof out.text, "%.1f", value);
    return out;
}

// Bytes as kilobytes of 1000.
static double shown(enum soak_series series, double slope)
{
    return soak_series_is_bytes(series) ? slope / 1e3 : slope;
}

static void print_series(const struct phase *phase, enum soak_series series)
{
    const struct finding *finding = &phase->findings[series];
    double ends[2], scale = phase_scale(phase);
    phase_ends(ends, phase, series);
    printf("  %-18s %12s %12s  ", soak_series_label(series), amount(series, ends[0]).text,
           amount(series, ends[1]).text);
    if (isinf(finding->fit.low))
        printf("%32s", "too few looks");
    else
        printf("%+9.3f (%+9.3f .. %+9.3f)", shown(series, finding->fit.slope * scale),
               shown(series, finding->fit.low * scale), shown(series, finding->fit.high * scale));
    printf("  %5.3f  %s\n", finding->fit.p, verdict_name(finding->verdict));
}

static void print_phase(const struct phase *phase)
{
    const struct work *work = &phase->work;
    char *done = text_count(work->done, phase->kind->noun);
    char *errors = text_count(work->errors, "row"),
         *looks = text_count((int64_t)work->looks.count, "look");
    printf("%s in %s; %s with an error; %s\n", done, text_duration(work->seconds).text, errors,
           looks);
    printf("  %-18s %12s %12s  %-32s  %5s\n", "", "warm", "at the end",
           phase_scale(phase) > 1 ? "slope, kB or number per 1,000" : "slope, kB or number each",
           "p");
    for (int series = 0; series < SOAK_SERIES; series++)
        print_series(phase, series);
    if (work->wrong > 0) {
        char *wrong = text_count(work->wrong, phase->kind->noun),
             *first = text_clean(work->first_wrong);
        printf("  %s not as it must be; the first: %s\n", wrong, first);
        free(first);
        free(wrong);
    }
    putchar('\n');
    free(looks);
    free(errors);
    free(done);
}

static bool any_unclear(const struct report *report)
{
    for (int i = 0; i < report->phase_count; i++)
        for (int series = 0; series < SOAK_SERIES; series++)
            if (report->phases[i]->findings[series].verdict == SOAK_UNCLEAR)
                return true;
    return false;
}

void report_print(const struct report *report)
{
    for (int i = 0; i < report->phase_count; i++)
        print_phase(report->phases[i]);
    if (report->closing == NULL)
        puts("closed: nothing is alive");
    else
        printf("closed: %s\n", report->closing);
    if (report->grows)
        puts("Something grows.");
    else if (any_unclear(report))
        puts("No slope is real. Where it is unclear, a longer run tells more.");
    else
        puts("Nothing grows.");
}

// --- for programs --------------------------------------------------------------------------------

static void json_number(bool *first, const char *name, double value)
{
    put_member(stdout, first, name);
    // JSON has no other numbers.
    if (isfinite(value))
        printf("%.10g", value);
    else
        fputs("null", stdout);
}

static void json_series(const struct phase *phase, enum soak_series series)
{
    const struct finding *finding = &phase->findings[series];
    double ends[2];
    bool first = true;
    phase_ends(ends, phase, series);
    fputs("\n   {", stdout);
    put_member(stdout, &first, "name");
    put_json(stdout, soak_series_name(series));
    json_number(&first, "warm", ends[0]);
    json_number(&first, "end", ends[1]);
    json_number(&first, "slope", finding->fit.slope);
    json_number(&first, "low", finding->fit.low);
    json_number(&first, "high", finding->fit.high);
    json_number(&first, "p", finding->fit.p);
    json_number(&first, "correlation", finding->fit.correlation);
    json_number(&first, "counted", finding->fit.counted);
    json_number(&first, "limit", finding->limit);
    put_member(stdout, &first, "verdict");
    put_json(stdout, verdict_name(finding->verdict));
    putchar('}');
}

static void json_looks(const struct looks *looks)
{
    fputs("],\n  \"looks\": {\"at\": [", stdout);
    for (size_t i = 0; i < looks->count; i++)
        printf("%s%.0f", i > 0 ? ", " : "", looks->at[i]);
    putchar(']');
    for (int series = 0; series < SOAK_SERIES; series++) {
        printf(", \"%s\": [", soak_series_name(series));
        for (size_t i = 0; i < looks->count; i++)
            printf("%s%.0f", i > 0 ? ", " : "", looks->values[series][i]);
        putchar(']');
    }
    putchar('}');
}

static void json_phase(const struct phase *phase)
{
    const struct work *work = &phase->work;
    printf(
        " {\"what\": \"%s\", \"done\": %lld, \"errors\": %lld, \"wrong\": %lld, \"first_wrong\": ",
        phase->kind->name, (long long)work->done, (long long)work->errors, (long long)work->wrong);
    put_json(stdout, work->wrong > 0 ? work->first_wrong : NULL);
    printf(", \"seconds\": %.3f,\n  \"series\": [", work->seconds);
    for (int series = 0; series < SOAK_SERIES; series++) {
        fputs(series > 0 ? "," : "", stdout);
        json_series(phase, series);
    }
    json_looks(&work->looks);
    putchar('}');
}

void report_json(const struct report *report)
{
    fputs("{\"version\": ", stdout);
    put_json(stdout, pipilo_version());
    fputs(", \"model\": ", stdout);
    put_json(stdout, report->model);
    printf(", \"grows\": %s, \"wrong\": %lld, \"left\": ", report->grows ? "true" : "false",
           (long long)report->wrong);
    put_json(stdout, report->closing);
    fputs(", \"phases\": [\n", stdout);
    for (int i = 0; i < report->phase_count; i++) {
        fputs(i > 0 ? ",\n" : "", stdout);
        json_phase(report->phases[i]);
    }
    puts("]}");
}
