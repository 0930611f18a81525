// index.c: `pipilo index`: makes what lets `pipilo search` look at a few rows instead of all.
#include <stdlib.h>
#include <sys/stat.h>

#include <pipilo/pipilo.h>

#include "commands.h"
#include "drive.h"
#include "memory.h"
#include "progress.h"
#include "say.h"

struct index_options {
    const char *out;
    int64_t threads;
    struct memory_options memory;
    bool quiet;
};

// Other than 0 ends it.
static int tick(void *cookie, int64_t done, int64_t rows)
{
    struct progress *progress = cookie;
    progress->done = done;
    progress->total = rows;
    progress_tick(progress);
    return signals_caught();
}

static void summary(const char *path, int64_t rows, double seconds)
{
    struct stat status;
    char *count = text_count(rows, "row"), *clean = text_clean(path);
    printf("%s indexed in %s\n", count, text_duration(seconds).text);
    printf("written to %s", clean);
    if (stat(path, &status) == 0)
        printf(": %s", text_size((uint64_t)status.st_size).text);
    puts("");
    free(count);
    free(clean);
}

static int build(const struct index_options *options, const char *path, struct progress *progress,
                 struct pipilo_error *err)
{
    pipilo_store *store = NULL;
    struct pipilo_index_options how = PIPILO_INDEX_OPTIONS_INIT;
    how.progress = tick;
    how.cookie = progress;
    int result = pipilo_set_threads((unsigned)options->threads, err);
    if (result == 0)
        result = pipilo_store_open(&store, path, err);
    if (result == 0)
        result = pipilo_index_build(store, options->out, &how, err);
    if (result == 0)
        progress->done = pipilo_store_info(store)->rows;
    pipilo_store_close(&store);
    return result;
}

static int run_index(const void *stored, char **operands, int count)
{
    const struct index_options *options = stored;
    struct progress progress;
    struct pipilo_error err;
    (void)count;
    int status = memory_begin("index", &options->memory, true);
    if (status != 0)
        return status;
    signals_catch();
    progress_begin(&progress, options->quiet);
    int result = build(options, operands[0], &progress, &err);
    progress_clear(&progress);
    if (result == PIPILO_ECANCELED && signals_caught()) {
        say("stopped; nothing was written");
        return pipilo_error_exit_status(PIPILO_ECANCELED);
    }
    if (result < 0)
        return say_error(&err);
    if (options->quiet)
        return 0;
    char *path = options->out != NULL ? text_format("%s", options->out)
                                      : text_format("%s.index", operands[0]);
    summary(path, progress.done, progress_clock() - progress.begun);
    free(path);
    return 0;
}

#define AT(member) offsetof(struct index_options, member)

static const struct option_row rows[] = {
    { 'o', "out", "FILE", OPTION_FILE, AT(out),
      .help = "where the index goes (without it: STORE.index, which `pipilo search` finds by "
              "itself)" },
    { 0, "threads", "N", OPTION_INT, AT(threads), .fallback = "0", .max = 1024,
      .help = "threads to work with; 0: one for each processor core" },
    MEMORY_ROW("memory", struct index_options, memory,
               "work within SIZE, such as 512M, 2G or 40% (without it: half of what there is)"),
    { 'q', "quiet", NULL, OPTION_FLAG, AT(quiet), .help = "say nothing but what is fatal" },
    { 0 },
};

const struct command index_command = {
    .name = "index",
    .operands = "STORE",
    .summary = "make a large store quick to search",
    .text = "Makes an index of STORE (a .db or .npy that `pipilo embed` made), by which `pipilo "
            "search` looks at a few hundred rows instead of all. It misses a near row now and "
            "then; the scores it shows are exact.\n\n"
            "It belongs to the store as it is now: when the store has changed, the index is not "
            "used until it is made anew. An index that is there is replaced.\n\n"
            "Below some ten thousand rows a search compares every row as quickly without one. "
            "Ctrl-C ends it and leaves nothing behind.",
    .examples = "  pipilo index photos.db\n"
                "  pipilo search photos.db beach.jpg                # by photos.db.index\n"
                "  pipilo search photos.db beach.jpg --exact        # every row\n",
    .options = rows,
    .operand = OPERAND_FILE,
    .least = 1,
    .most = 1,
    .size = sizeof(struct index_options),
    .run = run_index,
};
