// pictures.c: from a request's pictures to vectors (see pictures.h).
#include "pictures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve.h"

static void forget(struct exchange *exchange)
{
    struct pictures *pictures = exchange->work;
    for (size_t i = 0; i < pictures->count; i++) {
        pipilo_value_unref(&pictures->pictures[i]);
        if (pictures->results != NULL)
            pipilo_value_unref(&pictures->results[i]);
        if (pictures->kept != NULL)
            pipilo_value_unref(&pictures->kept[i]);
        free(pictures->names[i]);
        free(pictures->urls[i]);
    }
    free(pictures->pictures);
    free(pictures->results);
    free(pictures->names);
    free(pictures->urls);
    free(pictures->kept);
    if (pictures->forget_more != NULL)
        pictures->forget_more(pictures->more);
    free(pictures);
}

static bool no_memory(struct exchange *exchange)
{
    answer_error(exchange, 503, "out_of_memory", NULL, "no memory for the request");
    return false;
}

struct pictures *pictures_create(struct exchange *exchange, struct room *room)
{
    struct pictures *pictures = calloc(1, sizeof *pictures);
    if (pictures == NULL) {
        no_memory(exchange);
        return NULL;
    }
    pictures->exchange = exchange;
    pictures->model = room_info(room);
    pictures->job.room = room;
    pictures->job.model = pictures->model;
    exchange->work = pictures;
    exchange->forget = forget;
    exchange->model = pictures->model->name;
    return pictures;
}

static bool grow(struct pictures *pictures)
{
    size_t capacity = pictures->capacity == 0 ? 1 : 4 * pictures->capacity;
    pipilo_value **values = realloc(pictures->pictures, capacity * sizeof(pipilo_value *));
    if (values != NULL)
        pictures->pictures = values;
    char **names = realloc(pictures->names, capacity * sizeof *names);
    if (names != NULL)
        pictures->names = names;
    char **urls = realloc(pictures->urls, capacity * sizeof *urls);
    if (urls != NULL)
        pictures->urls = urls;
    if (values == NULL || names == NULL || urls == NULL)
        return no_memory(pictures->exchange);
    pictures->capacity = capacity;
    return true;
}

// A place for one more; false after the answer.
static bool more(struct pictures *pictures)
{
    if (pictures->count == MOST_PICTURES) {
        answer_error(pictures->exchange, 400, "limit_exceeded", "input",
                     "a request has at most %d pictures", MOST_PICTURES);
        return false;
    }
    return pictures->count < pictures->capacity || grow(pictures);
}

bool pictures_add(struct pictures *pictures, const void *data, size_t size, const char *name)
{
    pipilo_value *value = NULL;
    if (!more(pictures))
        return false;
    if (pipilo_value_create_image(&value, data, size, NULL) < 0)
        return no_memory(pictures->exchange);
    pictures->urls[pictures->count] = NULL;
    pictures->names[pictures->count] = NULL;
    pictures->pictures[pictures->count++] = value;
    return name == NULL || pictures_name(pictures, pictures->count - 1, name);
}

bool pictures_name(struct pictures *pictures, size_t index, const char *name)
{
    pictures->names[index] = text_clean(name);
    return pictures->names[index] != NULL || no_memory(pictures->exchange);
}

bool pictures_add_url(struct pictures *pictures, const char *url)
{
    char *copy = strdup(url);
    if (copy == NULL)
        return no_memory(pictures->exchange);
    if (!more(pictures)) {
        free(copy);
        return false;
    }
    pictures->fetches = true;
    pictures->urls[pictures->count] = copy;
    pictures->names[pictures->count] = NULL;
    pictures->pictures[pictures->count++] = NULL;
    return true;
}

static void done(struct embed_job *job)
{
    struct pictures *pictures = (struct pictures *)job;
    if (pictures->then != NULL)
        pictures->then(pictures->exchange);
    else
        exchange_resume(pictures->exchange);
}

static void too_many(struct exchange *exchange)
{
    answer_error(exchange, 429, "busy", NULL, "too many pictures wait already; try again");
}

// Each has its picture, or an error in place of one: the model's operator passes that on.
static void embed(struct pictures *pictures)
{
    struct exchange *exchange = pictures->exchange;
    for (size_t i = 0; pictures->keep && i < pictures->count; i++)
        if (pictures->pictures[i] != NULL)
            pictures->kept[i] = pipilo_value_ref(pictures->pictures[i]);
    if (embedder_submit(exchange->server->embedder, &pictures->job))
        return;
    exchange->finish = too_many;
    exchange_resume(exchange);
}

static void fetched(struct fetch_job *job)
{
    struct pictures *pictures =
        (struct pictures *)((char *)job - offsetof(struct pictures, fetching));
    pictures->exchange->reserved += job->bytes;
    // Without memory for an error value there is None, which is no picture either.
    for (size_t i = 0; i < pictures->count; i++)
        if (pictures->pictures[i] == NULL)
            pictures->pictures[i] = pipilo_value_none();
    embed(pictures);
}

static void start(struct exchange *exchange)
{
    struct pictures *pictures = exchange->work;
    if (!pictures->fetches) {
        embed(pictures);
        return;
    }
    pictures->fetching = (struct fetch_job){ .count = pictures->count,
                                             .urls = pictures->urls,
                                             .results = pictures->pictures,
                                             .deadline = exchange->deadline,
                                             .gone = &exchange->gone,
                                             .held = &exchange->server->held,
                                             .done = fetched };
    if (fetch_submit(exchange->server->fetcher, &pictures->fetching))
        return;
    exchange->finish = too_many;
    exchange_resume(exchange);
}

void pictures_begin(struct pictures *pictures, void (*finish)(struct exchange *exchange))
{
    struct exchange *exchange = pictures->exchange;
    struct embed_job *job = &pictures->job;
    pictures->results = calloc(pictures->count, sizeof(pipilo_value *));
    pictures->kept = calloc(pictures->count, sizeof(pipilo_value *));
    if (pictures->results == NULL || pictures->kept == NULL) {
        no_memory(exchange);
        return;
    }
    job->count = pictures->count;
    job->pictures = pictures->pictures;
    job->results = pictures->results;
    job->deadline = exchange->deadline;
    job->gone = &exchange->gone;
    job->done = done;
    exchange->pictures = pictures->count;
    exchange->finish = finish;
    exchange->start = start;
}

size_t pictures_dim(const struct pictures *pictures)
{
    return pictures->model->dim;
}

const float *pictures_vector(const struct pictures *pictures, size_t index,
                             struct pipilo_error *err)
{
    struct pipilo_tensor view;
    const pipilo_value *result = pictures->results[index];
    const struct pipilo_error *why = result != NULL ? pipilo_value_error(result) : NULL;
    if (result != NULL && pipilo_value_tensor(result, &view))
        return view.data;
    *err = why != NULL ? *why : (struct pipilo_error){ PIPILO_ENOMEM, "", "no memory" };
    return NULL;
}

// A picture that cannot be used is the request's mistake; what the server lacks is not.
int picture_status(int code)
{
    int status = pipilo_error_http_status(code);
    // Where a picture is to be fetched from is the request's affair too.
    return status < 500 || code == PIPILO_ENETWORK ? 400 : status;
}

void picture_param(const struct pictures *pictures, size_t index, char *out, size_t size)
{
    if (pictures->names[index] != NULL)
        snprintf(out, size, "%s", pictures->names[index]);
    else
        snprintf(out, size, "input[%zu]", index);
}

bool pictures_all_good(struct exchange *exchange)
{
    const struct pictures *pictures = exchange->work;
    struct pipilo_error err;
    for (size_t i = 0; !pictures->rows && i < pictures->count; i++) {
        char param[128];
        if (pictures_vector(pictures, i, &err) != NULL)
            continue;
        picture_param(pictures, i, param, sizeof param);
        answer_error(exchange, picture_status(err.code), pipilo_error_name(err.code), param,
                     "%s: %s", param, err.message);
        return false;
    }
    return true;
}
