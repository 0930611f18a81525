// merge.c: `pipilo merge`: one OUT of the shards that `pipilo embed --shard` made.
#include <stdlib.h>

#include <pipilo/pipilo.h>

#include "commands.h"
#include "drive.h"
#include "embed.h"
#include "memory.h"
#include "progress.h"
#include "say.h"

struct merge_options {
    bool force, quiet;
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

static void summary(const char *out, int shards, const struct progress *progress)
{
    char *rows = text_count(progress->done, "row"), *count = text_count(shards, "shard");
    char *clean = text_clean(out);
    printf("%s of %s in %s\n", rows, count, text_duration(progress_clock() - progress->begun).text);
    printf("written to %s: %s\n", clean, embed_kind(out));
    free(clean);
    free(count);
    free(rows);
}

static int run_merge(const void *stored, char **operands, int count)
{
    const struct merge_options *options = stored;
    struct progress progress;
    struct pipilo_error err;
    struct pipilo_merge_options how = PIPILO_MERGE_OPTIONS_INIT;
    how.force = options->force;
    how.progress = tick;
    how.cookie = &progress;
    int status = memory_from_environment("merge");
    if (status != 0)
        return status;
    signals_catch();
    progress_begin(&progress, options->quiet);
    int result = pipilo_store_merge(operands[0], (const char *const *)operands + 1,
                                    (size_t)count - 1, &how, &err);
    progress_clear(&progress);
    if (result == PIPILO_ECANCELED && signals_caught()) {
        say("stopped; nothing was written");
        return pipilo_error_exit_status(PIPILO_ECANCELED);
    }
    if (result < 0)
        return say_error(&err);
    if (!options->quiet)
        summary(operands[0], count - 1, &progress);
    return 0;
}

#define AT(member) offsetof(struct merge_options, member)

static const struct option_row rows[] = {
    { 0, "force", NULL, OPTION_FLAG, AT(force), .help = "replace an OUT that is there" },
    { 'q', "quiet", NULL, OPTION_FLAG, AT(quiet), .help = "say nothing but what is fatal" },
    { 0 },
};

const struct command merge_command = {
    .name = "merge",
    .operands = "OUT SHARD...",
    .summary = "make one store of its shards",
    .text = "Makes OUT of all the shards that `pipilo embed --shard I/N` made, given in any order: "
            "the file that one run over all inputs would have written, with what stands beside it. "
            "OUT and the shards are one kind of file.\n\n"
            "A shard that is missing, given twice or not finished, one of another list of inputs "
            "and one of another fingerprint is refused by name. Rows are read and written one by "
            "one. The shards stay as they are; Ctrl-C leaves nothing of OUT.",
    .examples = "  pipilo embed photos/ -m MODEL -o 1.npy --shard 1/2     # on one machine\n"
                "  pipilo embed photos/ -m MODEL -o 2.npy --shard 2/2     # on another\n"
                "  pipilo merge photos.npy 1.npy 2.npy\n",
    .options = rows,
    .operand = OPERAND_FILE,
    .least = 2,
    .most = -1,
    .size = sizeof(struct merge_options),
    .run = run_merge,
};
