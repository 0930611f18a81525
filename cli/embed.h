// embed.h: the options of `pipilo embed`, shared by what makes the pipeline and what runs it.
#ifndef CLI_EMBED_H
#define CLI_EMBED_H

#include <stdbool.h>
#include <stdint.h>

#include "options.h"

#include "decoding.h"
#include "memory.h"

struct embed_options {
    struct option_words models;
    const char *out, *files_from;
    const char *precision, *exif, *on_error, *device;
    const char *dtype;
    const char *shard;
    bool fast, normalize, force, update, resume, thumbnails;
    bool quiet, json, explain, nice;
    int64_t threads, batch;
    struct memory_options memory;
    struct decoding_options decoding;
};

// What they are where nothing is typed, as the table in embed.c has it; for who makes them up.
#define EMBED_OPTIONS_INIT .precision = "f32", .exif = "apply", .on_error = "row", .dtype = "f32"

// The pipeline that does what the options ask for, as text that `pipilo run` takes; the caller
// frees it. NULL after a message where they do not go together.
char *embed_pipeline(const struct embed_options *options);

// Where model `which` writes to: OUT, or with several models OUT with the model's name before the
// suffix ("photos.resnet50.db"). The caller frees it.
char *embed_out(const struct embed_options *options, int which);

// What kind of file OUT is, in words.
const char *embed_kind(const char *out);

// Whether an OUT of this name is updated in place, batch by batch.
bool embed_keeps(const char *out);

#endif
