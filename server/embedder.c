// embedder.c: jobs, their turns and the runs they are taken in (see embedder.h).
#include "embedder.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "metrics.h"
#include "room.h"

enum { MOST_ROOMS = 8 };
// How often a picture of the server's own goes the way of all others, and how long it may take.
#define CANARY_EVERY (2 * SECOND)
#define CANARY_TIME  (6 * SECOND)

struct item {
    struct embed_job *job; // NULL: nobody waits for it any more
    size_t index;
};

// A run, and whose pictures are in it.
struct group {
    struct running running;
    struct room *room;
    struct group *next, *before;
    const struct pipilo_model_info *model;
    size_t count, at;
    int64_t begun;
    bool own; // the picture in it is the server's
    struct item items[];
};

struct embedder {
    struct runner *runner;
    struct embedder_options options;
    int most_active;
    atomic_bool stopping;
    size_t count;
    struct room *rooms[MOST_ROOMS];
};

// --- the picture of the server's own
// ---------------------------------------------------------------

// A BMP of 16 x 16 pixels that fade from one corner to the other.
static int canary_create(pipilo_value **out)
{
    enum { SIDE = 16, HEAD = 54 };
    static const uint8_t head[HEAD] = {
        'B', 'M', 0x36, 3,    0, 0, 0, 0,    0, 0, HEAD, 0, 0, 0,  40,
        0,   0,   0,    SIDE, 0, 0, 0, SIDE, 0, 0, 0,    1, 0, 24, 0,
    };
    uint8_t file[HEAD + 3 * SIDE * SIDE];
    memcpy(file, head, HEAD);
    for (int i = 0; i < SIDE * SIDE; i++) {
        file[HEAD + 3 * i] = (uint8_t)(i % SIDE * SIDE);
        file[HEAD + 3 * i + 1] = (uint8_t)(i / SIDE * SIDE);
        file[HEAD + 3 * i + 2] = (uint8_t)i;
    }
    return pipilo_value_create_bytes(out, file, sizeof file, NULL);
}

// --- the list of jobs ----------------------------------------------------------------------------

static void append(struct room *room, struct embed_job *job)
{
    job->next = NULL;
    job->before = room->last;
    *(room->last != NULL ? &room->last->next : &room->jobs) = job;
    room->last = job;
}

static void prepend(struct room *room, struct embed_job *job)
{
    job->before = NULL;
    job->next = room->jobs;
    *(room->jobs != NULL ? &room->jobs->before : &room->last) = job;
    room->jobs = job;
}

static void take_out(struct room *room, struct embed_job *job)
{
    *(job->before != NULL ? &job->before->next : &room->jobs) = job->next;
    *(job->next != NULL ? &job->next->before : &room->last) = job->before;
}

static void finish(struct room *room, struct embed_job *job)
{
    take_out(room, job);
    for (size_t i = 0; i < job->count; i++)
        pipilo_value_unref(&job->pictures[i]);
    job->done(job);
}

static void admit(struct errand *errand)
{
    struct embed_job *job =
        (struct embed_job *)((char *)errand - offsetof(struct embed_job, errand));
    if (job->first)
        prepend(job->room, job);
    else
        append(job->room, job);
}

bool embedder_submit(struct embedder *embedder, struct embed_job *job)
{
    struct room *room = job->room;
    int64_t count = (int64_t)job->count;
    int64_t waiting = atomic_fetch_add(&room->waiting, count);
    // A job that is too large for the queue by itself has to be let in at some time.
    if (waiting > 0 && waiting + count > embedder->options.most_waiting && !job->first) {
        atomic_fetch_sub(&room->waiting, count);
        return false;
    }
    job->taken = 0;
    job->left = job->count;
    job->submitted = clock_now();
    job->errand.call = admit;
    runner_call(embedder->runner, &job->errand);
    return true;
}

// --- runs ----------------------------------------------------------------------------------------

// In place of a vector of a model that was replaced while the picture waited.
static void refuse(pipilo_value **result)
{
    const struct pipilo_error late = { PIPILO_EBUSY, "", "the model was replaced; ask again" };
    pipilo_value_unref(result);
    pipilo_value_create_error(result, &late, NULL);
}

static void settle(struct group *group, struct item *item, pipilo_value *result)
{
    struct room *room = group->room;
    struct embed_job *job = item->job;
    if (job == NULL) {
        pipilo_value_unref(&result);
        return;
    }
    if (job->model != NULL && job->model != group->model)
        refuse(&result);
    job->results[item->index] = result;
    pipilo_value_unref(&job->pictures[item->index]);
    const struct pipilo_error *error = result != NULL ? pipilo_value_error(result) : NULL;
    if ((error != NULL || result == NULL) && !job->first)
        metrics_item_error(error != NULL ? error->code : PIPILO_ENOMEM);
    if (error == NULL && result != NULL)
        atomic_store(&room->last_good, clock_now());
    if (--job->left == 0)
        finish(room, job);
}

static void take_row(struct running *running, const pipilo_row *row)
{
    struct group *group = (struct group *)running;
    if (group->at == group->count)
        return;
    if (!group->own)
        metrics_stage(STAGE_EMBED, clock_now() - group->begun);
    settle(group, &group->items[group->at++], pipilo_value_ref(pipilo_row_value(row, 0)));
}

static void end_group(struct group *group, const struct pipilo_error *why)
{
    struct room *room = group->room;
    *(group->before != NULL ? &group->before->next : &room->groups) = group->next;
    if (group->next != NULL)
        group->next->before = group->before;
    room->active--;
    while (group->at < group->count) {
        pipilo_value *error = NULL;
        pipilo_value_create_error(&error, why, NULL);
        settle(group, &group->items[group->at++], error);
    }
    free(group);
}

static void run_ended(struct running *running, const struct pipilo_error *err)
{
    static const struct pipilo_error early = { PIPILO_EINTERNAL, "", "the run ended early" };
    end_group((struct group *)running, err != NULL ? err : &early);
}

// The job whose picture is the next; few before it have all of theirs in runs.
static struct embed_job *next_in_turn(const struct room *room)
{
    struct embed_job *job = room->jobs;
    while (job != NULL && job->taken == job->count)
        job = job->next;
    return job;
}

// The next pictures in turn, at most `most`, into a new group.
static struct group *gather(struct room *room, size_t most)
{
    struct group *group = calloc(1, sizeof *group + most * sizeof group->items[0]);
    if (group == NULL)
        return NULL;
    group->room = room;
    group->model = room->serving;
    group->begun = clock_now();
    struct embed_job *job;
    while (group->count < most && (job = next_in_turn(room)) != NULL) {
        group->items[group->count++] = (struct item){ job, job->taken++ };
        group->own = job->first;
        if (!group->own)
            metrics_stage(STAGE_QUEUE, group->begun - job->submitted);
        // Its next picture comes after those of all others.
        if (job->taken < job->count) {
            take_out(room, job);
            append(room, job);
        }
    }
    atomic_fetch_sub(&room->waiting, (int64_t)group->count);
    return group;
}

static void start_group(struct room *room, struct group *group)
{
    struct pipilo_error err = { 0 };
    pipilo_value *pictures[MOST_BATCH], *list = NULL;
    for (size_t i = 0; i < group->count; i++)
        pictures[i] = group->items[i].job->pictures[group->items[i].index];
    group->running.row = take_row;
    group->running.ended = run_ended;
    group->next = room->groups;
    if (group->next != NULL)
        group->next->before = group;
    room->groups = group;
    room->active++;
    if (!group->own)
        metrics_batch(group->count);
    int result = pipilo_value_create_list(&list, pictures, group->count, &err);
    if (result == 0)
        result =
            runner_start(room->embedder->runner, &group->running, room->pipeline, &list, 1, &err);
    pipilo_value_unref(&list);
    if (result < 0)
        end_group(group, &err);
}

// Whether what waits is to be begun now: a run's worth, or the eldest has waited long enough.
static bool due(const struct room *room, int64_t now)
{
    const struct embed_job *job = next_in_turn(room);
    if (job == NULL)
        return false;
    int64_t wait = room->embedder->options.batch_wait;
    return wait == 0 || job->first || atomic_load(&room->waiting) >= (int64_t)room->batch ||
           now - job->submitted >= wait;
}

static void dispatch(struct room *room, int64_t now)
{
    int most = room->embedder->most_active;
    // A picture of the server's own has a place of its own: it must find a stuck stage, not wait.
    const struct embed_job *job = next_in_turn(room);
    bool first = job != NULL && job->first;
    while (room->active < most + first && due(room, now)) {
        struct group *group = gather(room, first ? 1 : room->batch);
        first = false;
        if (group == NULL)
            return;
        start_group(room, group);
    }
}

// --- time ----------------------------------------------------------------------------------------

// What is still in a run is nobody's from here on; a run with nothing else ends.
static void orphan(struct room *room, const struct embed_job *job)
{
    for (struct group *group = room->groups, *next; group != NULL; group = next) {
        bool wanted = false;
        next = group->next;
        for (size_t i = group->at; i < group->count; i++) {
            if (group->items[i].job == job)
                group->items[i].job = NULL;
            wanted = wanted || group->items[i].job != NULL;
        }
        if (!wanted)
            pipilo_run_cancel(group->running.run);
    }
}

static void expire(struct room *room, struct embed_job *job)
{
    struct pipilo_error late = { PIPILO_ETIMEOUT, "", "it took longer than a request may" };
    orphan(room, job);
    atomic_fetch_sub(&room->waiting, (int64_t)(job->count - job->taken));
    for (size_t i = 0; i < job->count; i++)
        if (job->results[i] == NULL) {
            pipilo_value_create_error(&job->results[i], &late, NULL);
            if (!job->first)
                metrics_item_error(late.code);
        }
    finish(room, job);
}

static void canary_done(struct embed_job *job)
{
    struct room *room = job->room;
    pipilo_value_unref(&room->canary_result);
    room->canary_out = false;
}

// Sends the server's own picture where no other has lately shown that all is well.
static void send_canary(struct room *room, int64_t now)
{
    bool good = now - atomic_load(&room->last_good) < CANARY_EVERY;
    if (room->canary_out || atomic_load(&room->embedder->stopping) || good ||
        now - room->canary_sent < CANARY_EVERY)
        return;
    room->canary_sent = now;
    room->canary_out = true;
    room->canary = (struct embed_job){ .room = room,
                                       .count = 1,
                                       .pictures = &room->canary_picture,
                                       .results = &room->canary_result,
                                       .deadline = now + CANARY_TIME,
                                       .done = canary_done,
                                       .first = true };
    if (canary_create(&room->canary_picture) < 0)
        room->canary_out = false;
    else
        embedder_submit(room->embedder, &room->canary);
}

static void tick(void *cookie, int64_t now)
{
    struct embedder *embedder = cookie;
    for (size_t i = 0; i < embedder->count; i++) {
        struct room *room = embedder->rooms[i];
        for (struct embed_job *job = room->jobs, *next; job != NULL; job = next) {
            next = job->next;
            if (now > job->deadline || (job->gone != NULL && atomic_load(job->gone)))
                expire(room, job);
        }
        send_canary(room, now);
        dispatch(room, now);
    }
}

// --- opening and closing
// --------------------------------------------------------------------------

int embedder_add(struct embedder *embedder, const char *spec, struct pipilo_error *err)
{
    struct room *room = NULL;
    if (embedder->count == MOST_ROOMS) {
        *err = (struct pipilo_error){ PIPILO_EINVALID, "", "no more than eight models are served" };
        return err->code;
    }
    int result = room_open(&room, embedder, &embedder->options, spec, err);
    if (result == 0)
        embedder->rooms[embedder->count++] = room;
    return result;
}

static int cores(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

struct embedder *embedder_create(struct runner *runner, const struct embedder_options *options,
                                 struct pipilo_error *err)
{
    struct embedder *embedder = calloc(1, sizeof *embedder);
    if (embedder == NULL) {
        *err = (struct pipilo_error){ PIPILO_ENOMEM, "", "no memory" };
        return NULL;
    }
    embedder->runner = runner;
    embedder->options = *options;
    embedder->most_active = (options->threads > 0 ? (int)options->threads : cores()) + 1;
    return embedder;
}

void embedder_begin(struct embedder *embedder)
{
    runner_add_tick(embedder->runner, (struct runner_tick){ tick, embedder });
}

bool embedder_stop(struct embedder *embedder, int64_t patience)
{
    int64_t until = clock_now() + patience;
    const struct timespec moment = { 0, 2 * MILLISECOND };
    atomic_store(&embedder->stopping, true);
    for (size_t i = 0; i < embedder->count; i++) {
        const struct room *room = embedder->rooms[i];
        while (atomic_load(&room->active) > 0 || atomic_load(&room->canary_out)) {
            if (clock_now() > until)
                return false;
            nanosleep(&moment, NULL);
        }
    }
    return true;
}

void embedder_destroy(struct embedder *embedder)
{
    for (size_t i = 0; embedder != NULL && i < embedder->count; i++)
        room_close(&embedder->rooms[i]);
    free(embedder);
}

// --- asking --------------------------------------------------------------------------------------

struct runner *embedder_runner(const struct embedder *embedder)
{
    return embedder->runner;
}

struct room *embedder_room(const struct embedder *embedder, size_t index)
{
    return index < embedder->count ? embedder->rooms[index] : NULL;
}

struct room *embedder_find(const struct embedder *embedder, const char *name)
{
    for (size_t i = 0; i < embedder->count; i++) {
        struct room *room = embedder->rooms[i];
        if (name == NULL || strcmp(name, room_info(room)->name) == 0 ||
            strcmp(name, room->spec) == 0)
            return room;
    }
    return NULL;
}

struct room *embedder_of_fingerprint(const struct embedder *embedder, const char *fingerprint)
{
    for (size_t i = 0; i < embedder->count; i++)
        if (strcmp(fingerprint, room_info(embedder->rooms[i])->fingerprint) == 0)
            return embedder->rooms[i];
    return NULL;
}

bool embedder_healthy(const struct embedder *embedder, int64_t within, const char **stuck)
{
    int64_t now = clock_now();
    for (size_t i = 0; i < embedder->count; i++) {
        if (now - atomic_load(&embedder->rooms[i]->last_good) <= within)
            continue;
        *stuck = room_info(embedder->rooms[i])->name;
        return false;
    }
    return true;
}
