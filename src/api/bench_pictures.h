// bench_pictures.h: the pictures of a bench: found among inputs, or made up.
// Threads: one at a time.
#ifndef PLO_API_BENCH_PICTURES_H
#define PLO_API_BENCH_PICTURES_H

#include <stddef.h>

#include <pipilo/error.h>

enum { PLO_BENCH_MADE_UP = 32 };

// The files of the first `most` pictures of `inputs`; those in archives are passed over. The caller
// frees each and the list. Errors: PIPILO_ENOTFOUND where there is none, with why where an input
// told it; PIPILO_ENOMEM.
int plo_bench_pictures_find(char ***out, size_t *count, const char *const *inputs,
                            size_t input_count, size_t most, struct pipilo_error *err);

// Writes PLO_BENCH_MADE_UP JPEGs of 500 x 375 into `folder`, the same ones each time, and lists
// them as above. Errors: PIPILO_EIO, PIPILO_ENOMEM.
int plo_bench_pictures_make(char ***out, size_t *count, const char *folder,
                            struct pipilo_error *err);

void plo_bench_pictures_free(char **paths, size_t count);

#endif
