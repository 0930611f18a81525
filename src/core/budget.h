// budget.h: the process's one budget of bytes. What is held for long (models, edges, results) is
// charged; what a row needs while it is worked on is reserved, before it is read.
//
// A row's whole need is reserved at once and no row waits while it holds, so whoever waits here can
// always go on when others are done. A reservation is granted whenever no other one is held, as
// long as it fits the budget at all: the oldest row may always go.
//
// Threads: any. A waiter's `wake` is called without any lock held, on the thread that released.
#ifndef PLO_CORE_BUDGET_H
#define PLO_CORE_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum plo_grant {
    PLO_GRANTED, // reserved; give it back with plo_budget_release
    PLO_WAIT,    // not now: the waiter is queued and woken once when bytes are given back
    PLO_NEVER,   // more than the whole budget
    PLO_REFUSED, // memory is so short that nothing is begun
};

// How much is begun at once, as the governor finds it.
enum plo_admission {
    PLO_ADMIT_ALL,  // what fits the budget
    PLO_ADMIT_HALF, // what fits half of it
    PLO_ADMIT_ONE,  // one reservation at a time
    PLO_ADMIT_NONE, // nothing: who comes waits until no reservation is held, and is refused then
};

struct plo_budget_waiter {
    void (*wake)(struct plo_budget_waiter *waiter);
    struct plo_budget_waiter *next; // guarded by the budget's lock
    bool queued;                    // guarded by the budget's lock
    int waking;                     // calls of `wake` under way; guarded by the budget's lock
};

// Sets the budget in bytes; 0 = the default (see memory_marks.h), found anew.
void plo_budget_set(uint64_t bytes);
uint64_t plo_budget_limit(void);

// From now on; who waits asks again. Reading it costs nothing.
void plo_budget_admit(enum plo_admission what);
enum plo_admission plo_budget_admission(void);

// Charged and reserved now, and the highest sum so far.
uint64_t plo_budget_used(void);
uint64_t plo_budget_peak(void);

// `waiter` may be NULL where the caller will ask again by itself. Nothing (0) is always granted.
enum plo_grant plo_budget_reserve(uint64_t bytes, struct plo_budget_waiter *waiter);

// The same for a row that was begun and would be lost if it did not end: where nothing is begun, it
// goes as one at a time.
enum plo_grant plo_budget_reserve_begun(uint64_t bytes, struct plo_budget_waiter *waiter);

void plo_budget_release(uint64_t bytes);

// Takes a waiter out of the queue and waits where it is just being woken: afterwards it is not
// touched any more. Not from within `wake`.
void plo_budget_forget(struct plo_budget_waiter *waiter);

// Long-lived memory. plo_budget_charge refuses (false) where it would pass the budget;
// plo_budget_adjust corrects an estimate or gives back (negative) and cannot fail.
bool plo_budget_charge(uint64_t bytes);
void plo_budget_adjust(int64_t bytes);

#endif
