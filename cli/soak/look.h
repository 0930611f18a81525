// look.h: what of this process must not grow, looked at over and over.
// Threads: one at a time.
#ifndef CLI_SOAK_LOOK_H
#define CLI_SOAK_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fit.h"

enum soak_series { SOAK_ANONYMOUS, SOAK_HEAP, SOAK_BLOCKS, SOAK_DESCRIPTORS, SOAK_THREADS };
enum { SOAK_SERIES = SOAK_THREADS + 1 };

// What one is called, and what it is for people.
const char *soak_series_name(enum soak_series series);
const char *soak_series_label(enum soak_series series);
bool soak_series_is_bytes(enum soak_series series);

enum { SOAK_LOOKS = 2000 };

// Looks over a number of steps that need not be known: where there is no room for one more, every
// other one goes and from then on half as many are taken. So nothing is allocated while it goes.
struct looks {
    int64_t every; // steps between two
    size_t count;
    double at[SOAK_LOOKS]; // steps done
    double values[SOAK_SERIES][SOAK_LOOKS];
};

void looks_begin(struct looks *looks);

// `done` steps are done; looks where it is time to.
void looks_step(struct looks *looks, int64_t done);

// One look, whatever the time.
void look_now(double values[SOAK_SERIES]);

// The first look that counts: the first fifth of the steps is for warming up.
size_t looks_warm(const struct looks *looks);

enum verdict {
    SOAK_FLAT,    // the interval lies within the limit
    SOAK_GROWS,   // there is a slope
    SOAK_UNCLEAR, // the interval is wider than the limit: more steps would tell
    SOAK_UNJUDGED // a sanitizer's own memory grows
};
const char *verdict_name(enum verdict verdict);

struct finding {
    struct fit fit;
    double limit; // a step, either way
    enum verdict verdict;
};

// What the looks come to. `limit` is in bytes a step; `series_count` series are judged in all: the
// more there are, the surer a slope must be to be one.
void looks_judge(struct finding *out, const struct looks *looks, enum soak_series series,
                 double limit, int series_count);

#endif
