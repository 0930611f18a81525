// handle_errors: the three places where something can go wrong, and what each looks like.
//
//     handle_errors MODEL PICTURE...
#include <stdio.h>

#include <pipilo/pipilo.h>

static void print(const char *what, const struct pipilo_error *err)
{
    printf("%s: %s [%s, exit status %d, HTTP %d]\n", what, err->message,
           pipilo_error_name(err->code), pipilo_error_exit_status(err->code),
           pipilo_error_http_status(err->code));
}

// 1. Building: text that is not valid, names that are not known, models that are not there. The
// pipeline is not made, and the message names what comes nearest.
static void build_wrongly(void)
{
    static const char *const texts[] = {
        "pipe.input('x').map('x', 'y', ops.image_decode()",
        "pipe.input('x').map('x', 'y', ops.image_decoed()).output('y')",
        "pipe.input('path').map('pth', 'y', ops.image_decode()).output('y')",
        "pipe.input('x').map('x', 'y', ops.image_resize(sise=64)).output('y')",
        "pipe.input('x').map('x', 'y', ops.image_embedding.timm('no-such-model')).output('y')",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct pipilo_error err;
        pipilo_pipeline *pipeline = NULL;
        if (pipilo_pipeline_parse(&pipeline, texts[i], &err) < 0)
            print("not built", &err);
        pipilo_pipeline_unref(&pipeline);
    }
}

// 2. A row: a picture that cannot be read gives a row with an error value. 3. The run: only where
// it cannot go on as a whole does pipilo_run_next itself fail.
static int run(pipilo_pipeline *pipeline, const char *picture, struct pipilo_error *err)
{
    pipilo_value *path = NULL;
    pipilo_run *one = NULL;
    pipilo_row *row = NULL;
    int result = pipilo_value_create_string(&path, picture, err);
    if (result == 0)
        result = pipilo_pipeline_start(&one, pipeline, &path, 1, err);
    while (result == 0 && (result = pipilo_run_next(one, &row, err)) == 0 && row != NULL) {
        if (pipilo_row_error(row) != NULL)
            print(picture, pipilo_row_error(row));
        else
            printf("%s: a vector\n", picture);
        pipilo_row_unref(&row);
    }
    if (result < 0)
        print("the run", err);
    pipilo_run_unref(&one);
    pipilo_value_unref(&path);
    return result;
}

int main(int argc, char **argv)
{
    char text[4096];
    struct pipilo_error err;
    pipilo_pipeline *pipeline = NULL;
    if (argc < 2) {
        fprintf(stderr, "usage: %s MODEL PICTURE...\n", argv[0]);
        return 2;
    }
    build_wrongly();
    snprintf(text, sizeof text,
             "pipe.input('path').map('path', 'vec', ops.image_embedding.timm('%s')).output('vec')",
             argv[1]);
    int result = pipilo_pipeline_parse(&pipeline, text, &err);
    for (int i = 2; i < argc && result == 0; i++)
        result = run(pipeline, argv[i], &err);
    pipilo_pipeline_unref(&pipeline);
    if (result == 0)
        result = pipilo_close(&err);
    if (result < 0)
        print("failed", &err);
    return result < 0 ? pipilo_error_exit_status(err.code) : 0;
}
