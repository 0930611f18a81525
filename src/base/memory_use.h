// memory_use.h: how much memory this process, its control group and the machine use, and what they
// leave. Read anew at each call, from /proc and the cgroup files of versions 1 and 2.
// Threads: any, but for the root.
#ifndef PLO_BASE_MEMORY_USE_H
#define PLO_BASE_MEMORY_USE_H

#include <stdint.h>

// Bytes; UINT64_MAX stands for "no limit" and "not known".
struct plo_memory_use {
    uint64_t anonymous;     // RssAnon of this process; 0 where it cannot be read
    uint64_t machine_total; // RAM
    uint64_t machine_left;  // what can be had without swapping
    uint64_t group_limit;   // the smallest on the way from the process's group to the root
    uint64_t group_left;    // the least that any of these groups has left
    // Of the last ten seconds, the hundredths in which all of the group's tasks (or the machine's,
    // where the group does not say) stood still for memory. 0 where the kernel does not count it.
    unsigned stalled;
};

// What a group uses is its working set: the pages the kernel could drop before it killed anything,
// those of files, are not counted.
void plo_memory_use_read(struct plo_memory_use *use);

// The first of the fields alone.
uint64_t plo_memory_anonymous(void);

// Reads below the folder `root` instead of "": for tests, with a made tree. Borrowed; to be set
// while no other thread reads.
void plo_memory_use_set_root(const char *root);

#endif
