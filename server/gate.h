// gate.h: who may ask: keys, and the origins of web pages. Threads: any, but gate_create and
// gate_destroy.
#ifndef SERVER_GATE_H
#define SERVER_GATE_H

#include "exchange.h"

struct gate;

// `keys_path`: a file with a key a line ('#' begins a comment); NULL: no key is needed. `origins`:
// of the web pages that may ask ("https://example.org", "*"). Errors: PIPILO_ENOTFOUND,
// PIPILO_EIO, PIPILO_EINVALID (no key, or one that is too short), PIPILO_ENOMEM.
int gate_create(struct gate **out, const char *keys_path, const char *const *origins,
                size_t origin_count, bool loopback, struct pipilo_error *err);
void gate_destroy(struct gate *gate); // NULL is allowed

// Reads the keys anew; on failure those before stay.
int gate_reload(struct gate *gate, struct pipilo_error *err);

// Lets the request through, or answers it (401, 403, or a preflight's 204).
bool gate_pass(struct gate *gate, struct exchange *exchange);

#endif
