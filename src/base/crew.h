// crew.h: some threads that do one thing together and are gone afterwards. For work that is over in
// a moment and waits for nobody: a pass over a store. What lasts has the pool (flow/pool.h).
// Threads: any.
#ifndef PLO_BASE_CREW_H
#define PLO_BASE_CREW_H

#include <stddef.h>

// Calls `work` with cookies[0] to cookies[count - 1], each on a thread of its own, the first on the
// calling one, and returns when all have returned. Where a thread cannot be started, its work is
// done by the caller, after its own. The threads get no signals.
void plo_crew_run(void (*work)(void *cookie), void *const *cookies, size_t count);

#endif
