// governor.h: watches the memory that is really used and acts when it gets short (the public side
// is <pipilo/memory.h>).
//
// There is no thread of its own: whoever is about to begin a row ticks, and ten times a second one
// of these ticks looks. What follows from a state is the budget's admission (budget.h), and relief:
// functions that give back what nobody uses.
//
// Threads: any. One thread looks at a time; no lock is held while relief and the user's action run.
#ifndef PLO_CORE_GOVERNOR_H
#define PLO_CORE_GOVERNOR_H

#include <stdbool.h>
#include <stdint.h>

#include <pipilo/memory.h>

// Costs reading a clock where it is not time yet. Not under a lock, and not by a thread that holds
// a reservation: the action may take long.
void plo_governor_tick(void);

// Looks at once, after what is idle was given back: before a row is refused, for what was seen a
// moment ago may have passed. Where another thread looks, a second is waited for it, and for the
// user's action. As plo_governor_tick otherwise.
void plo_governor_look(void);

// Has `give_back` called when memory gets short, before rows are refused, and once a second while
// it is; once, however often it is added. Any part above may add one.
void plo_governor_add_relief(void (*give_back)(void));

// Sets the budget alone, as pipilo_set_memory does.
void plo_governor_set_limit(uint64_t size);

// Bytes the process may still take before all there is is used, read anew.
uint64_t plo_governor_room(void);

// For a row of `need` bytes that came at PIPILO_MEMORY_CRITICAL: counts it; PIPILO_EBUDGET with the
// figures.
int plo_governor_refuse(uint64_t need, struct pipilo_error *err);

struct plo_governor_stats {
    enum pipilo_memory_state state;
    uint64_t used, peak;                  // bytes; the most that was seen
    uint64_t total, soft, hard, critical; // bytes
    uint64_t entered[4];                  // by state: how often it began
    uint64_t refused;                     // rows that became errors
};
void plo_governor_stats(struct plo_governor_stats *stats);

// For tests: nanoseconds between two looks.
void plo_governor_set_interval(int64_t ns);

#endif
