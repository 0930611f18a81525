// runner.c: the thread that waits for every run (see runner.h).
#include "runner.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "clock.h"

enum { TICK_MS = 100 };

struct runner {
    pthread_t thread;
    pthread_mutex_t lock; // guards what follows
    pthread_cond_t woken;
    struct running *rung;
    struct errand *errands, **errands_end;
    struct runner_tick ticks[RUNNER_TICKS];
    int tick_count;
    bool stopping;

    _Atomic int64_t last_seen;
};

// --- what others hand over -----------------------------------------------------------------------

static void ready(void *cookie)
{
    struct running *running = cookie;
    struct runner *runner = running->runner;
    pthread_mutex_lock(&runner->lock);
    if (!running->rung) {
        running->rung = true;
        running->next_rung = runner->rung;
        runner->rung = running;
        pthread_cond_signal(&runner->woken);
    }
    pthread_mutex_unlock(&runner->lock);
}

void runner_call(struct runner *runner, struct errand *errand)
{
    errand->next = NULL;
    pthread_mutex_lock(&runner->lock);
    *runner->errands_end = errand;
    runner->errands_end = &errand->next;
    pthread_cond_signal(&runner->woken);
    pthread_mutex_unlock(&runner->lock);
}

void runner_add_tick(struct runner *runner, struct runner_tick tick)
{
    pthread_mutex_lock(&runner->lock);
    runner->ticks[runner->tick_count++] = tick;
    pthread_mutex_unlock(&runner->lock);
}

// --- the thread ----------------------------------------------------------------------------------

int runner_start(struct runner *runner, struct running *running, pipilo_pipeline *pipeline,
                 pipilo_value *const *inputs, size_t count, struct pipilo_error *err)
{
    running->runner = runner;
    running->rung = false;
    int result = pipilo_pipeline_start(&running->run, pipeline, inputs, count, err);
    if (result == 0)
        pipilo_run_watch(running->run, ready, running);
    return result;
}

static void take_rows(struct running *running)
{
    struct pipilo_error err = { 0 };
    pipilo_row *row = NULL;
    bool ended = false;
    int result;
    while ((result = pipilo_run_next_within(running->run, 0, &row, &ended, &err)) == 0 &&
           row != NULL) {
        running->row(running, row);
        pipilo_row_unref(&row);
    }
    if (result == 0 && !ended)
        return;
    pipilo_run_unref(&running->run);
    running->ended(running, result < 0 ? &err : NULL);
}

// What is to be done now, taken out under the lock.
struct round {
    struct running *rung;
    struct errand *errands;
};

static struct round wait_for_work(struct runner *runner)
{
    struct timespec until;
    int64_t end = clock_now() + TICK_MS * MILLISECOND;
    until = (struct timespec){ end / SECOND, end % SECOND };
    while (runner->rung == NULL && runner->errands == NULL && !runner->stopping &&
           pthread_cond_timedwait(&runner->woken, &runner->lock, &until) == 0) {}
    struct round round = { runner->rung, runner->errands };
    for (struct running *running = round.rung; running != NULL; running = running->next_rung)
        running->rung = false;
    runner->rung = NULL;
    runner->errands = NULL;
    runner->errands_end = &runner->errands;
    return round;
}

// In the order of their coming: `ready` puts the newest first.
static struct running *reversed(struct running *list)
{
    struct running *out = NULL;
    while (list != NULL) {
        struct running *next = list->next_rung;
        list->next_rung = out;
        out = list;
        list = next;
    }
    return out;
}

static void *work(void *cookie)
{
    struct runner *runner = cookie;
    pthread_mutex_lock(&runner->lock);
    while (!runner->stopping || runner->errands != NULL) {
        struct round round = wait_for_work(runner);
        int ticks = runner->tick_count;
        // A run whose rows are taken may ring again from here on: its link is read first.
        struct running *list = reversed(round.rung);
        pthread_mutex_unlock(&runner->lock);
        atomic_store(&runner->last_seen, clock_now());
        while (list != NULL) {
            struct running *running = list;
            list = list->next_rung;
            take_rows(running);
        }
        while (round.errands != NULL) {
            struct errand *errand = round.errands;
            round.errands = errand->next;
            errand->call(errand);
        }
        for (int i = 0; i < ticks; i++)
            runner->ticks[i].tick(runner->ticks[i].cookie, clock_now());
        pthread_mutex_lock(&runner->lock);
    }
    pthread_mutex_unlock(&runner->lock);
    return NULL;
}

int64_t runner_last_seen(const struct runner *runner)
{
    return atomic_load(&runner->last_seen);
}

struct runner *runner_create(void)
{
    struct runner *runner = calloc(1, sizeof *runner);
    if (runner == NULL)
        return NULL;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&runner->woken, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&runner->lock, NULL);
    runner->errands_end = &runner->errands;
    atomic_init(&runner->last_seen, clock_now());
    if (pthread_create(&runner->thread, NULL, work, runner) != 0) {
        free(runner);
        return NULL;
    }
    return runner;
}

void runner_destroy(struct runner *runner)
{
    if (runner == NULL)
        return;
    pthread_mutex_lock(&runner->lock);
    runner->stopping = true;
    pthread_cond_signal(&runner->woken);
    pthread_mutex_unlock(&runner->lock);
    pthread_join(runner->thread, NULL);
    pthread_cond_destroy(&runner->woken);
    pthread_mutex_destroy(&runner->lock);
    free(runner);
}
