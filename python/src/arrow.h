// arrow.h: the Arrow C data interface and C stream interface: their three structs, as the
// specification lays them down (https://arrow.apache.org/docs/format/CDataInterface.html).
//
// A struct is alive while its `release` is set; who has it may move it by copying its bytes and
// clearing that field in the old place, children of a live parent too, and calls `release` once.
#ifndef PLOPY_ARROW_H
#define PLOPY_ARROW_H

#include <stdint.h>

enum { ARROW_FLAG_NULLABLE = 2 };

struct ArrowSchema {
    const char *format, *name, *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length, null_count, offset;
    int64_t n_buffers, n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};

#define ARROW_SCHEMA_CAPSULE "arrow_schema"
#define ARROW_ARRAY_CAPSULE  "arrow_array"
#define ARROW_STREAM_CAPSULE "arrow_array_stream"

#endif
