// vectors.h: a vector in an answer of JSON. Threads: any.
#ifndef SERVER_VECTORS_H
#define SERVER_VECTORS_H

#include <stdbool.h>
#include <stddef.h>

#include "text.h"

// An array of numbers, or with `base64` a string of little-endian float32.
void add_vector(struct text *text, const float *vector, size_t dim, bool base64);

#endif
