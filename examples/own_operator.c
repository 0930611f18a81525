// own_operator: an operator of one's own beside pipilo's: how bright a picture is.
//
//     own_operator PICTURE...
#include <stdio.h>

#include <pipilo/pipilo.h>
#include <pipilo/sys/op.h>

struct brightness {
    double scale;
};

static const struct pipilo_param params[] = {
    { .name = "scale",
      .type = PIPILO_PARAM_FLOAT,
      .fallback = "1.0",
      .min = 0,
      .max = 1000,
      .help = "what white comes to" },
    { .name = NULL },
};

static int open_brightness(void *state, const pipilo_args *args, struct pipilo_error *err)
{
    struct brightness *brightness = state;
    (void)err;
    brightness->scale = pipilo_args_float(args, "scale");
    return 0;
}

// Each row holds a uint8 tensor (height, width, 3). What is no tensor gets an error value of its
// own, and the other rows go on.
static int call(void *state, void *run, struct pipilo_batch *batch, struct pipilo_error *err)
{
    const struct brightness *brightness = state;
    (void)run;
    for (size_t row = 0; row < batch->rows; row++) {
        struct pipilo_tensor pixels;
        bool right = pipilo_value_tensor(pipilo_batch_input(batch, row, 0), &pixels) &&
                     pixels.dtype == PIPILO_U8 && pixels.count == 3;
        if (!right) {
            struct pipilo_error reason = { PIPILO_EINVALID, "", "a picture's pixels are wanted" };
            if (pipilo_value_create_error(&batch->out[row], &reason, err) < 0)
                return err->code;
            continue;
        }
        size_t count = pixels.shape[0] * pixels.shape[1] * pixels.shape[2];
        double sum = 0;
        for (size_t i = 0; i < count; i++)
            sum += ((const unsigned char *)pixels.data)[i];
        double mean = brightness->scale * sum / (255.0 * (double)count);
        if (pipilo_value_create_float(&batch->out[row], mean, err) < 0)
            return err->code;
    }
    return 0;
}

static const struct pipilo_operator brightness = {
    .struct_size = sizeof brightness,
    .name = "image_stats.brightness",
    .summary = "tell how bright a picture is",
    .inputs = "uint8 (height, width, 3)",
    .output = "float",
    .params = params,
    .flags = PIPILO_OP_PARALLEL,
    .state_size = sizeof(struct brightness),
    .open = open_brightness,
    .call = call,
};

static int measure(pipilo_pipeline *pipeline, const char *picture, struct pipilo_error *err)
{
    pipilo_value *path = NULL;
    pipilo_run *run = NULL;
    pipilo_row *row = NULL;
    int result = pipilo_value_create_string(&path, picture, err);
    if (result == 0)
        result = pipilo_pipeline_start(&run, pipeline, &path, 1, err);
    if (result == 0)
        result = pipilo_run_next(run, &row, err);
    if (result == 0 && pipilo_row_error(row) != NULL)
        printf("%s: %s\n", picture, pipilo_row_error(row)->message);
    else if (result == 0)
        printf("%s: %.1f %%\n", picture, pipilo_value_float(pipilo_row_value(row, 0)));
    pipilo_row_unref(&row);
    pipilo_run_unref(&run);
    pipilo_value_unref(&path);
    return result;
}

int main(int argc, char **argv)
{
    struct pipilo_error err;
    pipilo_pipeline *pipeline = NULL;
    int result = pipilo_operator_register(&brightness, &err);
    if (result == 0)
        result = pipilo_pipeline_parse(
            &pipeline,
            "pipe.input('path').map('path', 'pixels', ops.image_resize(size=64))"
            ".map('pixels', 'percent', ops.image_stats.brightness(scale=100)).output('percent')",
            &err);
    for (int i = 1; i < argc && result == 0; i++)
        result = measure(pipeline, argv[i], &err);
    pipilo_pipeline_unref(&pipeline);
    if (result == 0)
        result = pipilo_close(&err);
    if (result < 0)
        fprintf(stderr, "%s: %s\n", pipilo_error_name(err.code), err.message);
    return result < 0 ? pipilo_error_exit_status(err.code) : 0;
}
