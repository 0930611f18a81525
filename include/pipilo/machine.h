// machine.h: what pipilo finds on this machine: processor, cores, memory, the libraries it opens
// when they are needed.
//
//     struct pipilo_machine *machine = NULL;
//     if (pipilo_machine_show(&machine, &err) == 0)
//         printf("%s, %d cores\n", machine->cpu, machine->cores);
//     pipilo_free(machine);
//
// `pipilo doctor` tells more, and what is off.
//
// Threads: any.
#ifndef PIPILO_MACHINE_H
#define PIPILO_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "value.h"

#ifdef __cplusplus
extern "C" {
#endif

// A library: one that pipilo is linked with, or one that is opened at its first use.
struct pipilo_machine_library {
    const char *name;    // "OpenVINO"
    const char *purpose; // what it is needed for
    const char *package; // that brings it, on Debian; "" where none does
    const char *version; // "" where it does not say; NULL: it cannot be opened
    const char *why;     // that is; else NULL
    const char *path; // of its file, links resolved; NULL: it is in no file of its own, or not open
};

struct pipilo_machine {
    const char *cpu;     // by its own name; "" where it does not say
    const char *vectors; // the widest it multiplies and adds with: "AVX-512", "AVX2", "NEON"
    const char *kernels; // the inner loops chosen for pixels
    int cores;           // pipilo works with
    int quota;           // cores the control group's CPU quota comes to; 0: there is none

    // Bytes; UINT64_MAX: no limit, or not known.
    uint64_t memory_total, memory_left; // of the machine
    uint64_t group_limit, group_left;   // the smallest limit of the control groups above, and the
                                        // least that any of them has left
    unsigned stalled; // hundredths of the last ten seconds in which all stood still for memory

    size_t library_count;
    const struct pipilo_machine_library *libraries;
};

// One block, freed by the caller with pipilo_free. It opens the libraries, which stay open. Errors:
// PIPILO_ENOMEM.
PIPILO_API int pipilo_machine_show(struct pipilo_machine **out, struct pipilo_error *err);

#ifdef __cplusplus
}
#endif
#endif
