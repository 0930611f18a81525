// memory.c: how much memory there may be, and when it gets short (see memory.h).
#include "memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <pipilo/pipilo.h>

#include "say.h"

enum { KEPT = 16 };

// Lines come from any thread and are said by the main one; where they come too fast, the newest
// ones are not kept.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *lines[KEPT]; // guarded by the lock
static int count;         // guarded by the lock

static void keep(void *cookie, const char *line)
{
    (void)cookie;
    char *copy = strdup(line);
    pthread_mutex_lock(&lock);
    if (copy != NULL && count < KEPT) {
        lines[count++] = copy;
        copy = NULL;
    }
    pthread_mutex_unlock(&lock);
    free(copy);
}

void memory_say(void (*clear)(void *cookie), void *cookie)
{
    char *said[KEPT];
    pthread_mutex_lock(&lock);
    int length = count;
    memcpy(said, lines, sizeof said);
    count = 0;
    pthread_mutex_unlock(&lock);
    if (length > 0 && clear != NULL)
        clear(cookie);
    for (int i = 0; i < length; i++) {
        say("%s", said[i]);
        free(said[i]);
    }
}

// The option's size, else the variable's.
static int choose(const char *command, const char *variable, uint64_t option, uint64_t *size)
{
    struct pipilo_error err;
    const char *text = getenv(variable);
    *size = option;
    if (option != 0 || text == NULL || *text == '\0' || pipilo_size_parse(size, text, &err) == 0)
        return 0;
    return say_usage(command, "%s: %s", variable, err.message);
}

int memory_begin(const char *command, const struct memory_options *options, bool quiet)
{
    static const struct pipilo_log log = { keep, NULL };
    struct pipilo_memory memory = PIPILO_MEMORY_INIT;
    struct pipilo_error err;
    int status = choose(command, "PIPILO_MEMORY", options->memory, &memory.limit);
    if (status == 0)
        status = choose(command, "PIPILO_MEMORY_SOFT", options->soft, &memory.soft);
    if (status == 0)
        status = choose(command, "PIPILO_MEMORY_HARD", options->hard, &memory.hard);
    if (status == 0)
        status = choose(command, "PIPILO_MEMORY_CRITICAL", options->critical, &memory.critical);
    if (status != 0)
        return status;
    // The process is pipilo's alone: what its work may take is what the process may take.
    memory.total = memory.limit;
    if (pipilo_memory_set(&memory, &err) < 0)
        return say_usage(command, "%s", err.message);
    if (!quiet)
        pipilo_set_log(&log);
    return 0;
}

int memory_from_environment(const char *command)
{
    static const struct memory_options none = { 0 };
    return memory_begin(command, &none, true);
}
