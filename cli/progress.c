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

void progress_go(struct progress *progress)
{
    progress->rate_at = progress_clock();
    progress->rate_done = progress->done;
}

// The rate over the last seconds: steady enough to read, quick enough to follow a change.
static void measure(struct progress *progress, double now)
{
    double span = now - progress->rate_at;
    if (span < (progress->rate > 0 ? 1 : 0.5))
        return;
    double rate = (double)(progress->done - progress->rate_done) / span;
    progress->rate = progress->rate > 0 ? 0.7 * progress->rate + 0.3 * rate : rate;
    progress->rate_at = now;
    progress->rate_done = progress->done;
}

static void add_bar(FILE *out, int64_t done, int64_t total, int cells)
{
    int full = total > 0 ? (int)((double)cells * (double)done / (double)total) : cells;
    fputs("  [", out);
    for (int i = 0; i < cells; i++)
        fputc(i < full ? '=' : i == full ? '>' : ' ', out);
    fputc(']', out);
}

// What a line shows, from the first to the last to be left out where there is no room.
enum detail { COUNT, RATE, ERRORS, LEFT, MEMORY };

static void add_left(FILE *out, const struct progress *progress)
{
    if (progress->total > progress->done && progress->rate > 0)
        fprintf(out, "  %s left",
                text_duration((double)(progress->total - progress->done) / progress->rate).text);
}

static void add_errors(FILE *out, const struct progress *progress)
{
    if (progress->errors == 0)
        return;
    char *errors = text_count(progress->errors, "error");
    fprintf(out, "  %s", errors);
    free(errors);
}

// The line up to `most`, with a bar of so many cells.
static char *make_line(const struct progress *progress, const struct pipilo_stats *stats,
                       enum detail most, int cells)
{
    char *text = NULL;
    size_t size;
    FILE *out = must(open_memstream(&text, &size));
    char *done = text_count(progress->done, NULL);
    char *total = text_count(progress->total, NULL);
    if (progress->total >= 0)
        fprintf(out, "%s of %s", done, total);
    else
        fprintf(out, "%s pictures", done);
    free(done);
    free(total);
    if (cells > 0)
        add_bar(out, progress->done, progress->total, cells);
    if (most >= RATE && progress->rate > 0)
        fprintf(out, "  %.*f/s", progress->rate < 99.5 ? 1 : 0, progress->rate);
    if (most >= LEFT)
        add_left(out, progress);
    if (most >= ERRORS)
        add_errors(out, progress);
    if (most >= MEMORY && stats->memory_anonymous > 0)
        fprintf(out, "  %s of %s", text_size(stats->memory_anonymous).text,
                text_size(stats->budget_limit).text);
    fclose(out);
    return must(text);
}

// The most that has room, with a bar where there is some left.
static void show_on_terminal(struct progress *progress, const struct pipilo_stats *stats)
{
    int width = text_width(stderr) - 1;
    enum detail most = MEMORY;
    char *line = make_line(progress, stats, most, 0);
    while (text_columns(line) > width && most > COUNT) {
        free(line);
        line = make_line(progress, stats, --most, 0);
    }
    int room = width - text_columns(line) - 4;
    if (progress->total > 0 && room >= 6) {
        free(line);
        line = make_line(progress, stats, most, room > 30 ? 30 : room);
    }
    draw(progress, line);
    free(line);
}

static void show(struct progress *progress, const struct pipilo_stats *stats)
{
    if (progress->terminal) {
        show_on_terminal(progress, stats);
        return;
    }
    char *line = make_line(progress, stats, MEMORY, 0);
    say("%s", line);
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
