// memory.h: the options about memory that embed and run share, and what the library says of it
// while it runs. Threads: the main thread only.
#ifndef CLI_MEMORY_H
#define CLI_MEMORY_H

#include "options.h"

struct memory_options {
    uint64_t memory, soft, hard, critical; // 0: not given
};

// The rows of an option table for the member `memory_options` of `type`.
#define MEMORY_ROW(option, type, field, words)                                             \
    {                                                                                      \
        0, option, "SIZE", OPTION_MEMORY,                                                  \
            offsetof(type, memory) + offsetof(struct memory_options, field), .help = words \
    }
#define MEMORY_ROWS(type)                                                                      \
    MEMORY_ROW(                                                                                \
        "memory", type, memory,                                                                \
        "work within SIZE, such as 512M, 2G or 40%, and have the process stay near it: below " \
        "what pipilo and the engine take at rest nothing can fall (without it: half of what "  \
        "there is)"),                                                                          \
        MEMORY_ROW(                                                                            \
            "memory-soft", type, soft,                                                         \
            "do less at once and give back what is idle when the process uses SIZE; a share "  \
            "is one of --memory, or of all there is (75%)"),                                   \
        MEMORY_ROW("memory-hard", type, hard,                                                  \
                   "work on one picture at a time when the process uses SIZE (85%)"),          \
        MEMORY_ROW("memory-critical", type, critical,                                          \
                   "make new pictures error rows when the process uses SIZE (95%)")

// Sets what is asked for by the options, else by PIPILO_MEMORY and its kin. Unless `quiet`, what
// becomes of it is kept for memory_say. 0, or the exit status after the message.
int memory_begin(const char *command, const struct memory_options *options, bool quiet);

// The same for a command without these options: what the environment says holds, or is an error.
int memory_from_environment(const char *command);

// Says what happened since the last time. `clear` (or NULL) is called before there is something to
// be said, with `cookie`.
void memory_say(void (*clear)(void *cookie), void *cookie);

#endif
