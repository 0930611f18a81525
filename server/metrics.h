// metrics.h: what the server counts, as Prometheus reads it. Threads: any; there is one set of
// counters for the process.
#ifndef SERVER_METRICS_H
#define SERVER_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "text.h"

// Parts of a request's time.
enum metric_stage {
    STAGE_RECEIVE, // from the request line to the last byte of the body
    STAGE_QUEUE,   // a picture waits for a place
    STAGE_EMBED,   // decode, resize, inference
    STAGE_STORE,   // a search or another use of the store, its queue included
    STAGE_TOTAL,   // from the request line to the last byte of the answer: metrics_answered
    STAGES,
};

enum { METRIC_ROUTES = 40 };

void metrics_stage(enum metric_stage stage, int64_t nanoseconds);
void metrics_batch(size_t pictures); // of one run
void metrics_request(size_t route, int status);
void metrics_answered(size_t route, int64_t nanoseconds);
void metrics_item_error(int code); // of a picture
void metrics_cut_off(void);        // a client that was too slow

// All of it; `route_name` gives a route's path.
void metrics_write(struct text *text, const char *(*route_name)(size_t route));

#endif
