// search.c: `pipilo search`: the rows of a store that are nearest to some pictures or to a row of
// it.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pipilo/pipilo.h>

#include "commands.h"
#include "decoding.h"
#include "memory.h"
#include "say.h"

struct search_options {
    int64_t count, row;
    const char *model, *device, *index;
    int64_t threads;
    bool json, exact;
};

// What was asked for: the pictures named, then the row.
struct question {
    const struct search_options *options;
    char **pictures;
    size_t picture_count, count;
    struct pipilo_query *queries;
};

static int ask(struct question *question, struct pipilo_error *err)
{
    bool by_row = question->options->row >= 0;
    question->count = question->picture_count + by_row;
    question->queries = must(calloc(question->count, sizeof *question->queries));
    for (size_t i = 0; i < question->count; i++) {
        question->queries[i] = (struct pipilo_query)PIPILO_QUERY_INIT;
        if (i == question->picture_count)
            question->queries[i].row = question->options->row;
        else if (pipilo_value_create_image_file(&question->queries[i].picture,
                                                question->pictures[i], err) < 0)
            return err->code;
    }
    return 0;
}

static void forget(struct question *question)
{
    for (size_t i = 0; i < question->count; i++)
        pipilo_value_unref(&question->queries[i].picture);
    free(question->queries);
}

static char *name_of(const struct question *question, size_t index)
{
    return index < question->picture_count
               ? text_format("%s", question->pictures[index])
               : text_format("row %lld", (long long)question->options->row);
}

static void print_hits(const struct question *question, const struct pipilo_hits *hits)
{
    // A file gets whole names; on a terminal a row stays on one line.
    bool terminal = isatty(STDOUT_FILENO);
    int width = text_width(stdout);
    for (size_t i = 0; i < question->count; i++) {
        char *name = name_of(question, i);
        char *clean = text_clean(name);
        printf("%snearest to %s\n", i > 0 ? "\n" : "", clean);
        free(clean);
        free(name);
        printf("%5s  %7s  %8s  %s\n", "rank", "score", "row", "source");
        for (size_t k = 0; k < hits[i].count; k++) {
            const struct pipilo_hit *hit = &hits[i].list[k];
            char *source = terminal ? text_tail(hit->source, width - 27) : text_clean(hit->source);
            printf("%5zu  %7.4f  %8lld  %s\n", k + 1, (double)hit->score, (long long)hit->row,
                   source);
            free(source);
        }
        if (hits[i].count == 0)
            puts("(no row has a vector)");
    }
}

static void json_hits(const struct question *question, const struct pipilo_hits *hits)
{
    for (size_t i = 0; i < question->count; i++) {
        fputs("{\"query\": ", stdout);
        if (i < question->picture_count)
            put_json(stdout, question->pictures[i]);
        else
            printf("%lld", (long long)question->options->row);
        fputs(", \"hits\": [", stdout);
        for (size_t k = 0; k < hits[i].count; k++) {
            const struct pipilo_hit *hit = &hits[i].list[k];
            printf("%s{\"rank\": %zu, \"score\": %.9g, \"row\": %lld, \"source\": ",
                   k > 0 ? ", " : "", k + 1, (double)hit->score, (long long)hit->row);
            put_json(stdout, hit->source);
            putchar('}');
        }
        puts("]}");
    }
}

// The index to search by: the one that was named, or the one beside the store unless every row is
// to be compared. That one is as good as not there where it does not fit, and why is said.
static int open_index(pipilo_index **index, pipilo_store *store,
                      const struct search_options *options, struct pipilo_error *err)
{
    if (options->index != NULL)
        return pipilo_index_open(index, store, options->index, err);
    if (options->exact)
        return 0;
    struct pipilo_error why;
    int result = pipilo_index_open(index, store, NULL, &why);
    if (result == 0)
        say("by the index %s, which may miss a row; --exact compares every row",
            pipilo_index_path(*index));
    else if (result != PIPILO_ENOTFOUND)
        say("%s; comparing every row", why.message);
    return 0;
}

static int search(struct question *question, const char *path, struct pipilo_error *err)
{
    pipilo_store *store = NULL;
    pipilo_index *index = NULL;
    struct pipilo_hits *hits = NULL;
    struct pipilo_search_options how = PIPILO_SEARCH_OPTIONS_INIT;
    how.model = question->options->model;
    how.device = question->options->device;
    int result = pipilo_set_threads((unsigned)question->options->threads, err);
    if (result == 0)
        result = pipilo_store_open(&store, path, err);
    if (result == 0)
        result = ask(question, err);
    if (result == 0)
        result = open_index(&index, store, question->options, err);
    how.index = index;
    if (result == 0)
        result = pipilo_store_search(&hits, store, question->queries, question->count,
                                     (size_t)question->options->count, &how, err);
    if (result == 0 && question->options->json)
        json_hits(question, hits);
    else if (result == 0)
        print_hits(question, hits);
    pipilo_free(hits);
    forget(question);
    pipilo_index_close(&index);
    pipilo_store_close(&store);
    return result;
}

static int run_search(const void *stored, char **operands, int count)
{
    struct question question = { .options = stored,
                                 .pictures = operands + 1,
                                 .picture_count = (size_t)count - 1 };
    struct pipilo_error err;
    if (count == 1 && question.options->row < 0)
        return say_usage("search", "there is nothing to look for: name a picture, or give --row N");
    if (question.options->exact && question.options->index != NULL)
        return say_usage("search", "--exact and --index exclude each other");
    int status = memory_from_environment("search");
    if (status == 0)
        status = decoding_from_environment("search");
    if (status != 0)
        return status;
    return search(&question, operands[0], &err) < 0 ? say_error(&err) : 0;
}

#define AT(member) offsetof(struct search_options, member)

static const struct option_row rows[] = {
    { 'k', "count", "N", OPTION_INT, AT(count), .fallback = "10", .min = 1, .max = 1000000,
      .help = "how many rows to show" },
    { 0, "row", "N", OPTION_INT, AT(row), .fallback = "-1", .min = -1, .max = INT64_MAX,
      .help = "look for what is near this row of STORE", .silent = true },
    { 'm', "model", "MODEL", OPTION_MODEL, AT(model),
      .help = "where the store's model is now, if it was moved; another model is refused" },
    { 0, "device", "DEVICE", OPTION_STRING, AT(device),
      .help = "what the engine works on, such as CPU or GPU" },
    { 0, "exact", NULL, OPTION_FLAG, AT(exact),
      .help = "compare every row, even where `pipilo index` has made an index" },
    { 0, "index", "FILE", OPTION_FILE, AT(index),
      .help = "search by this index, and fail where it does not fit the store" },
    { 0, "threads", "N", OPTION_INT, AT(threads), .fallback = "0", .max = 1024,
      .help = "threads to work with; 0: one for each processor core" },
    { 0, "json", NULL, OPTION_FLAG, AT(json), .help = "print one JSON object a query" },
    { 0 },
};

const struct command search_command = {
    .name = "search",
    .operands = "STORE QUERY...",
    .summary = "find what looks most like a picture",
    .text =
        "Finds the rows of STORE (a .db or .npy that `pipilo embed` made) that are nearest to "
        "each QUERY, which is a picture. Each row is compared, so nothing near is missed, unless "
        "`pipilo index` has made STORE.index: then that is used, and said.\n\n"
        "The score is the cosine of the two vectors: 1 is the same, 0 has nothing in common. "
        "A query is embedded as the store was: with its model, precision and settings.",
    .examples = "  pipilo search photos.db beach.jpg\n"
                "  pipilo search photos.npy a.jpg b.jpg -k 3 --json\n"
                "  pipilo search photos.db --row 17                # near a picture of the store\n",
    .options = rows,
    .operand = OPERAND_FILE,
    .least = 1,
    .most = -1,
    .size = sizeof(struct search_options),
    .run = run_search,
};
