// pool.h: the process's worker threads, one a core. A run that has work for others is submitted;
// a worker takes a run, works on it until nothing is left to do, and goes on to the next.
//
// At most as many threads as the pool's size work at the same time, calling threads included: a
// caller enters before it works on its own run and leaves before it waits.
//
// Threads: any. The pool's lock is never held while a run's is taken.
#ifndef PLO_FLOW_POOL_H
#define PLO_FLOW_POOL_H

#include <stdbool.h>

#include <pipilo/pipeline.h>

// Worker threads; 0 = one for each core this process may use. Only before the pool runs:
// PIPILO_EBUSY.
int plo_pool_set_size(unsigned size, struct pipilo_error *err);
unsigned plo_pool_size(void);

// A worker will take the run as soon as one is free. The pool keeps a reference meanwhile. Threads
// are started here; where none can be started the caller of the run does all the work.
void plo_pool_submit(pipilo_run *run);

// Takes the run out of the queue: nobody will want work of it again.
void plo_pool_forget(pipilo_run *run);

// Takes a working place for the calling thread, to work on `run`; false where all are taken or
// another run has waited longer for one.
bool plo_pool_enter(const pipilo_run *run);
void plo_pool_leave(void);

// Whether some run waits for a worker: who works on one lets go of it now and then.
bool plo_pool_wanted(void);

// Ends all workers and waits for them; runs still queued are let go. The pool starts anew at the
// next submit.
void plo_pool_stop(void);

#endif
