// progress.c: the progress line (see progress.h).
#include "progress.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <pipilo/pipilo.h>

#include "say.h"

static const double redraw = 0.2, line_every = 5, sample_every = 0.1;

double progress_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void progress_begin(struct progress *progress, bool quiet)
{
    const char *term = getenv("TERM");
    bool dumb = term == NULL || strcmp(term, "dumb") == 0;
    double now = progress_clock();
    *progress = (struct progress){
        .quiet = quiet,
        .terminal = !dumb && isatty(STDERR_FILENO),
        .begun = now,
        .rate_at = now,
        .shown = now,
        .total = -1,
    };
}

void progress_clear(struct progress *progress)
{
    if (progress->drawn)
        fputs("\r\033[K", stderr);
    progress->drawn = false;
}

static void draw(struct progress *progress, const char *line)
{
    char *fit = text_tail(line, text_width(stderr) - 1);
    fprintf(stderr, "\r%s\033[K", fit);
    fflush(stderr);
    progress->drawn = true;
    free(fit);
}

void progress_note(struct progress *progress, const char *text)
{
    if (progress->terminal && !progress->quiet)
        draw(progress, text);
}

// The rate over the last seconds: steady enough to read, quick enough to follow a change.
static void measure(struct progress *progress, double now)
{
    double span = now - progress->rate_at;
    if (span < 1 && progress->rate > 0)
        return;
    double rate = span > 0 ? (double)(progress->done - progress->rate_done) / span : 0;
    progress->rate = progress->rate > 0 ? 0.7 * progress->rate + 0.3 * rate : rate;
    if (span >= 1) {
        progress->rate_at = now;
        progress->rate_done = progress->done;
    }
}

static void add_bar(FILE *out, int64_t done, int64_t total, int cells)
{
    int full = total > 0 ? (int)((double)cells * (double)done / (double)total) : cells;
    fputs("  [", out);
    for (int i = 0; i < cells; i++)
        fputc(i < full ? '=' : i == full ? '>' : ' ', out);
    fputc(']', out);
}

// The line without the bar; `bar` > 0 puts one of so many cells in.
static char *make_line(const struct progress *progress, const struct pipilo_stats *stats, int bar)
{
    char *text = NULL;
    size_t size;
    FILE *out = must(open_memstream(&text, &size));
    char *done = text_count(progress->done, NULL);
    if (progress->total >= 0) {
        char *total = text_count(progress->total, NULL);
        fprintf(out, "%s of %s", done, total);
        free(total);
        if (bar > 0)
            add_bar(out, progress->done, progress->total, bar);
    } else {
        fprintf(out, "%s pictures", done);
    }
    free(done);
    fprintf(out, "  %.*f/s", progress->rate < 99.5 ? 1 : 0, progress->rate);
    if (progress->total > progress->done && progress->rate > 0)
        fprintf(out, "  %s left",
                text_duration((double)(progress->total - progress->done) / progress->rate).text);
    if (progress->errors > 0) {
        char *errors = text_count(progress->errors, "error");
        fprintf(out, "  %s", errors);
        free(errors);
    }
    if (stats->memory_anonymous > 0)
        fprintf(out, "  %s of %s", text_size(stats->memory_anonymous).text,
                text_size(stats->budget_limit).text);
    fclose(out);
    return must(text);
}

static void show(struct progress *progress, const struct pipilo_stats *stats)
{
    char *line = make_line(progress, stats, 0);
    if (!progress->terminal) {
        say("%s", line);
    } else {
        int room = text_width(stderr) - 1 - text_columns(line) - 4;
        free(line);
        line = make_line(progress, stats, room < 6 ? 0 : room > 30 ? 30 : room);
        draw(progress, line);
    }
    free(line);
}

void progress_tick(struct progress *progress)
{
    double now = progress_clock();
    if (now - progress->sampled < sample_every)
        return;
    struct pipilo_stats stats = { .struct_size = sizeof stats };
    pipilo_stats(&stats);
    progress->sampled = now;
    if (stats.memory_anonymous > progress->peak)
        progress->peak = stats.memory_anonymous;
    measure(progress, now);
    if (progress->quiet || now - progress->shown < (progress->terminal ? redraw : line_every))
        return;
    progress->shown = now;
    show(progress, &stats);
}
