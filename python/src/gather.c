// gather.c: the rows of an embedding run into a table, without an object a row: Run.gather (see
// core.h and table.h). The GIL is taken for nodes in Python and, every few milliseconds, to look at
// signals.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "table.h"

enum { VECTOR, STATUS, ERROR, SOURCE, COLUMNS };

struct gather {
    struct plopy_table *table;
    size_t dim, most; // rows wanted at most
    size_t outputs;   // of the pipeline: (source, vector), or the vector alone

    int stops;                   // whether the first row that failed ends it
    struct pipilo_error failure; // of that row, and its source
    char *source;
    struct pipilo_error no_vector; // of rows that are none
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum plopy_table_result add_text(struct plopy_column *column, const char *text)
{
    return plopy_column_add(column, text, text != NULL ? strlen(text) : 0);
}

static bool is_vector(const struct gather *gather, const pipilo_value *value)
{
    struct pipilo_tensor view;
    return pipilo_value_tensor(value, &view) && view.dtype == PIPILO_F32 && view.count == 1 &&
           view.shape[0] == gather->dim;
}

static enum plopy_table_result fail(struct gather *gather, const pipilo_row *row,
                                    const struct pipilo_error *error)
{
    const char *source = gather->outputs > 1 ? pipilo_value_string(pipilo_row_value(row, 0)) : NULL;
    gather->failure = *error;
    gather->source = source != NULL ? strdup(source) : NULL;
    return source != NULL && gather->source == NULL ? PLOPY_NO_MEMORY : PLOPY_ADDED;
}

static enum plopy_table_result add_row(struct gather *gather, const pipilo_row *row)
{
    struct plopy_column *columns = gather->table->columns;
    const pipilo_value *value = pipilo_row_value(row, gather->outputs - 1);
    const struct pipilo_error *error = pipilo_row_error(row);
    struct pipilo_tensor view = { .data = NULL };
    if (error == NULL && !is_vector(gather, value))
        error = &gather->no_vector;
    if (error != NULL && gather->stops)
        return fail(gather, row, error);
    if (error == NULL)
        pipilo_value_tensor(value, &view);
    enum plopy_table_result result =
        plopy_column_add(&columns[VECTOR], view.data, gather->dim * sizeof(float));
    if (result == PLOPY_ADDED)
        result = add_text(&columns[STATUS], error == NULL ? "ok" : pipilo_error_name(error->code));
    if (result == PLOPY_ADDED)
        result = add_text(&columns[ERROR], error != NULL ? error->message : NULL);
    if (result == PLOPY_ADDED && gather->outputs > 1)
        result = add_text(&columns[SOURCE], pipilo_value_string(pipilo_row_value(row, 0)));
    return result;
}

static bool has_enough(const struct gather *gather)
{
    return plopy_table_rows(gather->table) == gather->most;
}

// Takes rows for some milliseconds, without the GIL. 0 or the run's failure.
static int slice(struct gather *gather, pipilo_run *run, bool *ended,
                 enum plopy_table_result *added, struct pipilo_error *err)
{
    int64_t until = now_ms() + PLOPY_SLICE_MS, left = PLOPY_SLICE_MS;
    while (left > 0 && !*ended && !has_enough(gather)) {
        pipilo_row *row = NULL;
        int result = pipilo_run_next_within(run, left, &row, ended, err);
        if (result < 0)
            return result;
        if (row != NULL)
            *added = add_row(gather, row);
        pipilo_row_unref(&row);
        if (*added != PLOPY_ADDED || gather->failure.code != 0)
            return 0;
        left = until - now_ms();
    }
    return 0;
}

// -1 with an exception set.
static int take_rows(struct gather *gather, struct plopy_drive *drive, bool *ended)
{
    struct pipilo_error err;
    enum plopy_table_result added = PLOPY_ADDED;
    int result = 0;
    while (!*ended && !has_enough(gather)) {
        plopy_gil_give(drive);
        result = slice(gather, drive->run, ended, &added, &err);
        plopy_gil_take(drive);
        plopy_drain();
        if (plopy_raise_fatal(drive))
            return -1;
        if (result < 0)
            plopy_raise_run(drive->run, &err);
        else if (added != PLOPY_ADDED)
            plopy_table_raise(added);
        else if (gather->failure.code != 0)
            plopy_raise_source(&gather->failure, gather->source);
        if (PyErr_Occurred() != NULL || PyErr_CheckSignals() < 0)
            return -1;
    }
    return 0;
}

// The error of the node whose output is no vector, the last.
static struct pipilo_error no_vector(const pipilo_pipeline *pipeline)
{
    struct pipilo_error error = { .code = PIPILO_EINVALID,
                                  .message = "a list of pictures is no picture: one row is one" };
    size_t last = pipilo_pipeline_node_count(pipeline) - 1;
    snprintf(error.where, sizeof error.where, "%s", pipilo_pipeline_node_name(pipeline, last));
    return error;
}

static struct gather *begin(struct gather *gather)
{
    static const char *const names[] = { "embedding", "status", "error", "source" };
    char vectors[32];
    snprintf(vectors, sizeof vectors, "+w:%zu:f", gather->dim);
    gather->table = plopy_table_create(gather->outputs > 1 ? COLUMNS : SOURCE, SOURCE);
    for (size_t i = 0; gather->table != NULL && i < gather->table->count; i++) {
        const char *format = i == VECTOR ? vectors : "u";
        if (!plopy_column_init(&gather->table->columns[i], names[i], format, i != STATUS)) {
            plopy_table_unref(gather->table);
            gather->table = NULL;
        }
    }
    return gather->table != NULL ? gather : NULL;
}

// Messages name files, whose names may be any bytes; a string of Arrow is UTF-8.
static int mend(struct plopy_column *column)
{
    struct plopy_column mended = { 0 };
    bool needed = false;
    for (size_t i = 0; column->nulls < column->rows && i < column->rows && !needed; i++) {
        const char *text = column->data + column->offsets[i];
        PyObject *decoded =
            PyUnicode_DecodeUTF8(text, column->offsets[i + 1] - column->offsets[i], "strict");
        needed = decoded == NULL;
        PyErr_Clear();
        Py_XDECREF(decoded);
    }
    if (!needed)
        return 0;
    bool good = plopy_column_init(&mended, column->name, column->format, column->nullable);
    for (size_t i = 0; good && i < column->rows; i++) {
        bool null = plopy_column_is_null(column, i);
        PyObject *text =
            PyUnicode_DecodeUTF8(column->data + column->offsets[i],
                                 column->offsets[i + 1] - column->offsets[i], "replace");
        Py_ssize_t size = 0;
        const char *utf8 = text != NULL ? PyUnicode_AsUTF8AndSize(text, &size) : NULL;
        good = utf8 != NULL &&
               plopy_column_add(&mended, null ? NULL : utf8, (size_t)size) == PLOPY_ADDED;
        Py_XDECREF(text);
    }
    struct plopy_column other = good ? *column : mended;
    if (good)
        *column = mended;
    plopy_column_reset(&other);
    if (!good && PyErr_Occurred() == NULL)
        PyErr_NoMemory();
    return good ? 0 : -1;
}

PyObject *plopy_run_gather(PyObject *object, PyObject *args)
{
    struct plopy_run *self = (struct plopy_run *)object;
    struct gather gather = { .outputs = self->pipeline->outputs,
                             .no_vector = no_vector(self->pipeline->pipeline) };
    struct plopy_drive drive;
    Py_ssize_t dim, most;
    bool ended = self->run == NULL;
    if (!PyArg_ParseTuple(args, "nn|p", &dim, &most, &gather.stops))
        return NULL;
    if (self->busy || dim < 1 || most < 1 || gather.outputs < 1 || gather.outputs > 2) {
        PyErr_SetString(PyExc_RuntimeError, "the run is in another thread's hands, or embeds "
                                            "nothing");
        return NULL;
    }
    gather.dim = (size_t)dim;
    gather.most = (size_t)most;
    if (begin(&gather) == NULL)
        return PyErr_NoMemory();
    self->busy = true;
    plopy_drive_begin(&drive);
    drive.run = self->run;
    int result = take_rows(&gather, &drive, &ended);
    free(gather.source);
    self->busy = false;
    if (result < 0 || ended) {
        self->run = NULL;
        plopy_run_finish(&drive, self->pipeline->native);
    } else {
        plopy_drive_end(&drive);
    }
    if (result == 0 && mend(&gather.table->columns[ERROR]) == 0)
        return plopy_table_object(gather.table);
    plopy_table_unref(gather.table);
    return NULL;
}
