// drive.c: a run from its start to its end (see drive.h).
#include "drive.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static atomic_int caught;        // by any thread; without a lock, as a signal's handler needs it
static int told[2] = { -1, -1 }; // a pipe: the signal's word to who waits in poll

// The run that is driven; guarded by the lock.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pipilo_run *driven;
static bool drains;

static void on_signal(int number)
{
    (void)number;
    int before = errno;
    if (caught)
        _exit(130);
    caught = 1;
    if (told[1] >= 0 && write(told[1], "!", 1) < 0)
        caught = 1;
    errno = before;
}

void signals_catch(void)
{
    struct sigaction action = { .sa_handler = on_signal };
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
    sigemptyset(&action.sa_mask);
    if (pipe2(told, O_CLOEXEC | O_NONBLOCK) < 0)
        told[0] = told[1] = -1;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction before;
        // What the parent wants ignored (nohup) stays so.
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
}

bool signals_caught(void)
{
    return caught != 0;
}

int signals_fd(void)
{
    return told[0];
}

static void set_driven(pipilo_run *run, bool drained)
{
    pthread_mutex_lock(&lock);
    driven = run;
    drains = drained;
    pthread_mutex_unlock(&lock);
}

static void end(pipilo_run *run, bool drained)
{
    if (drained)
        pipilo_run_drain(run);
    else
        pipilo_run_cancel(run);
}

void drive_stop(void)
{
    pthread_mutex_lock(&lock);
    if (driven != NULL)
        end(driven, drains);
    pthread_mutex_unlock(&lock);
}

int fail(struct pipilo_error *err, int code, const char *message)
{
    *err = (struct pipilo_error){ .code = code };
    snprintf(err->message, sizeof err->message, "%s", message);
    return code;
}

// After a signal the run itself says how it ended: one that was complete by then ends well.
static int take_rows(pipilo_run *run, const struct driver *driver, struct pipilo_error *err)
{
    for (bool ended = false;;) {
        pipilo_row *row = NULL;
        int result = pipilo_run_next_within(run, 100, &row, &ended, err);
        if (result == PIPILO_ECANCELED && signals_caught())
            return fail(err, result, "stopped");
        if (result < 0)
            return result;
        if (signals_caught())
            end(run, driver->drains);
        bool enough = row != NULL && driver->row(driver->cookie, row) != 0;
        pipilo_row_unref(&row);
        if (driver->tick != NULL)
            driver->tick(driver->cookie);
        if (enough) {
            pipilo_run_cancel(run);
            return fail(err, PIPILO_ECANCELED, "stopped");
        }
        if (ended)
            return 0;
    }
}

int drive(pipilo_pipeline *pipeline, pipilo_value *const *inputs, size_t count,
          const struct driver *driver, struct pipilo_error *err)
{
    pipilo_run *run = NULL;
    int result = pipilo_pipeline_start(&run, pipeline, inputs, count, err);
    set_driven(run, driver->drains);
    if (result == 0)
        result = take_rows(run, driver, err);
    set_driven(NULL, false);
    pipilo_run_unref(&run);
    return result;
}
