// runner.h: one thread that waits for every run of the server, takes its rows and begins new ones.
// The work itself is done by the library's pool; this thread only passes things on, and is the only
// one that touches what the callbacks here are about.
//
// Threads: runner_call from any; everything else on the runner's own thread, where the callbacks
// are called. Locks: one, for what is handed over; never held while something is called.
#ifndef SERVER_RUNNER_H
#define SERVER_RUNNER_H

#include <stdbool.h>
#include <stdint.h>

#include <pipilo/pipilo.h>

struct runner;

// A run under way. Its owner embeds it.
struct running {
    struct runner *runner;
    pipilo_run *run;
    // Gets each row (borrowed).
    void (*row)(struct running *running, const pipilo_row *row);
    // The run is over and already let go; `err` says why it failed, or is NULL.
    void (*ended)(struct running *running, const struct pipilo_error *err);

    struct running *next_rung; // guarded by the runner's lock
    bool rung;                 // likewise: it is in the list
};

// Something to be done on the runner's thread. Its owner embeds it; it is forgotten before `call`.
struct errand {
    void (*call)(struct errand *errand);
    struct errand *next;
};

// Called on the runner's thread after everything else, and at least ten times a second.
struct runner_tick {
    void (*tick)(void *cookie, int64_t now);
    void *cookie;
};

enum { RUNNER_TICKS = 4 };

// NULL where there is no memory or no thread. Ticks begin with runner_add_tick.
struct runner *runner_create(void);
void runner_destroy(struct runner *runner); // every run must have ended; NULL is allowed

void runner_call(struct runner *runner, struct errand *errand);

// From now on; at most RUNNER_TICKS, each before runner_create's thread has anything to do.
void runner_add_tick(struct runner *runner, struct runner_tick tick);

// Begins a run of `pipeline`. On failure `ended` is not called.
int runner_start(struct runner *runner, struct running *running, pipilo_pipeline *pipeline,
                 pipilo_value *const *inputs, size_t count, struct pipilo_error *err);

// When the thread was last round its loop; for a watchdog. Any thread.
int64_t runner_last_seen(const struct runner *runner);

#endif
