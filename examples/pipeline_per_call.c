// pipeline_per_call: builds, runs and drops a whole pipeline for every picture, as services do. The
// model is loaded once all the same, and memory stays where it was.
//
//     pipeline_per_call MODEL TIMES PICTURE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <pipilo/pipilo.h>

static int once(const char *text, const char *picture, struct pipilo_error *err)
{
    pipilo_pipeline *pipeline = NULL;
    pipilo_value *path = NULL;
    pipilo_run *run = NULL;
    pipilo_row *row = NULL;
    int result = pipilo_pipeline_parse(&pipeline, text, err);
    if (result == 0)
        result = pipilo_value_create_string(&path, picture, err);
    if (result == 0)
        result = pipilo_pipeline_start(&run, pipeline, &path, 1, err);
    if (result == 0)
        result = pipilo_run_next(run, &row, err);
    if (result == 0 && pipilo_row_error(row) != NULL) {
        *err = *pipilo_row_error(row);
        result = err->code;
    }
    pipilo_row_unref(&row);
    pipilo_run_unref(&run);
    pipilo_value_unref(&path);
    pipilo_pipeline_unref(&pipeline);
    return result;
}

static void print_stats(const char *when)
{
    struct pipilo_stats stats = { .struct_size = sizeof stats };
    pipilo_stats(&stats);
    printf("%s: %" PRIu64 " models loaded, %" PRId64 " alive, %" PRIu64 " KB of memory\n", when,
           stats.model_loads, stats.models, stats.memory_anonymous / 1024);
}

int main(int argc, char **argv)
{
    char text[4096];
    struct pipilo_error err;
    int result = 0;
    if (argc != 4) {
        fprintf(stderr, "usage: %s MODEL TIMES PICTURE\n", argv[0]);
        return 2;
    }
    snprintf(text, sizeof text,
             "pipe.input('path').map('path', 'vec', ops.image_embedding.timm('%s')).output('vec')",
             argv[1]);
    long times = strtol(argv[2], NULL, 10);
    for (long i = 0; i < times && result == 0; i++) {
        result = once(text, argv[3], &err);
        if (i == times / 10)
            print_stats("after a tenth");
    }
    print_stats("at the end");
    if (result == 0)
        result = pipilo_close(&err);
    if (result < 0)
        fprintf(stderr, "%s: %s\n", pipilo_error_name(err.code), err.message);
    return result < 0 ? pipilo_error_exit_status(err.code) : 0;
}
