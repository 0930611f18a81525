// decoding.h: how this process decodes: how large a picture may be, the time it may take, and where
// (the public side is <pipilo/decoding.h>). Threads: any.
#ifndef PLO_IMAGE_DECODING_H
#define PLO_IMAGE_DECODING_H

#include <stdbool.h>
#include <stdint.h>

#include <pipilo/decoding.h>

// The limit in nanoseconds; 0: none.
int64_t plo_decoding_limit(void);

// Pixels that a picture may have.
uint64_t plo_decoding_pixels(void);

// Whether pictures are decoded in helpers.
bool plo_decoding_apart(void);

// For a helper, which is told how it decodes. A limit of 0: none.
void plo_decoding_set_limit(int64_t limit);
void plo_decoding_set_apart(bool apart);

// One picture's time.
struct plo_deadline {
    int64_t limit, end; // nanoseconds; `end` by plo_clock_ns. limit 0: there is none
};

// Begins the time of a picture.
void plo_deadline_start(struct plo_deadline *deadline);

// PIPILO_ETIMEOUT when it is over. Some tens of nanoseconds.
int plo_deadline_check(const struct plo_deadline *deadline, struct pipilo_error *err);

// That error.
int plo_deadline_fail(int64_t limit, struct pipilo_error *err);

#endif
