// bench_end.c: the whole of it, from the files to the rows: the pipeline of `pipilo embed`, timed.
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "drive.h"
#include "embed.h"
#include "progress.h"
#include "say.h"

static int take_row(void *cookie, const pipilo_row *row)
{
    struct pipilo_error *failed = cookie;
    const struct pipilo_error *error = pipilo_row_error(row);
    if (error == NULL)
        return 0;
    *failed = *error;
    return 1;
}

// The pictures over and over.
static int make_inputs(pipilo_value **out, const struct pipilo_bench_info *info, int64_t count,
                       struct pipilo_error *err)
{
    pipilo_value **paths = must(calloc(info->picture_count, sizeof *paths));
    pipilo_value **items = must(calloc((size_t)count, sizeof *items));
    int result = 0;
    for (size_t i = 0; i < info->picture_count && result == 0; i++)
        result = pipilo_value_create_string(&paths[i], info->pictures[i], err);
    for (int64_t i = 0; i < count; i++)
        items[i] = paths[(size_t)i % info->picture_count];
    if (result == 0)
        result = pipilo_value_create_list(out, items, (size_t)count, err);
    for (size_t i = 0; i < info->picture_count; i++)
        pipilo_value_unref(&paths[i]);
    free(paths);
    free(items);
    return result;
}

static char *pipeline_text(const struct bench_job *job, const char *out)
{
    struct embed_options options = { EMBED_OPTIONS_INIT };
    options.models = (struct option_words){ { job->model }, 1 };
    options.out = out;
    options.precision = job->options->precision;
    options.device = job->options->device;
    options.fast = job->options->fast;
    options.force = true;
    options.threads = job->options->threads;
    return embed_pipeline(&options);
}

static int run(struct bench_end *out, const struct bench_job *job, pipilo_pipeline *pipeline,
               pipilo_value *inputs, int64_t count, struct pipilo_error *err)
{
    struct pipilo_error failed = { 0 };
    const struct driver driver = { .row = take_row, .cookie = &failed };
    machine_look(&out->before);
    double began = progress_clock();
    int result = drive(pipeline, &inputs, 1, &driver, err);
    double seconds = progress_clock() - began;
    machine_look(&out->after);
    if (failed.code < 0) {
        *err = failed;
        return failed.code;
    }
    double processor = out->after.own - out->before.own;
    out->rate = (double)count / seconds;
    out->processor = processor / (double)count * 1e3;
    out->waiting = (seconds * job->threads - processor) / (double)count * 1e3;
    return result;
}

int bench_end_to_end(struct bench_end *out, const struct bench_job *job, int64_t count,
                     struct pipilo_error *err)
{
    const struct pipilo_bench_info *info = pipilo_bench_info(job->bench);
    pipilo_pipeline *pipeline = NULL;
    pipilo_value *inputs = NULL;
    char *path = text_format("%s/rows.npy", info->folder);
    char *text = must(pipeline_text(job, path));
    int result = make_inputs(&inputs, info, count, err);
    if (result == 0)
        result = pipilo_pipeline_parse(&pipeline, text, err);
    if (result == 0)
        result = run(out, job, pipeline, inputs, count, err);
    pipilo_value_unref(&inputs);
    pipilo_pipeline_unref(&pipeline);
    free(text);
    free(path);
    return result;
}
