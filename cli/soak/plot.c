// plot.c: a picture of every series of every phase, as SVG (see report.h): looks as a line, what
// was for warming up in grey, the slope across it.
#include "report.h"

#include <math.h>
#include <stdlib.h>

#include "../say.h"

enum {
    COLUMNS = 3, // a phase has a line of large ones and one of small ones
    WIDTH = 320,
    HEIGHT = 130,
    GAP = 16,
    HEAD = 34, // above a phase
    WORDS = 30,
    POINTS = 240,
};

// One picture: where it stands and what its edges are.
struct panel {
    FILE *file;
    double left, top, x_most, y_least, y_most;
};

static double at_x(const struct panel *panel, double x)
{
    return panel->left + WIDTH * x / panel->x_most;
}

static double at_y(const struct panel *panel, double y)
{
    return panel->top + HEIGHT - HEIGHT * (y - panel->y_least) / (panel->y_most - panel->y_least);
}

static struct size_text number_text(enum soak_series series, double value)
{
    struct size_text out;
    if (soak_series_is_bytes(series))
        snprintf(out.text, sizeof out.text, "%.2f MB", value / 1e6);
    else
        snprintf(out.text, sizeof out.text, "%.0f", value);
    return out;
}

// The edges: what was seen, and never so near that noise fills the picture.
static void find_edges(struct panel *panel, const struct looks *looks, enum soak_series series)
{
    const double *y = looks->values[series];
    panel->x_most = looks->at[looks->count - 1];
    panel->y_least = panel->y_most = y[0];
    for (size_t i = 0; i < looks->count; i++) {
        panel->y_least = fmin(panel->y_least, y[i]);
        panel->y_most = fmax(panel->y_most, y[i]);
    }
    double missing = fmax(0.05 * panel->y_most, 4) - (panel->y_most - panel->y_least);
    if (missing > 0) {
        panel->y_least -= missing / 2;
        panel->y_most += missing / 2;
    }
}

static void draw_looks(const struct panel *panel, const struct looks *looks,
                       enum soak_series series)
{
    size_t points = looks->count < POINTS ? looks->count : POINTS;
    fputs("<polyline class=\"l\" points=\"", panel->file);
    for (size_t i = 0; i < points; i++) {
        size_t look = (i + 1) * looks->count / points - 1;
        fprintf(panel->file, "%s%.0f,%.1f", i > 0 ? " " : "", at_x(panel, looks->at[look]),
                at_y(panel, looks->values[series][look]));
    }
    fputs("\"/>\n", panel->file);
}

static void draw_fit(const struct panel *panel, const struct fit *fit, double from)
{
    double y0 = fit->intercept + fit->slope * from;
    double y1 = fit->intercept + fit->slope * panel->x_most;
    fprintf(panel->file, "<line class=\"f\" x1=\"%.0f\" y1=\"%.1f\" x2=\"%.0f\" y2=\"%.1f\"/>\n",
            at_x(panel, from), at_y(panel, y0), at_x(panel, panel->x_most), at_y(panel, y1));
}

static void draw_words(const struct panel *panel, const struct phase *phase,
                       enum soak_series series)
{
    const struct finding *finding = &phase->findings[series];
    double scale = phase_scale(phase) / (soak_series_is_bytes(series) ? 1e3 : 1);
    fprintf(panel->file, "<text x=\"%.0f\" y=\"%.0f\">%s: %s</text>\n", panel->left,
            panel->top - 17, soak_series_label(series), verdict_name(finding->verdict));
    fprintf(panel->file,
            "<text class=\"s\" x=\"%.0f\" y=\"%.0f\">%+.4f (%+.4f .. %+.4f)%s %s</text>\n",
            panel->left, panel->top - 4, finding->fit.slope * scale, finding->fit.low * scale,
            finding->fit.high * scale, soak_series_is_bytes(series) ? " kB" : "",
            phase_scale(phase) > 1 ? "per 1,000" : "each");
    fprintf(panel->file, "<text class=\"s\" x=\"%.0f\" y=\"%.0f\">%s</text>\n", panel->left + 3,
            panel->top + 11, number_text(series, panel->y_most).text);
    fprintf(panel->file, "<text class=\"s\" x=\"%.0f\" y=\"%.0f\">%s</text>\n", panel->left + 3,
            panel->top + HEIGHT - 3, number_text(series, panel->y_least).text);
}

static void draw_panel(struct panel *panel, const struct phase *phase, enum soak_series series)
{
    const struct looks *looks = &phase->work.looks;
    double warm = looks->at[looks_warm(looks)];
    find_edges(panel, looks, series);
    fprintf(panel->file, "<rect class=\"w\" x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%d\"/>\n",
            panel->left, panel->top, at_x(panel, warm) - panel->left, HEIGHT);
    fprintf(panel->file, "<rect class=\"b\" x=\"%.0f\" y=\"%.0f\" width=\"%d\" height=\"%d\"/>\n",
            panel->left, panel->top, WIDTH, HEIGHT);
    draw_looks(panel, looks, series);
    if (!isinf(phase->findings[series].fit.low))
        draw_fit(panel, &phase->findings[series].fit, warm);
    draw_words(panel, phase, series);
}

static double phase_height(void)
{
    int lines = (SOAK_SERIES + COLUMNS - 1) / COLUMNS;
    return HEAD + lines * (HEIGHT + WORDS + GAP);
}

static void draw_phase(FILE *file, const struct phase *phase, double top)
{
    char *done = text_count(phase->work.done, phase->kind->noun);
    fprintf(file, "<text class=\"h\" x=\"%d\" y=\"%.0f\">%s in %s</text>\n", GAP, top + 20, done,
            text_duration(phase->work.seconds).text);
    free(done);
    for (int series = 0; series < SOAK_SERIES && phase->work.looks.count > 0; series++) {
        struct panel panel = { .file = file,
                               .left = GAP + series % COLUMNS * (WIDTH + GAP),
                               .top =
                                   top + HEAD + WORDS + series / COLUMNS * (HEIGHT + WORDS + GAP) };
        draw_panel(&panel, phase, series);
    }
}

void report_plot(FILE *file, const struct report *report)
{
    int width = GAP + COLUMNS * (WIDTH + GAP);
    double height = report->phase_count * phase_height();
    fprintf(file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" width=\"%d\">\n"
            "<style>text{font:11px sans-serif;fill:#222}.s{font-size:10px;fill:#555}"
            ".h{font-size:15px}.b{fill:none;stroke:#999}.w{fill:#eee}"
            ".l{fill:none;stroke:#1565c0;stroke-width:1.2}"
            ".f{stroke:#c62828;stroke-width:1.5;stroke-dasharray:6 4}</style>\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
            width, height, width);
    for (int i = 0; i < report->phase_count; i++)
        draw_phase(file, report->phases[i], i * phase_height());
    fputs("</svg>\n", file);
}
