// both_cores.h: one job done again and again by a thread a core, and how fast.
#ifndef PLO_BENCH_BOTH_CORES_H
#define PLO_BENCH_BOTH_CORES_H

enum { BENCH_THREADS_MAX = 256 };

// Cores this process may use, at most BENCH_THREADS_MAX.
int cores(void);

// What a series of calls took.
struct taken {
    double rate;      // calls a second
    double processor; // milliseconds of processor time a call, over all threads
};

// Calls work(cookie, thread, i) for each i from 0 to count - 1, shared among `threads` threads.
// Other than 0 from work ends the program with status 1.
struct taken measure(int threads, long count, int (*work)(void *cookie, int thread, long i),
                     void *cookie);

#endif
