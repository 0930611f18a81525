// fetch.h: pictures by their URL, from the hosts that the command line allows and no other.
//
// A URL is http or https, of a host that is listed, as libcurl itself reads it; so is each one it
// is redirected to. What a name stands for is looked at when the connection is made: addresses of
// this machine, of private nets and such are refused, unless the list has the address itself.
//
// Threads: fetch_allowed and fetch_submit from any; a job's `done` is called on a thread of the
// fetcher's. A few threads fetch; what waits for them is bounded.
#ifndef SERVER_FETCH_H
#define SERVER_FETCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipilo/pipilo.h>

#include "held.h"

struct fetcher;

// One request's URLs, one after the other.
struct fetch_job {
    size_t count;
    char **urls;             // `count`; NULL: nothing to fetch there
    pipilo_value **results;  // `count` places: a picture or an error value where there was a URL
    int64_t deadline;        // of clock_now
    const atomic_bool *gone; // set where nobody waits any more
    struct held *held;       // counts what was fetched, and bounds it
    size_t bytes;            // of it, the job's: to be given back by its owner
    void (*done)(struct fetch_job *job);
    struct fetch_job *next; // the fetcher's own
};

// `hosts`: "HOST" (ports 80 and 443), "HOST:PORT", "*.DOMAIN"; borrowed. `most`: bytes of a
// picture. Errors: PIPILO_ENOMEM.
int fetch_create(struct fetcher **out, const char *const *hosts, size_t host_count, uint64_t most,
                 struct pipilo_error *err);
void fetch_destroy(struct fetcher *fetcher); // no job may be waiting; NULL is allowed

// Whether a URL may be fetched, as far as it itself tells.
bool fetch_allowed(const struct fetcher *fetcher, const char *url);

// Gives the job over; false where too many wait already.
bool fetch_submit(struct fetcher *fetcher, struct fetch_job *job);

#endif
