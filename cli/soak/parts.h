// parts.h: what the kinds of work share (work.h). Threads: the main thread only.
#ifndef CLI_SOAK_PARTS_H
#define CLI_SOAK_PARTS_H

#include "work.h"

// Whether there is more to do.
bool work_goes_on(struct work *work);

// One step is done: counts it, looks, shows how far it is.
void work_step(struct work *work);

// The step under way did not do what it must; `err` says why, or NULL.
void work_wrong(struct work *work, const char *what, const struct pipilo_error *err);

// Pictures by the million in one run, and the operator that makes them.
int work_stream(struct work *work, struct pipilo_error *err);
int work_stream_begin(struct pipilo_error *err);

#endif
