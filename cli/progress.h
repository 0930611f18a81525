// progress.h: how far a run is. On a terminal one line that is drawn anew; elsewhere a line every
// few seconds; all of it on stderr. Threads: the main thread only.
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool quiet, terminal, drawn;
    double begun, shown;  // seconds; when it began and when a line was last shown
    double rate_at, rate; // a second, over the last few seconds
    int64_t rate_done;
    int64_t done, errors;
    int64_t total; // -1: not known
    uint64_t peak; // bytes of memory, the most seen
    double sampled;
};

// Seconds on a clock that never goes back.
double progress_clock(void);

void progress_begin(struct progress *progress, bool quiet);

// Shows a word ("loading ...") until there is more to show; on a terminal only.
void progress_note(struct progress *progress, const char *text);

// From here on it goes: what came before does not count for the rate.
void progress_go(struct progress *progress);

// Shows how far it is where it is time to.
void progress_tick(struct progress *progress);

// Takes the line away, so that something else can be printed.
void progress_clear(struct progress *progress);

#endif
