// library.h: the process-wide side: memory budget, threads, what is alive, closing.
//
// Nothing has to be opened: the library sets itself up at first use. Settings take effect for what
// is started afterwards. pipilo_close gives everything back and proves that nothing is left.
//
// Threads: any, except pipilo_close, which wants the library otherwise idle.
#ifndef PIPILO_LIBRARY_H
#define PIPILO_LIBRARY_H

#include "error.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// pipilo's version, e.g. "0.1.0"; static.
PIPILO_API const char *pipilo_version(void);

// The memory budget in bytes for the process; 0 = the default: PIPILO_MEMORY of the environment,
// else half of the smaller of the cgroup's limit and the RAM. memory.h has all about memory.
PIPILO_API void pipilo_set_memory(uint64_t bytes);

// Threads that work on pipelines; 0 = one for each core this process may use. Takes effect when the
// pool starts, with the first run. Errors: PIPILO_EINVALID (over 1024), PIPILO_EBUSY (it runs).
PIPILO_API int pipilo_set_threads(unsigned threads, struct pipilo_error *err);

// A folder with the inference engine's libraries, looked into before the places beside pipilo; the
// variable PIPILO_OPENVINO goes before it. Takes effect until the engine is first used. Errors:
// PIPILO_EINVALID for a name that is too long.
PIPILO_API int pipilo_set_engine_path(const char *folder, struct pipilo_error *err);

// Lines for people about what the library does by itself, such as memory.h's states. Nobody asked:
// nothing is said.
struct pipilo_log {
    // On any thread, without a lock. `line` has no newline and is gone after the call. It must not
    // run a pipeline nor close the library.
    void (*write)(void *cookie, const char *line);
    void *cookie;
};

// `log` is borrowed until the end of the process, for other threads may still write to the one
// before; NULL: nobody is told.
PIPILO_API void pipilo_set_log(const struct pipilo_log *log);

// What is alive now, and the memory budget. Grows at the end only.
struct pipilo_stats {
    uint32_t struct_size; // set by the caller to sizeof(struct pipilo_stats)
    int64_t values, images, pipelines, runs, models, sources, tables; // objects alive
    int64_t allocations;       // blocks from pipilo's allocator
    uint64_t budget_limit;     // bytes
    uint64_t budget_used;      // bytes charged and reserved now
    uint64_t budget_peak;      // the highest so far
    uint64_t model_loads;      // models loaded since the start
    uint64_t memory_anonymous; // RssAnon of the process, bytes; 0 where unknown

    // What the inputs of read_dir passed over since the start: hidden names; names without a
    // picture's suffix; links to nowhere or back, sockets, devices; rows an update had already.
    uint64_t skipped_hidden, skipped_other, skipped_irregular, skipped_unchanged;
    // Members of archives beside their pictures that a limit dropped or cut.
    uint64_t skipped_members;

    // What the governor sees (memory.h): an enum pipilo_memory_state, bytes used and the most that
    // was seen, all there is, the marks.
    uint32_t memory_state;
    uint64_t memory_used, memory_peak, memory_total, memory_soft, memory_hard, memory_critical;
    // How often each state began, and rows that became errors because memory was critical.
    uint64_t entered_ok, entered_soft, entered_hard, entered_critical, rows_refused;

    // Helper processes (decoding.h) since the start: started, and crashed or ended for taking long.
    uint64_t helpers_started, helpers_lost;

    // Rows that read_dir passed over because a run that was stopped had made them, and how many of
    // these are errors.
    uint64_t resumed, resumed_errors;
};
PIPILO_API void pipilo_stats(struct pipilo_stats *stats);

// Drops what is idle: models nobody uses, helper processes, free heap. Returns how many models were
// dropped.
PIPILO_API size_t pipilo_trim(void);

// Stops the threads, drops every cache and checks that nothing is alive. Errors: PIPILO_EBUSY,
// naming what is left. The library may be used again afterwards.
PIPILO_API int pipilo_close(struct pipilo_error *err);

#ifdef __cplusplus
}
#endif
#endif
