// sandbox.h: what a process gives up before it touches a picture of somebody else's: all but the
// system calls that decoding needs. A call of another one ends the process (SIGSYS).
#ifndef PLO_IMAGE_ISOLATE_SANDBOX_H
#define PLO_IMAGE_ISOLATE_SANDBOX_H

#include <stdbool.h>

#include <pipilo/error.h>

// Few descriptors, no files, no core: what the helper keeps from its start.
int plo_sandbox_limit(struct pipilo_error *err);

// Puts the filter on, for good, for all threads to come. `threads`: it may begin threads. Errors:
// PIPILO_EIO where the system has no such filters, or none is known for this processor.
int plo_sandbox_enter(bool threads, struct pipilo_error *err);

#endif
