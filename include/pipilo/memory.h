// memory.h: how much memory there may be, and what is done when it gets short.
//
// Two things are held. The *budget* is what pipilo's own work may take: pixels, rows between steps,
// models. All of it is charged before it is allocated. The *governor* watches the memory that is
// really used, by the whole process and, where it has one, its control group; three marks say when
// it is
//
//   soft       less is worked on at once; models nobody uses and free heap are given back
//   hard       one row at a time is worked on until it falls
//   critical   a new row that needs memory waits for those at work; if memory is still as short
//              it is an error row, PIPILO_EBUDGET, with the figures
//
//     struct pipilo_memory memory = PIPILO_MEMORY_INIT;
//     memory.limit = UINT64_C(2) << 30;      // the budget: 2 GiB
//     memory.soft = PIPILO_SHARE(60);        // of all there is
//     memory.action = tell_somebody;
//     if (pipilo_memory_set(&memory, &err) < 0)
//         ...
//
// What is not set is taken from the environment (PIPILO_MEMORY, PIPILO_MEMORY_SOFT, .._HARD,
// .._CRITICAL, texts as pipilo_size_parse takes them), else by default; docs/memory.md has all of
// it. Memory is looked at ten times a second while rows are worked on, and before one is refused.
//
// Threads: any.
#ifndef PIPILO_MEMORY_H
#define PIPILO_MEMORY_H

#include "error.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum pipilo_memory_state {
    PIPILO_MEMORY_OK,
    PIPILO_MEMORY_SOFT,
    PIPILO_MEMORY_HARD,
    PIPILO_MEMORY_CRITICAL,
};

// "ok", "soft", "hard", "critical"; static.
PIPILO_API const char *pipilo_memory_state_name(enum pipilo_memory_state state);

// From one state to another.
struct pipilo_memory_event {
    enum pipilo_memory_state state, before;
    uint64_t used;  // bytes, as the marks count them
    uint64_t total; // bytes
};

// A size below is a number of bytes, 0 for what was not set, or a share of `total`.
#define PIPILO_SHARE(percent) (UINT64_C(1) << 63 | (uint64_t)(percent))

// Grows at the end only.
struct pipilo_memory {
    uint32_t struct_size;
    uint64_t limit; // the budget; by default half of the smaller of the group's limit and the RAM
    // What the whole process may take, and the marks are shares of: by default all that the group
    // or the machine has. A share here is one of that.
    uint64_t total;
    // How much of `total` is used when a state begins. By default all but a quarter of it (at most
    // 2 GiB), all but 15 % (at most 1 GiB) and all but 5 % (at most 256 MiB); a mark that was not
    // set gives way to those that were.
    uint64_t soft, hard, critical;
    // Called once for each event, on whichever thread saw it, without any lock and between rows;
    // the work of that thread waits for it, and a row that another would refuse does, a second at
    // most. It may call the functions of this header and pipilo_trim; it must not run a pipeline,
    // end a run nor close the library. NULL: none.
    void (*action)(void *cookie, const struct pipilo_memory_event *event);
    void *cookie;
};

#define PIPILO_MEMORY_INIT                           \
    {                                                \
        .struct_size = sizeof(struct pipilo_memory), \
    }

// Sets all of it. When it returns, the action before is not called any more, unless it is called
// from within that action. A child of fork() begins without an action. Errors: PIPILO_EINVALID for
// a share over 100, or marks not in the order soft <= hard <= critical.
PIPILO_API int pipilo_memory_set(const struct pipilo_memory *memory, struct pipilo_error *err);

// What was set, as it was set.
PIPILO_API void pipilo_memory_get(struct pipilo_memory *memory);

// "512M", "2GiB", "1000" (powers of 1024) and "80%" (PIPILO_SHARE(80)) to a size. Errors:
// PIPILO_EINVALID.
PIPILO_API int pipilo_size_parse(uint64_t *size, const char *text, struct pipilo_error *err);

#ifdef __cplusplus
}
#endif
#endif
