// Many pipelines created, run and destroyed in one process. After the first tenth anonymous memory
// grows by less than 1 MB, threads and descriptors stay, a model named by all of them is loaded
// once, and at the end nothing is alive. 2,000 by the null engine; with PIPILO_SOAK=full 10,000 by
// the real one.
#include <stdio.h>
#include <string.h>

#include "probe.h"
#include "samples.h"

enum { SAMPLES = 12, MAX_TEXT = 8192 };

// What the pipelines look like, in turn; MODEL is replaced. The last one fails at its first row,
// the one before is left with rows not taken.
static const char *const shapes[] = {
    "pipe.input('p').map('p', 'v', MODEL).output('v')",
    "pipe.input('p').map('p', 'i', ops.image_decode()).map('i', 'v', MODEL)"
    ".map('v', 'n', ops.towhee.np_normalize()).output('p', 'n')",
    "pipe.input('p').flat_map('p', ('s', 'i', 'x'), ops.read_dir()).map('i', 'v', MODEL)"
    ".window_all('v', 'all', ops.towhee.np_normalize()).output('s')",
    "p = pipe.input('p')\n"
    "a = p.map('p', 'v', MODEL)\n"
    "b = p.map('p', 's', ops.image_resize(size=32, crop=32))\n"
    "a.concat(b).output('v', 's')",
    "pipe.input('p').map('p', 'i', ops.image_decode()).flat_map('i', 'row', ops.image_crop())"
    ".output('row')",
    "pipe.input('p').map('p', 'v', MODEL).map('v', 'w', ops.image_decode()).output('w')",
};
enum { SHAPES = sizeof shapes / sizeof shapes[0], READS_FOLDERS = 2 };

static void spell(char *text, const char *shape)
{
    const char *model = strstr(shape, "MODEL");
    if (model == NULL)
        snprintf(text, MAX_TEXT, "%s", shape);
    else
        snprintf(text, MAX_TEXT, "%.*sops.image_embedding.timm('%s')%s", (int)(model - shape),
                 shape, soak_model(), model + strlen("MODEL"));
}

// One life of a pipeline. True where it did what its shape says.
static bool live(const char *text, const char *path, bool take_all, bool wants_error)
{
    struct pipilo_error err = { 0 };
    pipilo_pipeline *pipeline = NULL;
    pipilo_run *run = NULL;
    pipilo_value *input = NULL;
    bool seen_error = false;
    int result = pipilo_pipeline_parse(&pipeline, text, &err);
    if (result == 0)
        result = pipilo_value_create_string(&input, path, &err);
    if (result == 0)
        result = pipilo_pipeline_start(&run, pipeline, &input, 1, &err);
    for (bool more = take_all; result == 0 && more;) {
        pipilo_row *row = NULL;
        result = pipilo_run_next(run, &row, &err);
        more = row != NULL;
        seen_error = seen_error || (row != NULL && pipilo_row_error(row) != NULL);
        pipilo_row_unref(&row);
    }
    pipilo_run_unref(&run);
    pipilo_value_unref(&input);
    pipilo_pipeline_unref(&pipeline);
    if (result < 0)
        printf("%s\n%s\n", text, err.message);
    return result == 0 && seen_error == wants_error;
}

int main(void)
{
    bool full = soak_is_full();
    struct probe before = probe_take();
    char folder[4096], path[4096];
    struct watch watch = { .steps = full ? 10000 : 2000 };
    struct pipilo_stats stats = { .struct_size = sizeof stats };
    int64_t failed = 0;

    samples_create(folder, sizeof folder, SAMPLES, full ? 500 : 60, full ? 375 : 45);
    for (int64_t i = 0; i < watch.steps; i++) {
        char text[MAX_TEXT];
        int shape = (int)(i % SHAPES);
        spell(text, shapes[shape]);
        samples_path(path, sizeof path, folder, (int)(i % SAMPLES));
        // One picture keeps one core busy. At first some runs have many, so that what each of the
        // engine's streams takes at its first use is taken before memory is watched.
        const char *input = shape == READS_FOLDERS && i < watch.steps / 20 ? folder : path;
        if (!live(text, input, shape != SHAPES - 2, shape == SHAPES - 1) && failed++ == 0)
            printf("pipeline %lld is not as it should be:\n%s\n", (long long)i, text);
        watch_step(&watch, i);
    }
    samples_remove(folder);

    pipilo_stats(&stats);
    printf("%llu models loaded\n", (unsigned long long)stats.model_loads);
    bool holds = watch_holds(&watch, "pipelines");
    bool clean = closes_clean(&before);
    return holds && clean && failed == 0 && stats.model_loads == 1 ? 0 : 1;
}
