// memory_marks.h: from what was asked for (bytes, shares, the environment, nothing) to numbers of
// bytes on this machine. The public side is <pipilo/memory.h>. Threads: any.
#ifndef PLO_CORE_MEMORY_MARKS_H
#define PLO_CORE_MEMORY_MARKS_H

#include <pipilo/memory.h>

#include "base/memory_use.h"

// Bytes.
struct plo_memory_marks {
    uint64_t total, soft, hard, critical;
};

// Logs each variable of the environment that is no size, once in a process. Under no lock: who
// writes the line may call anything.
void plo_memory_marks_complain(void);

// What is not set is the environment's, else the default; nothing is checked.
void plo_memory_marks_find(struct plo_memory_marks *out, const struct pipilo_memory *set,
                           const struct plo_memory_use *use);

// PIPILO_EINVALID where a share is none, or the marks that `set` leads to are not in their order.
int plo_memory_marks_check(const struct pipilo_memory *set, const struct plo_memory_use *use,
                           struct pipilo_error *err);

// The budget that `size` stands for; 0: the environment's, else half of what there is.
uint64_t plo_memory_limit(uint64_t size, const struct plo_memory_use *use);

// Bytes used, as the marks count them: all of `total` but the least that this process, its group or
// the machine leaves.
uint64_t plo_memory_used(uint64_t total, const struct plo_memory_use *use);

#endif
