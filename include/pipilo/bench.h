// bench.h: how fast the parts are that pipilo is made of, each measured alone: a file read,
// decoded, resized; a model's inference; a row written; and the multiply-adds this CPU can do at
// all. What a pipeline makes of them can then be held against their sum.
//
//     pipilo_bench *bench = NULL;
//     struct pipilo_bench_options options = PIPILO_BENCH_OPTIONS_INIT;
//     struct pipilo_bench_task task = PIPILO_BENCH_TASK_INIT;
//     struct pipilo_bench_result result = PIPILO_BENCH_RESULT_INIT;
//     options.model = "efficientnet-lite0";
//     task.what = PIPILO_BENCH_INFERENCE;
//     if (pipilo_bench_open(&bench, &options, &err) == 0 &&
//         pipilo_bench_measure(&result, bench, &task, &err) == 0)
//         printf("%.1f pictures a second\n", result.rate);
//     pipilo_bench_close(&bench);
//
// `pipilo bench` alternates them, takes medians and runs a whole pipeline beside them.
//
// Threads: a bench belongs to one thread at a time; what it measures has threads of its own.
#ifndef PIPILO_BENCH_H
#define PIPILO_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pipilo_bench pipilo_bench;

struct pipilo_bench_options {
    uint32_t struct_size;
    const char *model;         // as in models.h; needed
    const char *device;        // NULL: the engine's default, "CPU"
    const char *const *inputs; // files, folders and patterns, as read_dir expands them
    size_t input_count;        // 0: pictures are made up, 500 x 375 pixels, JPEGs of quality 90
    size_t pictures;           // the first so many of the inputs; 0: 200
    const char *folder;        // where a folder for what is written goes; NULL: $TMPDIR or /tmp
    bool fast;                 // decode JPEG and WebP at a reduced scale
};
#define PIPILO_BENCH_OPTIONS_INIT                          \
    {                                                      \
        .struct_size = sizeof(struct pipilo_bench_options) \
    }

// Collects the pictures and reads each once: those that cannot be read are left out, and the others
// are in the page cache afterwards. The model is looked at, not loaded. Errors: PIPILO_EINVALID (no
// model), PIPILO_ENOTFOUND (the model; no picture that can be read), PIPILO_EMODEL, PIPILO_EIO,
// PIPILO_ENOMEM.
PIPILO_API int pipilo_bench_open(pipilo_bench **out, const struct pipilo_bench_options *options,
                                 struct pipilo_error *err);

// Removes what was written and sets the pointer to NULL; NULL inside is allowed.
PIPILO_API void pipilo_bench_close(pipilo_bench **bench);

// What is measured with. Grows at the end only.
struct pipilo_bench_info {
    const char *cpu;             // by its own name; "" where it does not say
    const char *vectors;         // what the multiply-adds are made with: "AVX-512", "AVX2", "NEON"
    int cores;                   // that this process may use
    const char *model;           // its name
    size_t dim;                  // values a picture
    uint32_t width, height;      // pixels of the model's input
    bool bf16;                   // whether the device computes bf16 itself
    const char *const *pictures; // their files
    size_t picture_count;
    size_t unreadable;  // pictures left out
    uint64_t bytes;     // encoded, all pictures together
    uint64_t pixels;    // likewise
    bool made_up;       // the pictures are not the caller's
    const char *folder; // of this bench alone; all of it goes with pipilo_bench_close
};

// Borrowed until the bench is closed.
PIPILO_API const struct pipilo_bench_info *pipilo_bench_info(const pipilo_bench *bench);

enum pipilo_bench_what {
    PIPILO_BENCH_PEAK,      // float32 multiply-adds in registers: operations, two each
    PIPILO_BENCH_READ,      // a file into memory, from the page cache
    PIPILO_BENCH_DECODE,    // a file to all its pixels, upright, RGB
    PIPILO_BENCH_RESIZE,    // pixels to the model's input; their decoding is not counted
    PIPILO_BENCH_TENSOR,    // a file to the model's input, as a pipeline does it
    PIPILO_BENCH_INFERENCE, // a picture's vector, its input in memory
    PIPILO_BENCH_ROWS,      // a row with a vector into a .npy, by one thread; at most 2000
};

struct pipilo_bench_task {
    uint32_t struct_size;
    enum pipilo_bench_what what;
    double seconds;        // to measure for; 1 by the _INIT. Pictures are all taken equally often
    int64_t count;         // or until there are so many; 0: the time alone ends it
    unsigned threads;      // 0: one a core
    unsigned streams;      // INFERENCE: at the same time; 0: as embedding does it
    unsigned batch;        // INFERENCE: pictures in one; 0: as embedding does it
    const char *precision; // INFERENCE: "f32", "bf16", "auto"; NULL: "f32"
    // Asked now and then by the calling thread; false ends it (PIPILO_ECANCELED). NULL: never.
    bool (*go_on)(void *cookie);
    void *cookie;
};
#define PIPILO_BENCH_TASK_INIT                                          \
    {                                                                   \
        .struct_size = sizeof(struct pipilo_bench_task), .seconds = 1.0 \
    }

struct pipilo_bench_result {
    uint32_t struct_size;
    int64_t count;            // pictures, rows or operations
    double rate;              // of them a second, all threads together
    double seconds;           // it took
    double processor_seconds; // of the whole process; RESIZE: of the resizing
    unsigned threads;         // that worked
    unsigned streams, batch;  // INFERENCE: what was used
    const char *precision;    // likewise, what "auto" came to; static. NULL for anything else
};
#define PIPILO_BENCH_RESULT_INIT                          \
    {                                                     \
        .struct_size = sizeof(struct pipilo_bench_result) \
    }

// Measures one thing, after a few calls that do not count. A model is loaded before the clock
// starts and kept a while, as everywhere. Errors: PIPILO_EINVALID for numbers out of range, an
// unknown precision, or bf16 where the device has none; PIPILO_ECANCELED; what reading a picture,
// loading a model, inferring or writing gives.
PIPILO_API int pipilo_bench_measure(struct pipilo_bench_result *out, pipilo_bench *bench,
                                    const struct pipilo_bench_task *task, struct pipilo_error *err);

#ifdef __cplusplus
}
#endif
#endif
