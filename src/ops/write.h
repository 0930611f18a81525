// write.h: what write_npy, write_jsonl and write_sqlite share: they differ in the file only. Rows
// come in as (item or source, image, vector) or (item or source, vector); a good one comes out as
// its number, a failed one as the error it came with, which is written like any other row. Threads:
// as sys/op.h says; one thread at a time per run.
#ifndef PLO_OPS_WRITE_H
#define PLO_OPS_WRITE_H

#include "ops/embedding.h"
#include "ops/thumbnail.h"
#include "table/table.h"

struct plo_write {
    char *path;
    struct plo_embedding embedding; // its device is borrowed from the arguments
    struct plo_fingerprint print;
    char *model; // the model's name
    char *settings;
    size_t dim;
    bool force, update, append, resume;
    struct plo_shard shard;
    bool stop;       // the first row that failed fails the run
    bool thumbnails; // set by the operator that can keep them, before plo_write_open
    bool halves;     // likewise: vectors are kept in 16 bits
    struct plo_preprocess thumbnail;
    struct plo_decode_options thumbnail_options;
};

struct plo_writer;

struct plo_write_run {
    struct plo_writer *writer;
    struct plo_image_scratch *scratch; // for thumbnails
    uint8_t *thumbnail;                // PLO_THUMBNAIL_BYTES, or NULL
};

// plo_write_open for a table with PLO_WRITE_DTYPE_PARAM.
int plo_write_open_dtype(void *state, const pipilo_args *args, struct pipilo_error *err);

int plo_write_open(void *state, const pipilo_args *args, struct pipilo_error *err);
int plo_write_start(void *state, void *run, struct pipilo_error *err);
size_t plo_write_rows(const void *state);
size_t plo_write_need(void *state, pipilo_value *const *row, size_t columns);
int plo_write_call(void *state, void *run, struct pipilo_batch *batch, struct pipilo_error *err);
int plo_write_flush(void *state, void *run, struct pipilo_error *err);
void plo_write_stop(void *state, void *run);
void plo_write_close(void *state);

// Rows of a parameter table.
#define PLO_WRITE_PARAMS(what)                                                                  \
    { .name = "path", .type = PIPILO_PARAM_STRING, .help = what },                              \
        { .name = "model",                                                                      \
          .type = PIPILO_PARAM_STRING,                                                          \
          .help = "the model that makes the vectors, as in image_embedding.timm" },             \
        { .name = "force",                                                                      \
          .type = PIPILO_PARAM_BOOL,                                                            \
          .fallback = "False",                                                                  \
          .help = "replace what is there" },                                                    \
        { .name = "update",                                                                     \
          .type = PIPILO_PARAM_BOOL,                                                            \
          .fallback = "False",                                                                  \
          .help = "add to what is there; read_dir(update=path) passes over what it has, and a " \
                  "source that is a string takes the place of its row" },                       \
        { .name = "append",                                                                     \
          .type = PIPILO_PARAM_BOOL,                                                            \
          .fallback = "False",                                                                  \
          .help = "add every row to what is there, also of a source that is there" },           \
        { .name = "resume",                                                                     \
          .type = PIPILO_PARAM_BOOL,                                                            \
          .fallback = "False",                                                                  \
          .help = "go on with what a run that was stopped left, and be ready to be "            \
                  "stopped; read_dir(tables=path) passes over what it has" },                   \
        { .name = "shard",                                                                      \
          .type = PIPILO_PARAM_STRING,                                                          \
          .fallback = "None",                                                                   \
          .help = "'I/N': the rows are every Nth, as read_dir(shard='I/N', tables=path) "       \
                  "gives them" },                                                               \
        { .name = "on_error",                                                                   \
          .type = PIPILO_PARAM_STRING,                                                          \
          .fallback = "'row'",                                                                  \
          .choices = "row|stop",                                                                \
          .help = "row: what failed is a row that says so; stop: it ends the run" },            \
        { .name = "device",                                                                     \
          .type = PIPILO_PARAM_STRING,                                                          \
          .fallback = "None",                                                                   \
          .help = "where the vectors were computed, as in image_embedding.timm" },              \
        PLO_EMBEDDING_PARAMS

// Of the kinds of file that have both.
#define PLO_WRITE_DTYPE_PARAM                                                                    \
    {                                                                                            \
        .name = "dtype", .type = PIPILO_PARAM_STRING, .fallback = "'f32'", .choices = "f32|f16", \
        .help = "how a vector's numbers are kept: f16 takes half the room, and "                 \
                "rounds each to 11 bits"                                                         \
    }

#define PLO_WRITE_OPERATOR(called, about, table, opener)                                          \
    {                                                                                             \
        .struct_size = sizeof(struct pipilo_operator), .name = called, .summary = about,          \
        .inputs = "item | source: str; image (may be left out); float32 (dim,)",                  \
        .output = "int: the row's number", .params = table,                                       \
        .flags = PIPILO_OP_TAKES_ERRORS | PIPILO_OP_WRITES | PIPILO_OP_FAILS_RUN,                 \
        .state_size = sizeof(struct plo_write), .run_size = sizeof(struct plo_write_run),         \
        .open = opener, .start = plo_write_start, .rows = plo_write_rows, .need = plo_write_need, \
        .call = plo_write_call, .flush = plo_write_flush, .stop = plo_write_stop,                 \
        .close = plo_write_close,                                                                 \
    }

#endif
