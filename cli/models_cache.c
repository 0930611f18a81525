// models_cache.c: `pipilo models cache`: compiled models that are kept, and clearing them.
#include <stdlib.h>
#include <time.h>

#include <pipilo/pipilo.h>

#include "commands.h"
#include "memory.h"
#include "say.h"

struct cache_options {
    bool clear, json;
};

static void json_cache(const struct pipilo_model_cache *cache)
{
    fputs("{\"folder\": ", stdout);
    put_json(stdout, cache->folder);
    printf(", \"bytes\": %llu, \"max\": %llu, \"models\": [", (unsigned long long)cache->bytes,
           (unsigned long long)cache->max);
    for (size_t i = 0; i < cache->count; i++) {
        const struct pipilo_cached_model *model = &cache->models[i];
        fputs(i > 0 ? ",\n {\"path\": " : "{\"path\": ", stdout);
        put_json(stdout, model->path);
        printf(", \"bytes\": %llu, \"used\": %lld, \"identity\": %s}",
               (unsigned long long)model->bytes, (long long)model->used,
               model->identity != NULL ? model->identity : "null");
    }
    puts("]}");
}

static void print_cache(const struct pipilo_model_cache *cache)
{
    if (cache->folder == NULL) {
        puts("Nothing is kept: PIPILO_CACHE is 0, or no variable says where home is.");
        return;
    }
    for (size_t i = 0; i < cache->count; i++) {
        const struct pipilo_cached_model *model = &cache->models[i];
        char when[32] = "?";
        time_t used = (time_t)model->used;
        struct tm parts;
        if (localtime_r(&used, &parts) != NULL)
            strftime(when, sizeof when, "%Y-%m-%d %H:%M", &parts);
        char *name = text_clean(model->model != NULL ? model->model : "damaged");
        printf("%9s  %s  %-4s  %s\n", text_size(model->bytes).text, when,
               model->precision != NULL ? model->precision : "", name);
        free(name);
    }
    char *folder = text_clean(cache->folder), *count = text_count((int64_t)cache->count, "model");
    printf("%s%s compiled, %s of at most %s, in %s\n", cache->count > 0 ? "\n" : "", count,
           text_size(cache->bytes).text, text_size(cache->max).text, folder);
    free(count);
    free(folder);
}

static int clear(bool json)
{
    size_t files = 0;
    uint64_t bytes = 0;
    struct pipilo_error err;
    int result = pipilo_model_cache_clear(&files, &bytes, &err);
    if (json)
        printf("{\"removed\": %zu, \"bytes\": %llu}\n", files, (unsigned long long)bytes);
    else if (files > 0 || result == 0)
        printf("%zu removed, %s\n", files, text_size(bytes).text);
    return result < 0 ? say_error(&err) : 0;
}

static int run_cache(const void *stored, char **operands, int count)
{
    (void)operands;
    (void)count;
    const struct cache_options *options = stored;
    int status = memory_from_environment("models cache");
    if (status != 0)
        return status;
    if (options->clear)
        return clear(options->json);
    struct pipilo_model_cache *cache = NULL;
    struct pipilo_error err;
    if (pipilo_model_cache_show(&cache, &err) < 0)
        return say_error(&err);
    if (options->json)
        json_cache(cache);
    else
        print_cache(cache);
    pipilo_free(cache);
    return 0;
}

static const struct option_row rows[] = {
    { 0, "clear", NULL, OPTION_FLAG, offsetof(struct cache_options, clear),
      .help = "remove all of them" },
    { 0, "json", NULL, OPTION_FLAG, offsetof(struct cache_options, json), .help = "print JSON" },
    { 0 },
};

const struct command models_cache_command = {
    .name = "models cache",
    .operands = "",
    .summary = "show or clear the compiled models that are kept",
    .text = "A model that was compiled once for this machine is kept, and the next program that "
            "uses it starts in half the time with the same vectors. They lie in `compiled` of "
            "$PIPILO_CACHE, else of $XDG_CACHE_HOME/pipilo, else of ~/.cache/pipilo; "
            "PIPILO_CACHE=0 keeps nothing. What was used longest ago goes where they would take "
            "more than PIPILO_CACHE_MAX (2 GiB; a number of bytes, or 512M).",
    .options = rows,
    .size = sizeof(struct cache_options),
    .run = run_cache,
};
