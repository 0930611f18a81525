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
    // Does it, to the exchange, which then goes on. `err` says why the store cannot be read, or is
    // NULL.
    void (*work)(struct shelf_job *job, struct shelf *shelf, const struct pipilo_error *err);
    struct shelf_job *next;
    int64_t submitted;
};

// The store at `path`, which need not be there yet. `room` makes its vectors. Errors:
// PIPILO_ENOMEM.
int shelf_create(struct shelf **out, const char *path, const struct room *room,
                 struct pipilo_error *err);
void shelf_destroy(struct shelf *shelf); // no job may be waiting; NULL is allowed

// False, with the answer (429), where too many wait already.
bool shelf_submit(struct shelf *shelf, struct shelf_job *job);

// The store as it is now, or NULL where there is none yet; and its index, or NULL where there is
// none that fits.
pipilo_store *shelf_store(const struct shelf *shelf);
pipilo_index *shelf_index(const struct shelf *shelf);
const struct room *shelf_room(const struct shelf *shelf);

// One picture with its vector, to be kept.
struct shelf_row {
    const char *source;
    pipilo_value *picture, *vector;
    int64_t row; // its number afterwards
};

// Whether rows can be added: to a .db only. Any thread.
bool shelf_grows(const struct shelf *shelf);

// Adds rows to the store, all or, on failure, as many as were written until then.
int shelf_write(struct shelf *shelf, struct shelf_row *rows, size_t count,
                struct pipilo_error *err);

#endif
