// shelf.c: the store's own thread (see shelf.h).
#include "shelf.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "clock.h"
#include "embedder.h"
#include "metrics.h"

enum { MOST_JOBS = 256 };

struct shelf {
    char *path;
    struct room *room;
    pthread_t thread;
    pthread_mutex_t lock; // guards what follows
    pthread_cond_t woken;
    struct shelf_job *first, **end;
    size_t count;
    bool stopping;

    // The shelf's thread only.
    pipilo_store *store;
    pipilo_index *index;
    struct stat seen; // of the file that is open
    const struct pipilo_model_info *model;
    pipilo_pipeline *writing[2]; // without and with update, of the model below
    const struct pipilo_model_info *writing_model;
};

pipilo_store *shelf_store(const struct shelf *shelf)
{
    return shelf->store;
}

pipilo_index *shelf_index(const struct shelf *shelf)
{
    return shelf->index;
}

const struct pipilo_model_info *shelf_model(const struct shelf *shelf)
{
    return shelf->model;
}

// --- reading -------------------------------------------------------------------------------------

static void close_store(struct shelf *shelf)
{
    pipilo_index_close(&shelf->index);
    pipilo_store_close(&shelf->store);
    memset(&shelf->seen, 0, sizeof shelf->seen);
}

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

// Opens the store where that was not done yet, or where somebody has written to it since.
static int look(struct shelf *shelf, struct pipilo_error *err)
{
    struct stat now;
    if (stat(shelf->path, &now) < 0) {
        close_store(shelf);
        return 0;
    }
    if (shelf->store != NULL && same(&now, &shelf->seen))
        return 0;
    close_store(shelf);
    int result = pipilo_store_open(&shelf->store, shelf->path, err);
    if (result < 0)
        return result;
    if (strcmp(pipilo_store_info(shelf->store)->fingerprint, shelf->model->fingerprint) != 0) {
        close_store(shelf);
        *err = (struct pipilo_error){ PIPILO_EMISMATCH, "",
                                      "the store's vectors are not of the model that is served" };
        return err->code;
    }
    shelf->seen = now;
    // Without one that fits, every row is compared.
    (void)pipilo_index_open(&shelf->index, shelf->store, NULL, NULL);
    return 0;
}

// --- writing -------------------------------------------------------------------------------------

bool shelf_path_grows(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot != NULL && (strcasecmp(dot, ".db") == 0 || strcasecmp(dot, ".sqlite") == 0);
}

bool shelf_grows(const struct shelf *shelf)
{
    return shelf_path_grows(shelf->path);
}

// What a pipeline's text is given, to make what it writes with.
struct writing {
    const struct shelf *shelf;
    bool update;
};

static int writing_callable(void *cookie, pipilo_callable **out, const char *name,
                            pipilo_value *const *positional, size_t positional_count,
                            const char *const *keywords, pipilo_value *const *values,
                            size_t keyword_count, struct pipilo_error *err)
{
    const struct writing *writing = cookie;
    const struct shelf *shelf = writing->shelf;
    (void)positional, (void)positional_count, (void)keywords, (void)values, (void)keyword_count;
    if (strcmp(name, "items") == 0)
        return room_items(out, err);
    return room_writer(shelf->room, shelf->model, shelf->path, writing->update, out, err);
}

static void close_writing(struct shelf *shelf)
{
    for (int i = 0; i < 2; i++)
        pipilo_pipeline_unref(&shelf->writing[i]);
    shelf->writing_model = NULL;
}

static int open_writing(struct shelf *shelf, bool update, struct pipilo_error *err)
{
    struct pipilo_parse_options options = PIPILO_PARSE_OPTIONS_INIT;
    struct writing writing = { shelf, update };
    options.callable = writing_callable;
    options.cookie = &writing;
    if (shelf->writing_model != shelf->model)
        close_writing(shelf);
    if (shelf->writing[update] != NULL)
        return 0;
    shelf->writing_model = shelf->model;
    return pipilo_pipeline_parse_with(
        &shelf->writing[update],
        "pipe.input('list').flat_map('list', ('source', 'picture', 'vector'), ops.items())"
        ".map(('source', 'picture', 'vector'), 'row', ops.write()).output('row')",
        &options, err);
}

// [[source, picture, vector], ...]
static int make_list(pipilo_value **out, const struct shelf_row *rows, size_t count,
                     struct pipilo_error *err)
{
    pipilo_value **items = calloc(count, sizeof(pipilo_value *));
    int result = items != NULL ? 0 : PIPILO_ENOMEM;
    for (size_t i = 0; result == 0 && i < count; i++) {
        pipilo_value *parts[3] = { NULL, rows[i].picture, rows[i].vector };
        result = pipilo_value_create_string(&parts[0], rows[i].source, err);
        if (result == 0)
            result = pipilo_value_create_list(&items[i], parts, 3, err);
        pipilo_value_unref(&parts[0]);
    }
    if (result == 0)
        result = pipilo_value_create_list(out, items, count, err);
    for (size_t i = 0; items != NULL && i < count; i++)
        pipilo_value_unref(&items[i]);
    free(items);
    return result;
}

int shelf_write(struct shelf *shelf, struct shelf_row *rows, size_t count, bool update,
                struct pipilo_error *err)
{
    pipilo_value *list = NULL;
    pipilo_run *run = NULL;
    size_t written = 0;
    // The file is changed in place: who reads it must not have it open.
    close_store(shelf);
    int result = open_writing(shelf, update, err);
    if (result == 0)
        result = make_list(&list, rows, count, err);
    if (result == 0)
        result = pipilo_pipeline_start(&run, shelf->writing[update], &list, 1, err);
    pipilo_row *row = NULL;
    while (result == 0 && (result = pipilo_run_next(run, &row, err)) == 0 && row != NULL) {
        if (written < count)
            rows[written++].row = pipilo_value_int(pipilo_row_value(row, 0));
        pipilo_row_unref(&row);
    }
    pipilo_run_unref(&run);
    pipilo_value_unref(&list);
    return result;
}

// --- the thread ----------------------------------------------------------------------------------

bool shelf_over(const struct shelf_job *job, struct pipilo_error *err)
{
    const struct exchange *exchange = job->exchange;
    bool gone = atomic_load(&exchange->gone), late = clock_now() > exchange->deadline;
    if (gone)
        *err = (struct pipilo_error){ PIPILO_ECANCELED, "", "the client did not wait" };
    else if (late)
        *err = (struct pipilo_error){ PIPILO_ETIMEOUT, "", "it took longer than a request may" };
    return gone || late;
}

// What the job is to be done with, as it is now.
static int prepare(struct shelf *shelf, const struct shelf_job *job, struct pipilo_error *err)
{
    if (shelf_over(job, err))
        return err->code;
    shelf->model = room_info(shelf->room);
    if (job->model == NULL || job->model == shelf->model)
        return look(shelf, err);
    *err = (struct pipilo_error){ PIPILO_EBUSY, "", "the model was replaced; ask again" };
    return err->code;
}

static void do_job(struct shelf *shelf, struct shelf_job *job)
{
    struct pipilo_error err = { 0 };
    struct exchange *exchange = job->exchange;
    int64_t submitted = job->submitted;
    int result = prepare(shelf, job, &err);
    job->work(job, shelf, result < 0 ? &err : NULL);
    metrics_stage(STAGE_STORE, clock_now() - submitted);
    exchange_resume(exchange);
}

static void *work(void *cookie)
{
    struct shelf *shelf = cookie;
    pthread_mutex_lock(&shelf->lock);
    for (;;) {
        while (shelf->first == NULL && !shelf->stopping)
            pthread_cond_wait(&shelf->woken, &shelf->lock);
        struct shelf_job *job = shelf->first;
        if (job == NULL)
            break;
        shelf->first = job->next;
        if (shelf->first == NULL)
            shelf->end = &shelf->first;
        shelf->count--;
        pthread_mutex_unlock(&shelf->lock);
        do_job(shelf, job);
        pthread_mutex_lock(&shelf->lock);
    }
    pthread_mutex_unlock(&shelf->lock);
    return NULL;
}

bool shelf_submit(struct shelf *shelf, struct shelf_job *job)
{
    job->next = NULL;
    job->submitted = clock_now();
    pthread_mutex_lock(&shelf->lock);
    bool room = shelf->count < MOST_JOBS;
    if (room) {
        *shelf->end = job;
        shelf->end = &job->next;
        shelf->count++;
        pthread_cond_signal(&shelf->woken);
    }
    pthread_mutex_unlock(&shelf->lock);
    if (!room)
        answer_error(job->exchange, 429, "busy", NULL,
                     "too many requests wait for the store already; try again");
    return room;
}

int shelf_create(struct shelf **out, const char *path, struct room *room, struct pipilo_error *err)
{
    struct shelf *shelf = calloc(1, sizeof *shelf);
    if (shelf != NULL) {
        shelf->path = strdup(path);
        shelf->room = room;
        shelf->model = room_info(room);
        shelf->end = &shelf->first;
        pthread_mutex_init(&shelf->lock, NULL);
        pthread_cond_init(&shelf->woken, NULL);
    }
    if (shelf == NULL || shelf->path == NULL ||
        pthread_create(&shelf->thread, NULL, work, shelf) != 0) {
        if (shelf != NULL)
            free(shelf->path);
        free(shelf);
        *err = (struct pipilo_error){ PIPILO_ENOMEM, "", "no memory, or no thread" };
        return err->code;
    }
    *out = shelf;
    return 0;
}

void shelf_destroy(struct shelf *shelf)
{
    if (shelf == NULL)
        return;
    pthread_mutex_lock(&shelf->lock);
    shelf->stopping = true;
    pthread_cond_signal(&shelf->woken);
    pthread_mutex_unlock(&shelf->lock);
    pthread_join(shelf->thread, NULL);
    close_store(shelf);
    close_writing(shelf);
    pthread_cond_destroy(&shelf->woken);
    pthread_mutex_destroy(&shelf->lock);
    free(shelf->path);
    free(shelf);
}
