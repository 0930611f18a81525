// report.h: what `pipilo soak` found, for people, for programs and as a picture.
// Threads: the main thread only.
#ifndef CLI_SOAK_REPORT_H
#define CLI_SOAK_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "work.h"

// One kind of work that is done.
struct phase {
    const struct work_kind *kind;
    struct work work;
    struct finding findings[SOAK_SERIES];
};

struct report {
    const char *model;
    int phase_count;
    struct phase *phases[WORK_KINDS];
    bool grows;          // any series of any phase
    int64_t wrong;       // steps that did not do what they must
    const char *closing; // what was not given back at the end; NULL: all was
};

// What a series was in the beginning, after warming up, and at the end: the mean of a tenth.
void phase_ends(double ends[2], const struct phase *phase, enum soak_series series);

// Many small ones would be 0.00: a slope is told for so many steps.
double phase_scale(const struct phase *phase);

void report_print(const struct report *report);
void report_json(const struct report *report);
void report_plot(FILE *file, const struct report *report);

#endif
