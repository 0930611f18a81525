// stream.c: pictures by the million through one run of one pipeline (see work.h), good and bad
// ones. Each comes back many times, and must become what it became the first time.
#include <stdlib.h>
#include <string.h>

#include <pipilo/pipilo.h>
#include <pipilo/sys/op.h>

#include "../drive.h"
#include "../say.h"
#include "parts.h"
#include "pictures.h"

// --- the operator that makes them ----------------------------------------------------------------

struct maker {
    const struct work *work; // what it says of the end
    int64_t made;
    unsigned char bytes[SOAK_PICTURE_BYTES];
};

static int next_picture(void *iterator, pipilo_value **out, struct pipilo_error *err)
{
    struct maker *maker = iterator;
    enum soak_picture_kind kind;
    *out = NULL;
    if (maker->made >= maker->work->items || progress_clock() >= maker->work->until)
        return 0;
    size_t size = soak_picture((uint64_t)(maker->made++ % WORK_PICTURES), maker->bytes, &kind);
    return pipilo_value_create_image(out, maker->bytes, size, err);
}

static int call(void *state, void *run, struct pipilo_batch *batch, struct pipilo_error *err)
{
    (void)state;
    (void)run;
    struct maker *maker = must(calloc(1, sizeof *maker));
    maker->work = pipilo_value_object(pipilo_batch_input(batch, 0, 0));
    int result = pipilo_value_create_iterator(&batch->out[0], maker, next_picture, free, err);
    if (result < 0)
        free(maker);
    return result;
}

int work_stream_begin(struct pipilo_error *err)
{
    static const struct pipilo_operator op = {
        .struct_size = sizeof op,
        .name = "soak.pictures",
        .summary = "small pictures made in memory, good and bad ones",
        .inputs = "the work",
        .output = "image",
        .call = call,
    };
    return pipilo_operator_register(&op, err);
}

// --- what becomes of them ------------------------------------------------------------------------

struct stream {
    struct work *work;
    enum soak_picture_kind kinds[WORK_PICTURES];
    uint64_t seen[WORK_PICTURES]; // a digest of what it became; 0: not yet
};

// FNV-1a (G. Fowler, L. Noll, K. Vo), never 0.
static uint64_t digest(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    uint64_t sum = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ bytes[i]) * UINT64_C(1099511628211);
    return sum | 1;
}

static uint64_t digest_row(const pipilo_row *row)
{
    struct pipilo_tensor vector;
    const struct pipilo_error *error = pipilo_row_error(row);
    if (error != NULL)
        return digest(error->message, strlen(error->message));
    if (!pipilo_value_tensor(pipilo_row_value(row, 0), &vector))
        return 1;
    return digest(vector.data, vector.shape[0] * pipilo_dtype_size(vector.dtype));
}

static int take_row(void *cookie, const pipilo_row *row)
{
    struct stream *stream = cookie;
    struct work *work = stream->work;
    size_t number = (size_t)(work->done % WORK_PICTURES);
    const struct pipilo_error *error = pipilo_row_error(row);
    bool fits = stream->kinds[number] == SOAK_MAYBE ||
                (error != NULL) == (stream->kinds[number] == SOAK_BAD);
    uint64_t found = digest_row(row);
    if (stream->seen[number] == 0)
        stream->seen[number] = found;
    work->errors += error != NULL;
    if (!fits || stream->seen[number] != found)
        work_wrong(work, "picture", error);
    work_step(work);
    return 0;
}

static void find_kinds(struct stream *stream)
{
    unsigned char *bytes = must(malloc(SOAK_PICTURE_BYTES));
    for (size_t i = 0; i < WORK_PICTURES; i++)
        soak_picture(i, bytes, &stream->kinds[i]);
    free(bytes);
}

static char *pipeline_text(const char *model)
{
    char *text = NULL;
    size_t size;
    FILE *out = must(open_memstream(&text, &size));
    fputs("pipe.input('work').flat_map('work', 'p', ops.soak.pictures())"
          ".map('p', 'v', ops.image_embedding.timm(",
          out);
    put_python(out, model);
    fputs(")).output('v')", out);
    fclose(out);
    return must(text);
}

static void not_ours(void *work)
{
    (void)work; // the caller's, and there longer than the run
}

int work_stream(struct work *work, struct pipilo_error *err)
{
    struct stream *stream = must(calloc(1, sizeof *stream));
    const struct driver driver = { .row = take_row, .cookie = stream };
    char *text = pipeline_text(work->model);
    pipilo_pipeline *pipeline = NULL;
    pipilo_value *input = NULL;
    stream->work = work;
    find_kinds(stream);
    int result = pipilo_value_create_object(&input, work, not_ours, err);
    if (result == 0)
        result = pipilo_pipeline_parse(&pipeline, text, err);
    if (result == 0)
        result = drive(pipeline, &input, 1, &driver, err);
    pipilo_value_unref(&input);
    pipilo_pipeline_unref(&pipeline);
    free(text);
    free(stream);
    return result;
}
