// read_dir: files, folders, patterns and archives to a row each, read when somebody takes the next
// one. source stage.
#include "ops/read_dir.h"

#include <stdatomic.h>

#include "core/fail.h"
#include "image/image.h"
#include "ops/item.h"
#include "ops/operators.h"
#include "ops/shard.h"
#include "ops/writer.h"

static struct {
    _Atomic uint64_t hidden, other, irregular, unchanged, members, resumed, resumed_errors;
} skipped;

struct read_dir {
    char *files_from;     // NULL: none
    bool update;          // the one table is updated
    pipilo_value *tables; // a list of names, or NULL
    struct plo_shard shard;
};

struct reader {
    pipilo_value *value; // keeps the names
    const char **names;
    char *files_from;
    bool update;
    struct plo_source *source;
    struct plo_source_counts counted; // what is in `skipped` already
    pipilo_value *tables;             // a list of names, or NULL
    struct plo_writer **writers;      // of these, once they are found
    size_t writer_count;
    int64_t number; // of inputs taken
    struct plo_shard shard;
    struct plo_str text; // scratch
    int64_t errors;      // of the first writer, that are in `skipped` already
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
    { .name = "tables",
      .type = PIPILO_PARAM_VALUE,
      .fallback = "None",
      .help = "the tables this pipeline writes, a path or a list of these, where they are resumed "
              "or shards: what all of them have is passed over" },
    { .name = "shard",
      .type = PIPILO_PARAM_STRING,
      .fallback = "None",
      .help = "'I/N': only every Nth input, from the Ith on" },
    { .name = NULL },
};

void plo_read_dir_skipped(struct plo_read_dir_skipped *out)
{
    out->hidden = atomic_load(&skipped.hidden);
    out->other = atomic_load(&skipped.other);
    out->irregular = atomic_load(&skipped.irregular);
    out->unchanged = atomic_load(&skipped.unchanged);
    out->members = atomic_load(&skipped.members);
    out->resumed = atomic_load(&skipped.resumed);
    out->resumed_errors = atomic_load(&skipped.resumed_errors);
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
    // Rows wait here for their turn: time for a slow disk or a network.
    plo_image_read_ahead(image);
    return plo_value_wrap_object(out, &plo_image_class, image, err);
}

// (source, image or error, item); consumes the item.
static int create_row(pipilo_value **out, struct plo_item *item, int64_t number, int64_t row,
                      struct pipilo_error *err)
{
    pipilo_value *values[3] = { NULL };
    int result = pipilo_value_create_string(&values[0], item->source, err);
    if (result == 0)
        result = create_image(&values[1], item, err);
    if (result == 0)
        result = plo_row_item_wrap(&values[2], item, number, row, err);
    if (result == 0)
        result = pipilo_value_create_list(out, values, PLO_COUNT(values), err);
    for (size_t i = 0; i < PLO_COUNT(values); i++)
        pipilo_value_unref(&values[i]);
    plo_item_reset(item);
    return result;
}

// Finds the tables at the first row: the operators that write have started by then.
static int find_writers(struct reader *reader, struct pipilo_error *err)
{
    if (reader->tables == NULL || reader->writers != NULL)
        return 0;
    size_t count = pipilo_value_list_count(reader->tables);
    reader->writers = plo_alloc0(count, sizeof *reader->writers);
    if (reader->writers == NULL)
        return plo_fail_nomem(err, count * sizeof *reader->writers);
    for (; reader->writer_count < count; reader->writer_count++) {
        const char *path =
            pipilo_value_string(pipilo_value_list_item(reader->tables, reader->writer_count));
        reader->writers[reader->writer_count] = plo_writer_find(path);
        if (reader->writers[reader->writer_count] == NULL)
            return plo_fail(err, PIPILO_EPIPELINE, "no operator of this pipeline writes %s", path);
    }
    return 0;
}

// Whether every table has this input's row; each is asked, for each counts the inputs.
static int known_to_all(struct reader *reader, const struct plo_item *item, int64_t *row,
                        struct pipilo_error *err)
{
    bool all = reader->writer_count > 0;
    *row = -1;
    for (size_t i = 0; i < reader->writer_count; i++) {
        int result = plo_writer_known(reader->writers[i], item->source, item->size, item->mtime_ns,
                                      row, err);
        PLO_TRY(result);
        all = all && result > 0;
    }
    return all;
}

static void count_known(struct reader *reader)
{
    atomic_fetch_add(reader->update ? &skipped.unchanged : &skipped.resumed, 1);
    int64_t errors = plo_writer_resumed_errors(reader->writers[0]);
    atomic_fetch_add(&skipped.resumed_errors, (uint64_t)(errors - reader->errors));
    reader->errors = errors;
}

// As plo_source_next; *own says whether the input is this part's. The tables of a shard are told of
// the end.
static int next_input(struct reader *reader, struct plo_item *item, bool *own,
                      struct pipilo_error *err)
{
    int result = plo_source_next(reader->source, item, err);
    count_skipped(reader);
    for (size_t i = 0; result == 0 && reader->shard.of > 0 && i < reader->writer_count; i++)
        plo_writer_inputs(reader->writers[i], reader->shard.inputs, reader->shard.names);
    if (result != 1)
        return result;
    result = plo_shard_take(&reader->shard, item->source, &reader->text, own, err);
    if (result < 0)
        plo_item_reset(item);
    return result < 0 ? result : 1;
}

// Inputs that are passed over before somebody else has a word.
enum { MOST_PASSED = 128 };

static int reader_next(void *iterator, pipilo_value **out, struct pipilo_error *err)
{
    struct reader *reader = iterator;
    *out = NULL;
    PLO_TRY(find_writers(reader, err));
    for (int passed = 0; passed < MOST_PASSED; passed++) {
        struct plo_item item;
        int64_t row = -1;
        bool own = false;
        int result = next_input(reader, &item, &own, err);
        if (result == PLO_SOURCE_LATER)
            return PIPILO_LATER;
        if (result <= 0)
            return result;
        result = own ? known_to_all(reader, &item, &row, err) : 0;
        if (own && result == 0)
            return create_row(out, &item, reader->number++, row, err);
        plo_item_reset(&item);
        PLO_TRY(result);
        if (own) {
            reader->number++;
            count_known(reader);
        }
    }
    return PIPILO_LATER;
}

static void reader_release(void *iterator)
{
    struct reader *reader = iterator;
    if (reader->source != NULL)
        count_skipped(reader);
    plo_source_close(reader->source);
    for (size_t i = 0; i < reader->writer_count; i++)
        plo_writer_unref(&reader->writers[i]);
    plo_free(reader->writers);
    plo_str_reset(&reader->text);
    pipilo_value_unref(&reader->tables);
    pipilo_value_unref(&reader->value);
    plo_free(reader->names);
    plo_free(reader->files_from);
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
    reader->update = own->update;
    reader->tables = own->tables != NULL ? pipilo_value_ref(own->tables) : NULL;
    reader->shard = own->shard;
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

// The names of tables, a path or a list of these, as a list; a path to update as one of one.
static int take_tables(struct read_dir *own, const pipilo_args *args, struct pipilo_error *err)
{
    pipilo_value *given = pipilo_args_value(args, "tables");
    const char *update = pipilo_args_string(args, "update");
    pipilo_value *one = NULL;
    bool list = given->kind == PIPILO_LIST;
    own->update = update != NULL;
    if (own->update && given->kind != PIPILO_NONE)
        return plo_fail(err, PIPILO_EPIPELINE, "a table is either updated or resumed");
    for (size_t i = 0; list && i < pipilo_value_list_count(given); i++)
        if (pipilo_value_string(pipilo_value_list_item(given, i)) == NULL)
            return plo_fail(err, PIPILO_EPIPELINE, "tables are a path or a list of paths");
    if (list) {
        own->tables = pipilo_value_ref(given);
        return 0;
    }
    if (update == NULL && given->kind == PIPILO_NONE)
        return 0;
    if (update == NULL && (update = pipilo_value_string(given)) == NULL)
        return plo_fail(err, PIPILO_EPIPELINE, "tables are a path or a list of paths");
    PLO_TRY(pipilo_value_create_string(&one, update, err));
    int result = pipilo_value_create_list(&own->tables, &one, 1, err);
    pipilo_value_unref(&one);
    return result;
}

static int read_open(void *state, const pipilo_args *args, struct pipilo_error *err)
{
    struct read_dir *own = state;
    PLO_TRY(copy_option(&own->files_from, pipilo_args_string(args, "files_from"), err));
    PLO_TRY(plo_shard_of_args(&own->shard, args, err));
    return take_tables(own, args, err);
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
    pipilo_value_unref(&own->tables);
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
