// info.c: `pipilo info`: what a store holds and how it was made.
#include <stdlib.h>

#include <pipilo/pipilo.h>

#include "commands.h"
#include "memory.h"
#include "say.h"

struct info_options {
    bool json;
};

struct errors {
    const struct pipilo_store_count *counts;
    size_t count;
    int64_t sum;
};

static void print_line(const char *name, const char *text)
{
    char *clean = text_clean(text);
    printf("%-12s  %s\n", name, clean);
    free(clean);
}

static void print_info(const struct pipilo_store_info *info, const struct errors *errors)
{
    char *rows = text_count(info->rows, NULL), *good = text_count(info->rows - errors->sum, NULL);
    print_line("store", info->path);
    printf("%-12s  %s: %s with a vector", "rows", rows, good);
    for (size_t i = 0; i < errors->count; i++)
        printf("%s%s %lld", i == 0 ? "; errors: " : ", ", errors->counts[i].code,
               (long long)errors->counts[i].rows);
    putchar('\n');
    free(rows);
    free(good);
    if (info->shard_of > 0)
        printf("%-12s  %d/%d of %lld inputs\n", "shard", info->shard_part, info->shard_of,
               (long long)info->shard_inputs);
    printf("%-12s  %zu values each, float32\n", "vectors", info->dim);
    print_line("model", info->model);
    if (*info->model_spec != '\0')
        print_line("given as", info->model_spec);
    print_line("settings", info->settings_json);
    print_line("fingerprint", info->fingerprint);
    print_line("made with", info->noted_json);
    printf("%-12s  pipilo %s\n", "made by", info->version);
}

static void json_info(const struct pipilo_store_info *info, const struct errors *errors)
{
    fputs("{\"path\": ", stdout);
    put_json(stdout, info->path);
    printf(", \"rows\": %lld, \"ok\": %lld, \"errors\": {", (long long)info->rows,
           (long long)(info->rows - errors->sum));
    bool first = true;
    for (size_t i = 0; i < errors->count; i++) {
        put_member(stdout, &first, errors->counts[i].code);
        printf("%lld", (long long)errors->counts[i].rows);
    }
    printf("}, \"dim\": %zu, \"model\": ", info->dim);
    put_json(stdout, info->model);
    fputs(", \"model_spec\": ", stdout);
    put_json(stdout, info->model_spec);
    fputs(", \"fingerprint\": ", stdout);
    put_json(stdout, info->fingerprint);
    // These three are JSON objects already.
    printf(", \"fingerprint_of\": %s, \"noted\": %s, \"settings\": %s, \"version\": ",
           info->fingerprint_json, info->noted_json, info->settings_json);
    put_json(stdout, info->version);
    if (info->shard_of > 0)
        printf(", \"shard\": {\"part\": %d, \"of\": %d, \"inputs\": %lld}", info->shard_part,
               info->shard_of, (long long)info->shard_inputs);
    puts("}");
}

static int run_info(const void *stored, char **operands, int count)
{
    (void)count;
    const struct info_options *options = stored;
    pipilo_store *store = NULL;
    struct errors errors = { 0 };
    struct pipilo_error err;
    int status = memory_from_environment("info");
    if (status != 0)
        return status;
    int result = pipilo_store_open(&store, operands[0], &err);
    if (result == 0)
        result = pipilo_store_errors(&errors.counts, &errors.count, store, &err);
    for (size_t i = 0; i < errors.count; i++)
        errors.sum += errors.counts[i].rows;
    if (result == 0 && options->json)
        json_info(pipilo_store_info(store), &errors);
    else if (result == 0)
        print_info(pipilo_store_info(store), &errors);
    pipilo_store_close(&store);
    return result < 0 ? say_error(&err) : 0;
}

static const struct option_row rows[] = {
    { 0, "json", NULL, OPTION_FLAG, offsetof(struct info_options, json), .help = "print JSON" },
    { 0 },
};

const struct command info_command = {
    .name = "info",
    .operands = "STORE",
    .summary = "tell what a store holds and how it was made",
    .text = "Shows how many rows STORE (a .db or .npy) has, which errors there were, the model and "
            "the settings its vectors were made with, and their fingerprint: vectors can be "
            "compared only where the fingerprints are the same. `--json` shows what the "
            "fingerprint is made of, too.",
    .examples = "  pipilo info photos.db\n"
                "  pipilo info photos.npy --json | jq .errors\n",
    .options = rows,
    .operand = OPERAND_FILE,
    .least = 1,
    .most = 1,
    .size = sizeof(struct info_options),
    .run = run_info,
};
