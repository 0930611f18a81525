// access_log.h: one line of JSON a request, and the ids by which it is found again. Threads: any,
// but open and close. A reader of the log that does not keep up loses lines, not the server.
#ifndef SERVER_ACCESS_LOG_H
#define SERVER_ACCESS_LOG_H

#include <stdbool.h>

#include "exchange.h"

struct sockaddr;

// "-" is standard output, "off" nothing. Called again it opens the file anew, where it was moved
// away; on failure the one before stays. Errors: PIPILO_EIO.
int access_log_open(const char *path, struct pipilo_error *err);
void access_log_close(void);

void access_log_write(const struct exchange *exchange, const struct sockaddr *client, int64_t took,
                      bool whole);

// Takes the client's `traceparent` (W3C) over where there is a valid one, else makes one.
void trace_begin(struct exchange *exchange);

#endif
