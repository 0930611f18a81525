// bench.h: what `pipilo bench` measures and has measured, shared by what runs it and what reports.
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include <pipilo/pipilo.h>

#include "machine.h"

enum { BENCH_FIGURES = 16, BENCH_ROUNDS = 30, BENCH_PATIENCE = 3 };

// Of the cores, for other programs, in a round that counts as calm.
#define BENCH_CALM 0.05

struct bench_options {
    const char *precision, *device;
    bool fast, quiet, json;
    int64_t threads, rounds, pictures, milliseconds;
};

// One thing that is measured once a round.
struct bench_figure {
    const char *name; // in JSON
    struct pipilo_bench_task task;
    struct pipilo_bench_result last;
    double rates[BENCH_ROUNDS * BENCH_PATIENCE];     // a second
    double processor[BENCH_ROUNDS * BENCH_PATIENCE]; // ms each, over all threads
};

// The figures' places; inferences follow the first one.
enum {
    BENCH_PEAK,
    BENCH_READ,
    BENCH_DECODE,
    BENCH_RESIZE,
    BENCH_TENSOR,
    BENCH_ROWS,
    BENCH_INFERENCE, // as embedding does it: the ceiling's
};

// A folder of pictures embedded by the pipeline of `pipilo embed`, once.
struct bench_end {
    double rate;      // pictures a second
    double processor; // ms a picture
    double waiting;   // ms a picture that threads had nothing to do
    struct machine_times before, after;
};

struct bench_job {
    const struct bench_options *options;
    const char *model; // as it was named
    pipilo_bench *bench;
    int threads;
    struct bench_figure figures[BENCH_FIGURES];
    size_t figure_count;
    int rounds; // that are kept; rounds[i] of the arrays
    struct bench_end ends[BENCH_ROUNDS * BENCH_PATIENCE];
    double others[BENCH_ROUNDS * BENCH_PATIENCE]; // other programs' share of the cores
};

// Runs the pipeline over the bench's pictures, each several times until there are `count`.
int bench_end_to_end(struct bench_end *out, const struct bench_job *job, int64_t count,
                     struct pipilo_error *err);

// The pictures a second that the parts alone allow in a round.
double bench_ceiling(const struct bench_job *job, int round);

// On stdout.
void bench_table(const struct bench_job *job);
void bench_json(const struct bench_job *job);

#endif
