// write.c: rows into a table (see write.h). The model is asked what fixes its vectors, without
// loading it.
#include "ops/write.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/fail.h"
#include "image/decoding.h"
#include "ops/item.h"
#include "ops/picture.h"
#include "ops/process.h"
#include "ops/shard.h"
#include "ops/writer.h"

enum { ROWS = 32 }; // of one call

// How the model is found again: by its whole path where it was named by one.
static char *model_spec(const char *spec)
{
    char whole[PATH_MAX];
    return plo_strdup(realpath(spec, whole) != NULL ? whole : spec);
}

// What a query must be embedded with, as JSON.
static char *settings_json(const struct plo_embedding *embedding, const struct plo_model *model,
                           const char *spec)
{
    struct plo_str str = PLO_STR_INIT;
    char *found = model_spec(spec);
    if (found == NULL)
        return NULL;
    plo_str_addf(&str, "{\"exif\": \"%s\", \"fast\": %s, \"model\": ",
                 embedding->decode.ignore_orientation ? "ignore" : "apply",
                 embedding->decode.fast ? "true" : "false");
    plo_str_add_json(&str, found);
    plo_str_addf(&str, ", \"normalize\": %s, \"precision\": \"%s\"}",
                 embedding->model.normalize ? "true" : "false",
                 plo_precision_names[plo_model_precision(model)]);
    plo_free(found);
    return plo_str_take(&str);
}

static int describe_model(struct plo_write *write, const char *spec, struct pipilo_error *err)
{
    struct plo_model *model = NULL;
    PLO_TRY(plo_model_describe(&model, spec, &write->embedding.model, err));
    int result = plo_embedding_fingerprint(&write->embedding, model, &write->print, err);
    write->dim = plo_model_dim(model);
    write->model = plo_strdup(plo_model_name(model));
    write->settings = settings_json(&write->embedding, model, spec);
    plo_model_unref(&model);
    if (result == 0 && (write->model == NULL || write->settings == NULL))
        return plo_fail_nomem(err, 0);
    return result;
}

int plo_write_open(void *state, const pipilo_args *args, struct pipilo_error *err)
{
    struct plo_write *write = state;
    write->embedding = plo_embedding_of_args(args);
    write->force = pipilo_args_bool(args, "force");
    write->update = pipilo_args_bool(args, "update");
    write->append = pipilo_args_bool(args, "append");
    write->resume = pipilo_args_bool(args, "resume");
    if (write->append && (write->force || write->update || write->resume))
        return plo_fail(err, PIPILO_EPIPELINE, "append goes with none of force, update and resume");
    PLO_TRY(plo_shard_of_args(&write->shard, args, err));
    write->stop = strcmp(pipilo_args_string(args, "on_error"), "stop") == 0;
    write->thumbnail = plo_thumbnail_target();
    write->thumbnail_options = write->embedding.decode;
    write->thumbnail_options.fast = true;
    const char *path = pipilo_args_string(args, "path");
    const char *model = pipilo_args_string(args, "model");
    if (path == NULL || model == NULL)
        return plo_fail(err, PIPILO_EPIPELINE, "a path and a model must be named");
    write->path = plo_strdup(path);
    return write->path != NULL ? describe_model(write, model, err) : plo_fail_nomem(err, 0);
}

int plo_write_open_dtype(void *state, const pipilo_args *args, struct pipilo_error *err)
{
    struct plo_write *write = state;
    write->halves = strcmp(pipilo_args_string(args, "dtype"), "f16") == 0;
    return plo_write_open(state, args, err);
}

int plo_write_start(void *state, void *run, struct pipilo_error *err)
{
    struct plo_write *write = state;
    struct plo_write_run *mine = run;
    struct plo_table_meta meta = {
        .fingerprint = write->print.id,
        .fingerprint_json = write->print.json,
        .noted_json = write->print.noted,
        .model = write->model,
        .dim = write->dim,
        .halves = write->halves,
        .version = PLO_VERSION_TEXT,
        .settings_json = write->settings,
    };
    struct plo_table_options options = {
        .force = write->force,
        .update = write->update || write->append,
        .resume = write->resume,
        .thumbnails = write->thumbnails,
        .max_pixels = plo_decoding_pixels(),
        .shard = write->shard,
    };
    if (write->thumbnails) {
        mine->scratch = plo_image_scratch_create();
        mine->thumbnail = plo_alloc(PLO_THUMBNAIL_BYTES);
        if (mine->scratch == NULL || mine->thumbnail == NULL)
            return plo_fail_nomem(err, PLO_THUMBNAIL_BYTES);
    }
    return plo_writer_open(&mine->writer, write->path, &meta, &options, err);
}

size_t plo_write_rows(const void *state)
{
    (void)state;
    return ROWS;
}

size_t plo_write_need(void *state, pipilo_value *const *row, size_t columns)
{
    struct plo_write *write = state;
    if (!write->thumbnails || columns != 3 || row[1]->kind != PIPILO_IMAGE)
        return 0;
    return plo_picture_need(row[1], &write->thumbnail, &write->thumbnail_options);
}

static bool fits_halves(const float *vector, size_t dim)
{
    for (size_t i = 0; i < dim; i++)
        // What rounds to an infinity; an infinity of its own is the model's affair, as in f32.
        if (fabsf(vector[i]) >= 65520.0f && !isinf(vector[i]))
            return false;
    return true;
}

// The first error among a row's values, or what is wrong with its vector; NULL: nothing.
static const struct pipilo_error *what_failed(const struct plo_write *write,
                                              pipilo_value *const *in, size_t columns,
                                              struct pipilo_error *own)
{
    for (size_t i = 0; i < columns; i++)
        if (in[i]->kind == PIPILO_ERROR)
            return in[i]->as.error;
    const struct pipilo_tensor *view = &in[columns - 1]->as.tensor.view;
    if (in[columns - 1]->kind == PIPILO_TENSOR && view->dtype == PIPILO_F32 && view->count == 1 &&
        view->shape[0] == write->dim) {
        if (!write->halves || fits_halves(view->data, write->dim))
            return NULL;
        plo_fail(own, PIPILO_ELIMIT, "the vector has a value past 65504, the most that f16 holds");
        return own;
    }
    plo_fail(own, PIPILO_EINVALID, "the vector is not float32 (%zu,)", write->dim);
    return own;
}

static int set_source(struct plo_row *row, const pipilo_value *value, struct pipilo_error *err)
{
    row->source = pipilo_value_string(value);
    if (row->source != NULL)
        return 0;
    return plo_fail(err, PIPILO_EINVALID,
                    "the first column is an item of read_dir or a string, not %s",
                    pipilo_kind_name(value->kind));
}

// In an update a source that is there already has its row made again: its vector is here.
static int find_row(const struct plo_write *write, const struct plo_write_run *run,
                    struct plo_row *row, struct pipilo_error *err)
{
    // No input was written at that time, so none counts as unchanged.
    const int64_t never = INT64_MIN;
    int known =
        write->update ? plo_writer_known(run->writer, row->source, 0, never, &row->row, err) : 0;
    return known < 0 ? known : 0;
}

static void set_item(struct plo_row *row, struct plo_table_member *members,
                     const struct plo_row_item *found)
{
    const struct plo_item *item = &found->item;
    row->row = found->row;
    row->source = item->source;
    row->size = item->size;
    row->mtime_ns = item->mtime_ns;
    row->key = item->key;
    row->members = members;
    for (size_t i = 0; item->members != NULL && i < item->members->count; i++) {
        const struct plo_item_member *member = &item->members->list[i];
        members[row->member_count++] = (struct plo_table_member){
            .name = member->name,
            .size = member->size,
            .bytes = member->bytes != NULL ? member->bytes->data : NULL,
        };
    }
}

// What the picture itself adds to the row. A thumbnail that cannot be made is left out: the row is
// about the vector.
static void set_picture(const struct plo_write *write, const struct plo_write_run *run,
                        struct plo_row *row, const pipilo_value *value)
{
    struct plo_image *image = plo_value_object_of(value, &plo_image_class);
    struct plo_image_info info;
    if (image == NULL || plo_image_probe(image, &info, NULL) < 0)
        return;
    row->width = info.width;
    row->height = info.height;
    if (write->thumbnails &&
        plo_thumbnail_create(run->thumbnail, &row->thumbnail_size, image, &write->thumbnail_options,
                             run->scratch, NULL) == 0)
        row->thumbnail = run->thumbnail;
}

static int write_row(const struct plo_write *write, const struct plo_write_run *run,
                     pipilo_value *const *in, size_t columns, pipilo_value **out,
                     struct pipilo_error *err)
{
    struct plo_table_member members[PLO_SOURCE_SAMPLE_MEMBERS];
    struct pipilo_error own = { 0 };
    struct plo_row row = { .row = -1 };
    const struct pipilo_error *failed = what_failed(write, in, columns, &own);
    // The inputs broke off: no row of theirs, and the table would not be whole.
    if (in[0]->kind == PIPILO_ERROR)
        return plo_fail(err, failed->code, "%s", failed->message);
    const struct plo_row_item *item = plo_value_object_of(in[0], &plo_row_item_class);
    // Of several tables that are resumed one may have come farther than another.
    if (item != NULL && item->number < plo_writer_resumed(run->writer))
        return pipilo_value_create_int(out, item->number, err);
    if (item != NULL)
        set_item(&row, members, item);
    else {
        PLO_TRY(set_source(&row, in[0], err));
        PLO_TRY(find_row(write, run, &row, err));
    }
    if (failed != NULL && write->stop)
        return plo_fail(err, failed->code, "%.160s: %s", row.source, failed->message);
    if (columns > 2)
        set_picture(write, run, &row, in[1]);
    if (failed != NULL) {
        row.code = pipilo_error_name(failed->code);
        row.message = failed->message;
    } else {
        row.vector = in[columns - 1]->as.tensor.view.data;
    }
    int64_t number = 0;
    PLO_TRY(plo_writer_append(run->writer, &row, &number, err));
    return failed != NULL ? pipilo_value_create_error(out, failed, err)
                          : pipilo_value_create_int(out, number, err);
}

int plo_write_call(void *state, void *run, struct pipilo_batch *batch, struct pipilo_error *err)
{
    if (batch->columns < 2 || batch->columns > 3)
        return plo_fail(err, PIPILO_EINVALID,
                        "it takes an item or source, an image where there is one, and a vector");
    for (size_t i = 0; i < batch->rows; i++) {
        pipilo_value *const *in = &batch->in[i * batch->columns];
        PLO_TRY(write_row(state, run, in, batch->columns, &batch->out[i], err));
    }
    return 0;
}

int plo_write_flush(void *state, void *run, struct pipilo_error *err)
{
    (void)state;
    struct plo_write_run *mine = run;
    return plo_writer_finish(mine->writer, err);
}

void plo_write_stop(void *state, void *run)
{
    (void)state;
    struct plo_write_run *mine = run;
    if (mine->writer != NULL)
        plo_writer_close(mine->writer);
    plo_writer_unref(&mine->writer);
    plo_image_scratch_destroy(mine->scratch);
    plo_free(mine->thumbnail);
}

void plo_write_close(void *state)
{
    struct plo_write *write = state;
    plo_fingerprint_reset(&write->print);
    plo_free(write->model);
    plo_free(write->settings);
    plo_free(write->path);
}
