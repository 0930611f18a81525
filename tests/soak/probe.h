// probe.h: what the soak tests hold constant, and how they say so.
#ifndef PLO_TESTS_SOAK_PROBE_H
#define PLO_TESTS_SOAK_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipilo/pipilo.h>

// Of this process, now.
struct probe {
    int64_t anonymous; // RssAnon, kB
    int threads;
    int descriptors;
};

struct probe probe_take(void);

enum { SOAK_TENTHS = 10, SOAK_SAMPLES = 10 }; // samples in each tenth

// Memory over a series of steps, looked at a hundred times. Between two looks a picture may be in
// the works or not, so a tenth is told by the median of its looks: the first against the highest
// of the others. For the same reason the fewest threads and descriptors of a tenth count.
struct watch {
    int64_t steps;
    int64_t anonymous[SOAK_TENTHS][SOAK_SAMPLES]; // RssAnon, kB
    int taken[SOAK_TENTHS];
    struct probe first; // of the first tenth
    struct probe last;  // of the one that goes on
};

void watch_step(struct watch *watch, int64_t step); // 0 .. steps - 1

// True where memory grew by less than 1 MB and threads and descriptors are as they were; prints
// all of it. Under a sanitizer, whose own memory grows, only the counts are held.
bool watch_holds(const struct watch *watch, const char *what);

// True where pipilo_close finds nothing alive, no block of pipilo's allocator is left and, with the
// null engine, threads and descriptors are as in `before`. The real one keeps a pool of its own.
bool closes_clean(const struct probe *before);

// PIPILO_SOAK=full
bool soak_is_full(void);

// The model of a full soak, and else the null engine's.
const char *soak_model(void);

// Prints the message and ends the program with status 1.
_Noreturn void give_up(const char *what, const struct pipilo_error *err);

#endif
