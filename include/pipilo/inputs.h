// inputs.h: how many pictures some files, folders, patterns and archives hold, for a progress bar.
//
//     int64_t count;
//     if (pipilo_inputs_count(&count, names, 2, NULL, NULL, NULL, &err) == 0 && count >= 0)
//         printf("%lld pictures\n", (long long)count);
//
// The operator read_dir gives the pictures themselves and expands its inputs by the same rules.
//
// Threads: any; counting a large folder takes its time, so a program may want a thread for it.
#ifndef PIPILO_INPUTS_H
#define PIPILO_INPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

// Counts what read_dir would give for `inputs` without reading a picture. *out is -1 where that
// cannot be known without reading everything: an archive is among them, or the names come from
// standard input or a pipe. `files_from` (may be NULL) is read too where it is a regular file; "-"
// and pipes are not touched. `go_on` (may be NULL) is asked now and then; false stops
// (PIPILO_ECANCELED). Errors: PIPILO_ENOTFOUND and PIPILO_EIO for `files_from`, PIPILO_ENOMEM; an
// input that is not there counts as one.
PIPILO_API int pipilo_inputs_count(int64_t *out, const char *const *inputs, size_t count,
                                   const char *files_from, bool (*go_on)(void *cookie),
                                   void *cookie, struct pipilo_error *err);

#ifdef __cplusplus
}
#endif
#endif
