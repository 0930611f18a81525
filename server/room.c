// room.c: a model that is served is opened, named and asked (see room.h).
#include "room.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <pipilo/sys/op.h>

// The items of a list, one by one.
static int items_call(void *state, void *run, struct pipilo_batch *batch, struct pipilo_error *err)
{
    (void)state;
    (void)run;
    (void)err;
    for (size_t i = 0; i < batch->rows; i++)
        batch->out[i] = pipilo_value_ref(pipilo_batch_input(batch, i, 0));
    return 0;
}

static const struct pipilo_operator items_operator = {
    .struct_size = sizeof items_operator,
    .name = "server.items",
    .summary = "the items of a list",
    .call = items_call,
};

// The keyword arguments of an operator, those that were given.
struct arguments {
    const char *keywords[12];
    pipilo_value *values[12];
    size_t count;
    int result;
};

static void add_argument(struct arguments *arguments, const char *keyword, int result)
{
    if (result < 0)
        arguments->result = result;
    else
        arguments->keywords[arguments->count++] = keyword;
}

static void add_text(struct arguments *arguments, const char *keyword, const char *text)
{
    if (text != NULL)
        add_argument(arguments, keyword,
                     pipilo_value_create_string(&arguments->values[arguments->count], text, NULL));
}

static void add_flag(struct arguments *arguments, const char *keyword, bool flag)
{
    if (flag)
        add_argument(arguments, keyword,
                     pipilo_value_create_bool(&arguments->values[arguments->count], true, NULL));
}

static void add_int(struct arguments *arguments, const char *keyword, int64_t number)
{
    if (number > 0)
        add_argument(arguments, keyword,
                     pipilo_value_create_int(&arguments->values[arguments->count], number, NULL));
}

static int create(const struct room *room, const char *name, struct arguments *arguments,
                  pipilo_callable **out, struct pipilo_error *err)
{
    const struct embedder_options *options = room->options;
    add_text(arguments, "precision", options->precision);
    add_text(arguments, "exif", options->exif);
    add_text(arguments, "device", options->device);
    add_flag(arguments, "fast", options->fast);
    add_flag(arguments, "normalize", options->normalize);
    add_int(arguments, "threads", options->threads);
    add_int(arguments, "batch", options->batch);
    int result = arguments->result;
    if (result < 0)
        *err = (struct pipilo_error){ result, "", "no memory" };
    else
        result = pipilo_callable_create(out, name, NULL, 0, arguments->keywords, arguments->values,
                                        arguments->count, err);
    for (size_t i = 0; i < arguments->count; i++)
        pipilo_value_unref(&arguments->values[i]);
    return result;
}

int room_callable(const struct room *room, pipilo_callable **out, struct pipilo_error *err)
{
    struct arguments arguments = { 0 };
    add_text(&arguments, "model_name", room->spec);
    return create(room, "image_embedding.timm", &arguments, out, err);
}

int room_writer(const struct room *room, const char *path, pipilo_callable **out,
                struct pipilo_error *err)
{
    struct arguments arguments = { 0 };
    add_text(&arguments, "path", path);
    add_text(&arguments, "model", room->spec);
    add_flag(&arguments, "update", true);
    add_flag(&arguments, "thumbnails", true);
    return create(room, "write_sqlite", &arguments, out, err);
}

int room_items(pipilo_callable **out, struct pipilo_error *err)
{
    return pipilo_callable_create_from(out, &items_operator, NULL, NULL, err);
}

// What the names in the pipeline's text stand for.
static int own_callable(void *cookie, pipilo_callable **out, const char *name,
                        pipilo_value *const *positional, size_t positional_count,
                        const char *const *keywords, pipilo_value *const *values,
                        size_t keyword_count, struct pipilo_error *err)
{
    (void)positional, (void)positional_count, (void)keywords, (void)values, (void)keyword_count;
    if (strcmp(name, "items") == 0)
        return room_items(out, err);
    return room_callable(cookie, out, err);
}

// The model as it is now: what is known of it, and the pipeline that embeds with it.
static int load(const struct room *room, struct pipilo_model_info **info,
                pipilo_pipeline **pipeline, struct pipilo_error *err)
{
    const struct embedder_options *options = room->options;
    struct pipilo_model_settings settings = PIPILO_MODEL_SETTINGS_INIT;
    settings.precision = options->precision;
    settings.exif = options->exif;
    settings.device = options->device;
    settings.fast = options->fast;
    settings.normalize = options->normalize;
    int result = pipilo_model_show(info, room->spec, &settings, err);
    if (result < 0)
        return result;
    struct pipilo_parse_options parsing = PIPILO_PARSE_OPTIONS_INIT;
    parsing.callable = own_callable;
    parsing.cookie = (void *)(uintptr_t)room;
    return pipilo_pipeline_parse_with(pipeline,
                                      "pipe.input('list').flat_map('list', 'picture', ops.items())"
                                      ".map('picture', 'vector', ops.model()).output('vector')",
                                      &parsing, err);
}

static int open_model(struct room *room, struct pipilo_error *err)
{
    struct pipilo_model_info *info = NULL;
    int result = load(room, &info, &room->pipeline, err);
    atomic_store(&room->info, info);
    if (result < 0)
        return result;
    size_t batch = room->options->batch > 0 ? (size_t)room->options->batch : info->batch;
    room->batch = batch < 1 ? 1 : batch < MOST_BATCH ? batch : MOST_BATCH;
    room->created = time(NULL);
    return 0;
}

// The runner's thread puts the new pipeline in place; runs under way keep the one before.
struct swap {
    struct errand errand;
    struct room *room;
    pipilo_pipeline *pipeline;
};

static void swap(struct errand *errand)
{
    struct swap *swap = (struct swap *)errand;
    pipilo_pipeline_unref(&swap->room->pipeline);
    swap->room->pipeline = swap->pipeline;
    free(swap);
}

int room_reload(struct room *room, bool *changed, struct pipilo_error *err)
{
    struct pipilo_model_info *info = NULL, *before = atomic_load(&room->info);
    struct swap *step = calloc(1, sizeof *step);
    struct retired *retired = calloc(1, sizeof *retired);
    int result = step != NULL && retired != NULL ? 0 : PIPILO_ENOMEM;
    if (result == 0)
        result = load(room, &info, &step->pipeline, err);
    else
        *err = (struct pipilo_error){ result, "", "no memory" };
    *changed = result == 0 && strcmp(info->fingerprint, before->fingerprint) != 0;
    if (!*changed) {
        if (step != NULL)
            pipilo_pipeline_unref(&step->pipeline);
        pipilo_free(info);
        free(step);
        free(retired);
        return result;
    }
    *retired = (struct retired){ room->retired, before };
    room->retired = retired;
    step->errand.call = swap;
    step->room = room;
    atomic_store(&room->info, info);
    runner_call(embedder_runner(room->embedder), &step->errand);
    return 0;
}

void room_close(struct room **slot)
{
    struct room *room = *slot;
    *slot = NULL;
    if (room == NULL)
        return;
    pipilo_pipeline_unref(&room->pipeline);
    while (room->retired != NULL) {
        struct retired *next = room->retired->next;
        pipilo_free(room->retired->info);
        free(room->retired);
        room->retired = next;
    }
    pipilo_free(atomic_load(&room->info));
    free(room->spec);
    free(room);
}

int room_open(struct room **out, struct embedder *embedder, const struct embedder_options *options,
              const char *spec, struct pipilo_error *err)
{
    struct room *room = calloc(1, sizeof *room);
    if (room != NULL)
        room->spec = strdup(spec);
    if (room == NULL || room->spec == NULL) {
        room_close(&room);
        *err = (struct pipilo_error){ PIPILO_ENOMEM, "", "no memory for another model" };
        return err->code;
    }
    room->embedder = embedder;
    room->options = options;
    int result = open_model(room, err);
    if (result < 0)
        room_close(&room);
    *out = room;
    return result;
}

// --- asking --------------------------------------------------------------------------------------

const struct pipilo_model_info *room_info(const struct room *room)
{
    return atomic_load(&room->info);
}

int64_t room_created(const struct room *room)
{
    return room->created;
}

int64_t room_waiting(const struct room *room)
{
    return atomic_load(&room->waiting);
}
