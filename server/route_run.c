// route_run.c: POST /v1/run: a pipeline, by text or by name, over inputs; and POST /NAME and
// /NAME/batch: a pipeline that was loaded at the start, in the JSON form of Towhee's services.
#include <stdlib.h>
#include <string.h>

#include "pictures.h"
#include "pipelines.h"
#include "routes.h"
#include "serve.h"
#include "wire.h"

enum { MOST_ITEMS = 256 };

struct work {
    struct pipeline_job job; // first: the exchange's work and the job are one
    struct exchange *exchange;
    bool towhee, batch;
};

static void forget(struct exchange *exchange)
{
    struct work *work = exchange->work;
    for (size_t i = 0; i < work->job.count; i++)
        pipelines_free_item(work->job.items[i]);
    free(work->job.items);
    pipilo_pipeline_unref(&work->job.pipeline);
    free(work);
}

// --- rows, on the runner's thread ----------------------------------------------------------------

// {"column": value, ..}, as pipilo run prints it.
static void object_row(struct pipeline_item *item, const pipilo_row *row)
{
    const pipilo_pipeline *pipeline = item->job->pipeline;
    struct text *text = &item->rows;
    text_add(text, text->length > 0 ? ", {" : "{");
    for (size_t i = 0; i < pipilo_pipeline_output_count(pipeline); i++) {
        char *json = NULL;
        text_add(text, i > 0 ? ", " : "");
        text_add_json(text, pipilo_pipeline_output_name(pipeline, i));
        text_add(text, ": ");
        if (pipilo_value_to_json(pipilo_row_value(row, i), &json, NULL) < 0)
            text->failed = true;
        else
            text_add(text, json);
        pipilo_free(json);
    }
    text_add(text, "}");
}

// [value, ..]; Towhee knows no row that failed, so one fails the request.
static void towhee_row(struct pipeline_item *item, const pipilo_row *row)
{
    const struct pipilo_error *error = pipilo_row_error(row);
    struct text *text = &item->rows;
    if (error != NULL) {
        item->error = *error;
        return;
    }
    text_add(text, text->length > 0 ? ", [" : "[");
    for (size_t i = 0; i < pipilo_pipeline_output_count(item->job->pipeline); i++) {
        text_add(text, i > 0 ? ", " : "");
        wire_write(text, pipilo_row_value(row, i));
    }
    text_add(text, "]");
}

static void done(struct pipeline_job *job)
{
    exchange_resume(((struct work *)job)->exchange);
}

// --- the answer ----------------------------------------------------------------------------------

static void finish(struct exchange *exchange)
{
    static const struct pipilo_error late = { PIPILO_ETIMEOUT, "",
                                              "it took longer than a request may" };
    const struct work *work = exchange->work;
    struct text *text = &exchange->answer;
    bool lists = work->batch || !work->towhee;
    if (exchange->status != 0)
        return;
    for (size_t i = 0; i < work->job.count; i++) {
        const struct pipeline_item *item = work->job.items[i];
        const struct pipilo_error *error = item != NULL ? &item->error : &late;
        if (error->code < 0) {
            answer_error(exchange, picture_status(error->code), pipilo_error_name(error->code),
                         NULL, "%s%s%s", error->where, error->where[0] != '\0' ? ": " : "",
                         error->message);
            return;
        }
    }
    text_add(text, work->towhee ? "" : "{\"object\": \"list\", \"data\": ");
    text_add(text, lists ? "[" : "");
    for (size_t i = 0; i < work->job.count; i++) {
        const struct text *rows = &work->job.items[i]->rows;
        text_add(text, i > 0 ? ", [" : "[");
        text_add_bytes(text, rows->data, rows->length);
        text_add(text, "]");
    }
    text_add(text, lists ? "]" : "");
    text_add(text, work->towhee ? "\n" : "}\n");
    answer_json(exchange, 200);
}

static void start(struct exchange *exchange)
{
    struct work *work = exchange->work;
    if (pipelines_submit(exchange->server->pipelines, &work->job))
        return;
    answer_error(exchange, 429, "busy", NULL, "too many pipelines run already; try again");
    exchange_resume(exchange);
}

// --- the request ---------------------------------------------------------------------------------

static bool wrong_input(struct exchange *exchange, const struct pipilo_error *err)
{
    answer_failure(exchange, err, "input");
    return false;
}

// The values of one run: one as it is, several as an array or by their names.
static bool read_item(struct exchange *exchange, struct work *work, struct pipeline_item *item,
                      const struct json *node)
{
    struct pipilo_error err = { 0 };
    const pipilo_pipeline *pipeline = work->job.pipeline;
    size_t count = pipilo_pipeline_input_count(pipeline);
    if (item != NULL) {
        item->job = &work->job;
        item->input_count = count;
        item->inputs = calloc(count + 1, sizeof(pipilo_value *));
    }
    if (item == NULL || item->inputs == NULL) {
        answer_error(exchange, 503, "out_of_memory", NULL, "no memory for the request");
        return false;
    }
    if (count == 1)
        return wire_read(&item->inputs[0], node, &err) == 0 || wrong_input(exchange, &err);
    bool named = json_kind(node) == JSON_OBJECT;
    if ((!named && json_kind(node) != JSON_ARRAY) || node->length != count) {
        answer_error(exchange, 400, "invalid_argument", "input",
                     "the pipeline takes %zu values: an array of them, or an object by their names",
                     count);
        return false;
    }
    const struct json *child = node->first;
    for (size_t i = 0; i < count; i++) {
        if (named)
            child = json_get(node, pipilo_pipeline_input_name(pipeline, i));
        if (wire_read(&item->inputs[i], child, &err) < 0)
            return wrong_input(exchange, &err);
        child = named ? NULL : child->next;
    }
    return true;
}

// One run an item: `many` is an array of them, or one.
static bool read_items(struct exchange *exchange, struct work *work, const struct json *many,
                       bool several)
{
    size_t count = several ? many->length : 1;
    if (count > MOST_ITEMS) {
        answer_error(exchange, 400, "limit_exceeded", "inputs", "a request has at most %d inputs",
                     MOST_ITEMS);
        return false;
    }
    work->job.items = calloc(count + 1, sizeof(struct pipeline_item *));
    if (work->job.items == NULL) {
        answer_error(exchange, 503, "out_of_memory", NULL, "no memory for the request");
        return false;
    }
    const struct json *node = several ? many->first : many;
    for (; work->job.count < count; node = node->next) {
        struct pipeline_item *item = calloc(1, sizeof *item);
        work->job.items[work->job.count++] = item;
        if (!read_item(exchange, work, item, node))
            return false;
    }
    return true;
}

static void begin(struct exchange *exchange, struct work *work)
{
    work->job.deadline = exchange->deadline;
    work->job.gone = &exchange->gone;
    work->job.row = work->towhee ? towhee_row : object_row;
    work->job.done = done;
    exchange->finish = finish;
    // Of no inputs there is nothing to run.
    if (work->job.count == 0)
        finish(exchange);
    else
        exchange->start = start;
}

static struct work *create(struct exchange *exchange)
{
    struct work *work = calloc(1, sizeof *work);
    if (work == NULL) {
        answer_error(exchange, 503, "out_of_memory", NULL, "no memory for the request");
        return NULL;
    }
    work->exchange = exchange;
    exchange->work = work;
    exchange->forget = forget;
    return work;
}

static bool find_pipeline(struct exchange *exchange, struct work *work, const char *text)
{
    struct pipilo_error err = { 0 };
    struct pipelines *pipelines = exchange->server->pipelines;
    work->job.pipeline = pipelines_find(pipelines, text, strlen(text));
    if (work->job.pipeline != NULL)
        return true;
    if (pipelines_parse(pipelines, text, &work->job.pipeline, &err) == 0)
        return true;
    answer_failure(exchange, &err, "pipeline");
    return false;
}

static void run(struct exchange *exchange)
{
    struct json_document document;
    struct work *work = body_json(exchange, &document) ? create(exchange) : NULL;
    const struct json *root = document.root;
    const char *text = json_text(json_get(root, "pipeline"));
    const struct json *input = json_get(root, "input"), *inputs = json_get(root, "inputs");
    if (work == NULL)
        ;
    else if (text == NULL)
        answer_error(exchange, 400, "invalid_argument", "pipeline",
                     "pipeline is a text such as pipe.input('x')..., or a name");
    else if ((input != NULL) == (inputs != NULL) ||
             (inputs != NULL && json_kind(inputs) != JSON_ARRAY))
        answer_error(exchange, 400, "invalid_argument", "input",
                     "either input is there, or inputs, an array of them");
    else if (find_pipeline(exchange, work, text) &&
             read_items(exchange, work, inputs != NULL ? inputs : input, inputs != NULL))
        begin(exchange, work);
    json_free(&document);
}

// /NAME and /NAME/batch
static void run_named(struct exchange *exchange)
{
    static const char batch[] = "/batch";
    struct json_document document = { 0 };
    const char *name = exchange->path + 1;
    size_t length = strcspn(name, "/");
    struct work *work = create(exchange);
    if (work == NULL)
        return;
    work->towhee = true;
    work->batch = strcmp(name + length, batch) == 0;
    work->job.pipeline = pipelines_find(exchange->server->pipelines, name, length);
    if (!body_parse(exchange, &document))
        ;
    else if (work->batch && json_kind(document.root) != JSON_ARRAY)
        answer_error(exchange, 400, "invalid_argument", NULL, "a batch is an array");
    else if (read_items(exchange, work, document.root, work->batch))
        begin(exchange, work);
    json_free(&document);
}

const struct route route_run = { "POST", "/v1/run", run };
const struct route route_named = { "POST", "/{pipeline}", run_named };

bool route_names_pipeline(const struct exchange *exchange)
{
    const char *name = exchange->path + 1;
    size_t length = strcspn(name, "/");
    bool whole = name[length] == '\0' || strcmp(name + length, "/batch") == 0;
    return whole && pipelines_have(exchange->server->pipelines, name, length);
}
