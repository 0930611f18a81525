// machine.h: what the kernel says about the processor's cores: how busy they are, and with whom;
// and a word to it that others go first. Threads: any.
#ifndef CLI_MACHINE_H
#define CLI_MACHINE_H

#include <stdbool.h>

enum { MACHINE_CORES = 256 }; // that are told apart; of more the first ones

// Seconds since the machine's start.
struct machine_times {
    double busy, all; // of all cores together
    int cores;
    double core_busy[MACHINE_CORES], core_all[MACHINE_CORES];
    double own; // seconds of processor of this process
};

// Everything is 0 where /proc/stat cannot be read.
void machine_look(struct machine_times *out);

// The share of the cores' time, 0 to 1, that other programs had between two looks.
double machine_others(const struct machine_times *before, const struct machine_times *after);

// The share of its time that a core was busy, with whatever.
double machine_core(const struct machine_times *before, const struct machine_times *after,
                    int core);

// Lets other programs go first from here on, at the processor (nice 10) and at disks (the lowest
// best-effort priority); who was behind that already stays there. For threads that are started
// later: call it before the first. False with errno where the kernel does not let it.
bool machine_give_way(void);

#endif
