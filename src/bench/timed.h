// timed.h: one job done again and again by several threads, and what that took.
// Threads: plo_timed_run starts and ends its own; the caller's is one of them.
#ifndef PLO_BENCH_TIMED_H
#define PLO_BENCH_TIMED_H

#include <stdbool.h>
#include <stdint.h>

#include <pipilo/error.h>

enum { PLO_TIMED_THREADS_MAX = 1024 };

struct plo_timed_job {
    int threads;    // 1 to PLO_TIMED_THREADS_MAX
    double seconds; // no pass begins later than that
    int64_t calls;  // or after so many; 0: the time alone ends it
    int64_t pass;   // calls that belong together, so that all are made or none; 0: 1

    // Makes call `i` as thread `thread`; both from 0. A failure ends the work.
    int (*call)(void *cookie, int thread, int64_t i, struct pipilo_error *err);
    void *cookie;

    // Asked by the caller's thread before each of its calls; false ends the work
    // (PIPILO_ECANCELED). May be NULL.
    bool (*go_on)(void *cookie);
    void *go_on_cookie;
};

struct plo_timed_taken {
    int64_t calls;
    double rate;      // calls a second: each thread's, by the time of its last call, added up
    double seconds;   // of the longest thread
    double processor; // seconds of processor, of the whole process
};

// Errors: the first call's that failed; PIPILO_ECANCELED; PIPILO_ENOMEM. Where threads cannot be
// started, fewer work.
int plo_timed_run(struct plo_timed_taken *out, const struct plo_timed_job *job,
                  struct pipilo_error *err);

// Seconds of processor time of the calling thread so far.
double plo_timed_thread_seconds(void);

#endif
