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

// How vectors are made.
static void add_settings(struct arguments *arguments, const struct embedder_options *options)
{
    add_text(arguments, "precision", options->precision);
    add_text(arguments, "device", options->device);
    add_flag(arguments, "normalize", options->normalize);
    add_int(arguments, "threads", options->threads);
    add_int(arguments, "batch", options->batch);
}

static int create(const struct room *room, const char *name, struct arguments *arguments,
                  pipilo_callable **out, struct pipilo_error *err)
{
    add_text(arguments, "exif", room->options->exif);
    add_flag(arguments, "fast", room->options->fast);
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

static const char *const callable_names[2] = { "image_embedding.timm", "image_preprocess" };

pipilo_callable *room_callable(struct room *room, const char *name)
{
    pipilo_callable *callable = NULL;
    pthread_mutex_lock(&room->lock);
    for (int i = 0; i < 2; i++)
        if (strcmp(name, callable_names[i]) == 0)
            callable = pipilo_callable_ref(room->callables[i]);
    pthread_mutex_unlock(&room->lock);
    return callable;
}

// What is known of the model as its files are now.
static int describe(struct pipilo_model_info **out, const struct room *room,
                    struct pipilo_error *err)
{
    const struct embedder_options *options = room->options;
    struct pipilo_model_settings settings = PIPILO_MODEL_SETTINGS_INIT;
    settings.precision = options->precision;
    settings.exif = options->exif;
    settings.device = options->device;
    settings.fast = options->fast;
    settings.normalize = options->normalize;
    return pipilo_model_show(out, room->spec, &settings, err);
}

// A writer reads the model's files itself: what it writes into a store must be what is served.
static int still_served(const struct room *room, const struct pipilo_model_info *model,
                        struct pipilo_error *err)
{
    struct pipilo_model_info *now = NULL;
    int result = describe(&now, room, err);
    if (result == 0 && strcmp(now->fingerprint, model->fingerprint) != 0) {
        result = PIPILO_EMISMATCH;
        *err = (struct pipilo_error){ result, "",
                                      "the model's files have changed since it was read; SIGHUP "
                                      "has the server read them anew" };
    }
    pipilo_free(now);
    return result;
}

int room_writer(const struct room *room, const struct pipilo_model_info *model, const char *path,
                bool update, pipilo_callable **out, struct pipilo_error *err)
{
    struct arguments arguments = { 0 };
    add_text(&arguments, "path", path);
    add_text(&arguments, "model", room->spec);
    add_flag(&arguments, update ? "update" : "append", true);
    add_flag(&arguments, "thumbnails", true);
    add_settings(&arguments, room->options);
    int result = create(room, "write_sqlite", &arguments, out, err);
    if (result == 0 && (result = still_served(room, model, err)) < 0)
        pipilo_callable_unref(out);
    return result;
}

int room_items(pipilo_callable **out, struct pipilo_error *err)
{
    return pipilo_callable_create_from(out, &items_operator, NULL, NULL, err);
}

// A model that was read, whole.
struct loaded {
    const struct room *room;
    struct pipilo_model_info *info;
    pipilo_callable *callables[2];
    pipilo_pipeline *pipeline;
};

static void unload(struct loaded *loaded)
{
    pipilo_free(loaded->info);
    for (int i = 0; i < 2; i++)
        pipilo_callable_unref(&loaded->callables[i]);
    pipilo_pipeline_unref(&loaded->pipeline);
}

// What the names in the pipeline's text stand for.
static int own_callable(void *cookie, pipilo_callable **out, const char *name,
                        pipilo_value *const *positional, size_t positional_count,
                        const char *const *keywords, pipilo_value *const *values,
                        size_t keyword_count, struct pipilo_error *err)
{
    const struct loaded *loaded = cookie;
    (void)positional, (void)positional_count, (void)keywords, (void)values, (void)keyword_count;
    if (strcmp(name, "items") == 0)
        return room_items(out, err);
    *out = pipilo_callable_ref(loaded->callables[0]);
    return 0;
}

static int load_callables(struct loaded *out, struct pipilo_error *err)
{
    int result = 0;
    for (int i = 0; result == 0 && i < 2; i++) {
        struct arguments arguments = { 0 };
        add_text(&arguments, "model_name", out->room->spec);
        if (i == 0)
            add_settings(&arguments, out->room->options);
        result = create(out->room, callable_names[i], &arguments, &out->callables[i], err);
    }
    return result;
}

// The model as it is now: what is known of it, and the pipeline that embeds with it.
static int load(struct loaded *out, struct pipilo_error *err)
{
    struct pipilo_parse_options parsing = PIPILO_PARSE_OPTIONS_INIT;
    parsing.callable = own_callable;
    parsing.cookie = out;
    int result = describe(&out->info, out->room, err);
    if (result < 0)
        return result;
    result = load_callables(out, err);
    // It has been replaced between the two.
    if (result == 0)
        result = still_served(out->room, out->info, err);
    if (result < 0)
        return result;
    return pipilo_pipeline_parse_with(&out->pipeline,
                                      "pipe.input('list').flat_map('list', 'picture', ops.items())"
                                      ".map('picture', 'vector', ops.model()).output('vector')",
                                      &parsing, err);
}

static size_t batch_of(const struct room *room, const struct pipilo_model_info *info)
{
    size_t batch = room->options->batch > 0 ? (size_t)room->options->batch : info->batch;
    return batch < 1 ? 1 : batch < MOST_BATCH ? batch : MOST_BATCH;
}

static int open_model(struct room *room, struct pipilo_error *err)
{
    struct loaded loaded = { .room = room };
    int result = load(&loaded, err);
    if (result < 0) {
        unload(&loaded);
        return result;
    }
    atomic_store(&room->info, loaded.info);
    memcpy(room->callables, loaded.callables, sizeof room->callables);
    room->pipeline = loaded.pipeline;
    room->serving = loaded.info;
    room->batch = batch_of(room, loaded.info);
    room->created = time(NULL);
    return 0;
}

// The runner's thread puts the new pipeline in place; runs under way keep the one before.
struct swap {
    struct errand errand;
    struct room *room;
    struct pipilo_model_info *info;
    pipilo_pipeline *pipeline;
};

static void swap(struct errand *errand)
{
    struct swap *swap = (struct swap *)errand;
    struct room *room = swap->room;
    pipilo_pipeline_unref(&room->pipeline);
    room->pipeline = swap->pipeline;
    room->serving = swap->info;
    room->batch = batch_of(room, swap->info);
    free(swap);
}

static void replace(struct room *room, struct loaded *loaded, struct swap *step,
                    struct retired *retired)
{
    *retired = (struct retired){ room->retired, atomic_load(&room->info) };
    room->retired = retired;
    *step = (struct swap){ { .call = swap }, room, loaded->info, loaded->pipeline };
    atomic_store(&room->info, loaded->info);
    pipilo_callable *before[2];
    pthread_mutex_lock(&room->lock);
    memcpy(before, room->callables, sizeof before);
    memcpy(room->callables, loaded->callables, sizeof before);
    pthread_mutex_unlock(&room->lock);
    for (int i = 0; i < 2; i++)
        pipilo_callable_unref(&before[i]);
    runner_call(embedder_runner(room->embedder), &step->errand);
}

int room_reload(struct room *room, bool *changed, struct pipilo_error *err)
{
    struct loaded loaded = { .room = room };
    struct swap *step = calloc(1, sizeof *step);
    struct retired *retired = calloc(1, sizeof *retired);
    int result = step != NULL && retired != NULL ? 0 : PIPILO_ENOMEM;
    if (result == 0)
        result = load(&loaded, err);
    else
        *err = (struct pipilo_error){ result, "", "no memory" };
    *changed = result == 0 && strcmp(loaded.info->fingerprint, room_info(room)->fingerprint) != 0;
    if (*changed) {
        replace(room, &loaded, step, retired);
        return 0;
    }
    unload(&loaded);
    free(step);
    free(retired);
    return result;
}

void room_close(struct room **slot)
{
    struct room *room = *slot;
    *slot = NULL;
    if (room == NULL)
        return;
    pipilo_pipeline_unref(&room->pipeline);
    for (int i = 0; i < 2; i++)
        pipilo_callable_unref(&room->callables[i]);
    pthread_mutex_destroy(&room->lock);
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
    if (room != NULL) {
        pthread_mutex_init(&room->lock, NULL);
        room->spec = strdup(spec);
    }
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
