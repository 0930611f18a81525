// machine.h: what the kernel says about the processor's cores: how busy they are, and with whom.
// Threads: any.
#ifndef CLI_MACHINE_H
#define CLI_MACHINE_H

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

#endif
