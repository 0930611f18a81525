// drive.h: taking a run to its end, with a look at the clock and at signals every now and then.
//
// The first SIGINT, SIGTERM or SIGHUP cancels: the run ends cleanly and leaves nothing
// half-written; or, where the driver says so, drains: what was begun is finished first. A run that
// was complete by then ends well. The second one ends the program at once.
//
// Threads: drive belongs to the main thread; the others may be called from any.
#ifndef CLI_DRIVE_H
#define CLI_DRIVE_H

#include <stdbool.h>

#include <pipilo/pipilo.h>

// From here on signals are caught.
void signals_catch(void);

// Whether one came, and a descriptor that can be read from then on (-1: there is none).
bool signals_caught(void);
int signals_fd(void);

struct driver {
    // Gets each row; other than 0 cancels the run.
    int (*row)(void *cookie, const pipilo_row *row);
    void (*tick)(void *cookie); // about ten times a second, and after each row; may be NULL
    void *cookie;
    bool drains;
};

// Runs `pipeline` with `inputs` to its end. 0, or the run's failure; PIPILO_ECANCELED where a
// signal came or `row` wanted no more.
int drive(pipilo_pipeline *pipeline, pipilo_value *const *inputs, size_t count,
          const struct driver *driver, struct pipilo_error *err);

// What the first signal does, to the run that is being driven, if there is one.
void drive_stop(void);

// Fills `err`, for what the program itself finds; gives `code`.
int fail(struct pipilo_error *err, int code, const char *message);

#endif
