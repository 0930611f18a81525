// rows.h: rows with a vector written to a table, and nothing else. Threads: as timed.h.
#ifndef PLO_BENCH_ROWS_H
#define PLO_BENCH_ROWS_H

#include <stddef.h>

#include "bench/timed.h"

enum { PLO_ROWS_MOST = 2000 }; // rows of one measurement, so that no disk is filled

// Writes rows with vectors of `dim` numbers to `path` (.npy, .jsonl, .db, replaced where it is
// there) by one thread; `call` and `cookie` of `job` are set here. What is counted ends before the
// files are synced and named. Errors: as plo_timed_run and plo_table_create.
int plo_rows_run(struct plo_timed_taken *out, const char *path, size_t dim,
                 struct plo_timed_job job, struct pipilo_error *err);

#endif
