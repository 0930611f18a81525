// shelf.h: the store that is served. One thread has it open and does one thing after the other;
// what others want of it waits in a queue of bounded length.
//
// Threads: shelf_submit from any; a job's `work` runs on the shelf's thread, where the functions
// that take a store may be called.
#ifndef SERVER_SHELF_H
#define SERVER_SHELF_H

#include <pipilo/pipilo.h>

#include "exchange.h"

struct shelf;
struct room;

// Embedded by its owner; between shelf_submit and the end of `work` it is the shelf's.
struct shelf_job {
    struct exchange *exchange;
    const struct pipilo_model_info *model; // what the request's vectors are of; NULL: it has none
    // Does it, to the exchange, which then goes on. `err` says why the store cannot be read, or is
    // NULL.
    void (*work)(struct shelf_job *job, struct shelf *shelf, const struct pipilo_error *err);
    struct shelf_job *next;
    int64_t submitted;
};

// The store at `path`, which need not be there yet. `room` makes its vectors. Errors:
// PIPILO_ENOMEM.
int shelf_create(struct shelf **out, const char *path, struct room *room, struct pipilo_error *err);
void shelf_destroy(struct shelf *shelf); // no job may be waiting; NULL is allowed

// False, with the answer (429), where too many wait already.
bool shelf_submit(struct shelf *shelf, struct shelf_job *job);

// The store as it is now, or NULL where there is none yet; and its index, or NULL where there is
// none that fits.
pipilo_store *shelf_store(const struct shelf *shelf);
pipilo_index *shelf_index(const struct shelf *shelf);

// What the store's vectors are of; the same to the end of a job.
const struct pipilo_model_info *shelf_model(const struct shelf *shelf);

// Whether nobody waits for the job's end any more, and why; false while somebody does.
bool shelf_over(const struct shelf_job *job, struct pipilo_error *err);

// One picture with its vector, to be kept.
struct shelf_row {
    const char *source;
    pipilo_value *picture, *vector;
    int64_t row; // its number afterwards
};

// Whether rows can be added: to a .db only. Any thread.
bool shelf_grows(const struct shelf *shelf);

// The same of the store of this path, which a first row makes where it is not there.
bool shelf_path_grows(const char *path);

// Adds rows to the store; with `update`, a row whose source is there already takes that row's
// place. On failure none or some are written.
int shelf_write(struct shelf *shelf, struct shelf_row *rows, size_t count, bool update,
                struct pipilo_error *err);

#endif
