// read_dir: files, folders, patterns and archives to a row each, read when somebody takes the next
// one. source stage.
#include "ops/read_dir.h"

#include <stdatomic.h>

#include "core/fail.h"
#include "image/image.h"
#include "ops/item.h"
#include "ops/operators.h"
#include "ops/writer.h"

static struct {
    _Atomic uint64_t hidden, other, irregular, unchanged, members;
} skipped;

struct read_dir {
    char *files_from, *update; // NULL: none
};

struct reader {
    pipilo_value *value; // keeps the names
    const char **names;
    char *files_from, *update;
    struct plo_source *source;
    struct plo_source_counts counted; // what is in `skipped` already
    struct plo_writer *writer;        // of the table that is updated
};

static const struct pipilo_param params[] = {
    { .name = "files_from",
      .type = PIPILO_PARAM_STRING,
      .fallback = "None",
      .help = "a file with further inputs, one a line or NUL-separated; '-': standard input" },
    { .name = "update",
      .type = PIPILO_PARAM_STRING,
      .fallback = "None",
      .help = "the table this pipeline updates: what it has unchanged is passed over" },
    { .name = NULL },
};

void plo_read_dir_skipped(struct plo_read_dir_skipped *out)
{
    out->hidden = atomic_load(&skipped.hidden);
    out->other = atomic_load(&skipped.other);
    out->irregular = atomic_load(&skipped.irregular);
    out->unchanged = atomic_load(&skipped.unchanged);
    out->members = atomic_load(&skipped.members);
}

static void count_skipped(struct reader *reader)
{
    struct plo_source_counts now;
    plo_source_skipped(reader->source, &now);
    atomic_fetch_add(&skipped.hidden, now.hidden - reader->counted.hidden);
    atomic_fetch_add(&skipped.other, now.other - reader->counted.other);
    atomic_fetch_add(&skipped.irregular,
                     now.irregular - reader->counted.irregular + now.loops - reader->counted.loops);
    atomic_fetch_add(&skipped.members, now.members - reader->counted.members);
    reader->counted = now;
}

static int create_image(pipilo_value **out, const struct plo_item *item, struct pipilo_error *err)
{
    if (item->error.code < 0)
        return pipilo_value_create_error(out, &item->error, err);
    struct plo_image *image = NULL;
    if (item->bytes != NULL)
        PLO_TRY(plo_image_open_bytes(&image, plo_buf_ref(item->bytes), err));
    else
        PLO_TRY(plo_image_open_file(&image, item->path, err));
    return plo_value_wrap_object(out, &plo_image_class, image, err);
}

// (source, image or error, item); consumes the item.
static int create_row(pipilo_value **out, struct plo_item *item, int64_t row,
                      struct pipilo_error *err)
{
    pipilo_value *values[3] = { NULL };
    int result = pipilo_value_create_string(&values[0], item->source, err);
    if (result == 0)
        result = create_image(&values[1], item, err);
    if (result == 0)
        result = plo_row_item_wrap(&values[2], item, row, err);
    if (result == 0)
        result = pipilo_value_create_list(out, values, PLO_COUNT(values), err);
    for (size_t i = 0; i < PLO_COUNT(values); i++)
        pipilo_value_unref(&values[i]);
    plo_item_reset(item);
    return result;
}

// Finds the table at the first row: the operators that write have started by then.
static int find_writer(struct reader *reader, struct pipilo_error *err)
{
    if (reader->update == NULL || reader->writer != NULL)
        return 0;
    reader->writer = plo_writer_find(reader->update);
    if (reader->writer == NULL)
        return plo_fail(err, PIPILO_EPIPELINE, "no operator of this pipeline writes %s",
                        reader->update);
    return 0;
}

// Unchanged rows that are passed over before somebody else has a word.
enum { MOST_PASSED = 128 };

static int reader_next(void *iterator, pipilo_value **out, struct pipilo_error *err)
{
    struct reader *reader = iterator;
    *out = NULL;
    PLO_TRY(find_writer(reader, err));
    for (int passed = 0; passed < MOST_PASSED; passed++) {
        struct plo_item item;
        int64_t row = -1;
        int result = plo_source_next(reader->source, &item, err);
        count_skipped(reader);
        if (result == PLO_SOURCE_LATER)
            return PIPILO_LATER;
        if (result <= 0)
            return result;
        if (reader->writer != NULL)
            result =
                plo_writer_known(reader->writer, item.source, item.size, item.mtime_ns, &row, err);
        else
            result = 0;
        if (result == 0)
            return create_row(out, &item, row, err);
        plo_item_reset(&item);
        PLO_TRY(result);
        atomic_fetch_add(&skipped.unchanged, 1);
    }
    return PIPILO_LATER;
}

static void reader_release(void *iterator)
{
    struct reader *reader = iterator;
    if (reader->source != NULL)
        count_skipped(reader);
    plo_source_close(reader->source);
    plo_writer_unref(&reader->writer);
    pipilo_value_unref(&reader->value);
    plo_free(reader->names);
    plo_free(reader->files_from);
    plo_free(reader->update);
    plo_free(reader);
}

// The names in a string or a list of strings; None stands for no names.
static int take_names(struct reader *reader, pipilo_value *value, size_t *count,
                      struct pipilo_error *err)
{
    bool list = value->kind == PIPILO_LIST;
    *count = list ? pipilo_value_list_count(value) : value->kind != PIPILO_NONE;
    reader->value = pipilo_value_ref(value);
    reader->names = plo_alloc0(*count, sizeof *reader->names);
    if (reader->names == NULL)
        return plo_fail_nomem(err, *count * sizeof *reader->names);
    for (size_t i = 0; i < *count; i++) {
        const pipilo_value *name = list ? pipilo_value_list_item(value, i) : value;
        reader->names[i] = pipilo_value_string(name);
        if (reader->names[i] == NULL)
            return plo_fail(err, PIPILO_EINVALID, "inputs are a path or a list of paths, not %s",
                            pipilo_kind_name(name->kind));
    }
    return 0;
}

// An option that is set, copied: a pipeline may go while its last iterator is read.
static int copy_option(char **out, const char *option, struct pipilo_error *err)
{
    *out = option != NULL ? plo_strdup(option) : NULL;
    return option == NULL || *out != NULL ? 0 : plo_fail_nomem(err, 0);
}

static int reader_init(struct reader *reader, const struct read_dir *own, pipilo_value *value,
                       struct pipilo_error *err)
{
    struct plo_source_options options = { 0 };
    PLO_TRY(take_names(reader, value, &options.count, err));
    PLO_TRY(copy_option(&reader->files_from, own->files_from, err));
    PLO_TRY(copy_option(&reader->update, own->update, err));
    options.inputs = reader->names;
    options.files_from = reader->files_from;
    options.pauses = true;
    return plo_source_open(&reader->source, &options, err);
}

static int read_row(const struct read_dir *own, pipilo_value *value, pipilo_value **out,
                    struct pipilo_error *err)
{
    struct reader *reader = plo_alloc0(1, sizeof *reader);
    if (reader == NULL)
        return plo_fail_nomem(err, sizeof *reader);
    int result = reader_init(reader, own, value, err);
    if (result == 0)
        result = pipilo_value_create_iterator(out, reader, reader_next, reader_release, err);
    if (result < 0)
        reader_release(reader);
    return result;
}

static int read_open(void *state, const pipilo_args *args, struct pipilo_error *err)
{
    struct read_dir *own = state;
    PLO_TRY(copy_option(&own->files_from, pipilo_args_string(args, "files_from"), err));
    return copy_option(&own->update, pipilo_args_string(args, "update"), err);
}

static int read_call(void *state, void *run, struct pipilo_batch *batch, struct pipilo_error *err)
{
    (void)run;
    if (batch->columns != 1)
        return plo_fail(err, PIPILO_EINVALID, "it takes one column with paths");
    for (size_t i = 0; i < batch->rows; i++) {
        struct pipilo_error reason = { 0 };
        if (read_row(state, batch->in[i], &batch->out[i], &reason) < 0)
            PLO_TRY(pipilo_value_create_error(&batch->out[i], &reason, err));
    }
    return 0;
}

static void read_close(void *state)
{
    struct read_dir *own = state;
    plo_free(own->files_from);
    plo_free(own->update);
}

const struct pipilo_operator plo_op_read_dir = {
    .struct_size = sizeof plo_op_read_dir,
    .name = "read_dir",
    .summary = "read pictures from files, folders, patterns and tar archives, for flat_map",
    .inputs = "path: str | list of these",
    .output = "rows of (source: str, image, item for write_*)",
    .params = params,
    .flags = PIPILO_OP_WRITES,
    .state_size = sizeof(struct read_dir),
    .open = read_open,
    .call = read_call,
    .close = read_close,
};
