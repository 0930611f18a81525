// sys/foreign.h: for bindings to another language, whose functions become nodes and whose objects
// travel along the columns.
//
//     static int call(void *state, void *run, struct pipilo_batch *batch, struct pipilo_error *err)
//     {
//         for (size_t row = 0; row < batch->rows; row++) {
//             object *in = pipilo_value_peer(pipilo_batch_input(batch, row, 0));
//             object *out = language_call(state, in);
//             if (pipilo_value_create_foreign(&batch->out[row], out, language_release, err) < 0)
//                 return err->code;
//         }
//         return 0;
//     }
//
// A value may have a *peer*: the object that stands for it in the other language. A reader there
// gets the very object that a writer there gave, and one object stands for a native value whoever
// asks. There is one such language in a process: every peer has the same release function.
//
// Threads: as value.h and pipeline.h say; a peer may be released on any thread.
#ifndef PIPILO_SYS_FOREIGN_H
#define PIPILO_SYS_FOREIGN_H

#include "../pipeline.h"

#ifdef __cplusplus
extern "C" {
#endif

// --- values ---------------------------------------------------------------------------------

// A value of kind PIPILO_OBJECT whose peer is `object`; `release` is called with it when the last
// reference goes, on the thread that dropped it. On failure the object remains the caller's.
// Errors: PIPILO_ENOMEM.
PIPILO_API int pipilo_value_create_foreign(pipilo_value **out, void *object,
                                           void (*release)(void *object), struct pipilo_error *err);

// The value's peer (borrowed), or NULL.
PIPILO_API void *pipilo_value_peer(const pipilo_value *value);

// Gives the value a peer where it has none, and returns the peer it has now. Where that is not
// `object`, the object remains the caller's. None and Empty take no peer: NULL.
PIPILO_API void *pipilo_value_attach(pipilo_value *value, void *object,
                                     void (*release)(void *object));

// A tensor, or bytes, over memory of somebody else's, without a copy. `release` is called with
// `owner` when the last value over it goes, on the thread that dropped it. On failure the owner
// remains the caller's. Errors: as pipilo_value_create_tensor.
PIPILO_API int pipilo_value_create_tensor_over(pipilo_value **out,
                                               const struct pipilo_tensor *tensor, void *owner,
                                               void (*release)(void *owner),
                                               struct pipilo_error *err);
PIPILO_API int pipilo_value_create_bytes_over(pipilo_value **out, const void *data, size_t size,
                                              void *owner, void (*release)(void *owner),
                                              struct pipilo_error *err);

// A second value over the memory of a tensor or of bytes, without the first one's peer. For a peer
// that keeps the memory alive: one that kept its own value would never go. Errors: PIPILO_EINVALID
// for other kinds, PIPILO_ENOMEM.
PIPILO_API int pipilo_value_share(pipilo_value **out, const pipilo_value *value,
                                  struct pipilo_error *err);

// A picture over the pixels of a tensor uint8 [height, width, 3], without a copy; `mode` is "RGB"
// (also NULL) or "BGR". Errors: PIPILO_EINVALID, PIPILO_ENOMEM.
PIPILO_API int pipilo_value_create_pixels(pipilo_value **out, const pipilo_value *tensor,
                                          const char *mode, struct pipilo_error *err);

// The next value of an iterator value, owned by the caller, or NULL at the end. Only inside the
// call that got the iterator. Errors: those of the iterator; PIPILO_EINVALID for another kind.
PIPILO_API int pipilo_value_next(const pipilo_value *iterator, pipilo_value **out,
                                 struct pipilo_error *err);

// --- pipelines and runs ---------------------------------------------------------------------

// Whether some node reads the input column as a native value: it must then not be an object.
PIPILO_API bool pipilo_pipeline_input_is_native(const pipilo_pipeline *pipeline, size_t index);

// Has the threads of the pool begin with what they can do; else they begin when the first row is
// asked for. For a program that has several runs under way and takes the rows of one.
PIPILO_API void pipilo_run_begin(pipilo_run *run);

// From here on the first error value that comes out of any node fails the run, whether or not it
// would reach an output. pipilo_run_failure then gives it (borrowed until the run is let go), or
// NULL where the run did not fail by one.
PIPILO_API void pipilo_run_stop_at_errors(pipilo_run *run);
PIPILO_API pipilo_value *pipilo_run_failure(pipilo_run *run);

// For a run over a stream of rows that do not belong together, before its first row is asked for:
// an Empty that a step gives keeps its place, and a map or flat_map with an Empty among its inputs
// is not called and gives Empty. Otherwise Empty is dropped, and what stood behind it moves up.
PIPILO_API void pipilo_run_keep_places(pipilo_run *run);

#ifdef __cplusplus
}
#endif
#endif
