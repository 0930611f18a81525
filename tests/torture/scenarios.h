// scenarios.h: what the library does, in short pieces that may fail at any place. Each stands in
// the scratch folder that scenarios_prepare has filled, uses the public functions only, lets go of
// all it took, and gives 0 or the code of what failed, with its message.
#ifndef TEST_TORTURE_SCENARIOS_H
#define TEST_TORTURE_SCENARIOS_H

#include <stdbool.h>

#include <pipilo/pipilo.h>

struct scenario {
    const char *name;
    int (*run)(struct pipilo_error *err);
    const char *text, *input; // of a pipeline, where `run` is NULL
    int rows;                 // that it gives
    bool never_damaged;       // all it calls tells lack of memory and bad reads from damage
    bool ends;                // what it calls ends the process where memory stays away for long
};

extern const struct scenario scenarios[];
extern const int scenario_count;

// Runs one; where it succeeds a pipeline has given all its rows.
int scenario_run(const struct scenario *scenario, struct pipilo_error *err);

// Pictures of each format that needs no late library and one that needs libvips, a tar archive, a
// list, and stores.
void scenarios_prepare(void);

#endif
