// embed_folder: the pictures of a folder to vectors in a store, and the nearest ones to the first.
//
//     embed_folder MODEL FOLDER OUT.db
#include <stdio.h>

#include <pipilo/pipilo.h>

static int complain(const struct pipilo_error *err)
{
    fprintf(stderr, "%s: %s\n", pipilo_error_name(err->code), err->message);
    return pipilo_error_exit_status(err->code);
}

// Runs the pipeline to its end. A picture that fails is a row that failed; the others go on.
static int embed(pipilo_pipeline *pipeline, const char *folder, struct pipilo_error *err)
{
    pipilo_value *input = NULL;
    pipilo_run *run = NULL;
    pipilo_row *row = NULL;
    long good = 0, bad = 0;
    int result = pipilo_value_create_string(&input, folder, err);
    if (result == 0)
        result = pipilo_pipeline_start(&run, pipeline, &input, 1, err);
    while (result == 0 && (result = pipilo_run_next(run, &row, err)) == 0 && row != NULL) {
        const struct pipilo_error *reason = pipilo_row_error(row);
        if (reason == NULL)
            good++;
        else {
            bad++;
            printf("%s: %s\n", pipilo_value_string(pipilo_row_value(row, 0)), reason->message);
        }
        pipilo_row_unref(&row);
    }
    if (result == 0)
        printf("%ld vectors, %ld failed\n", good, bad);
    pipilo_run_unref(&run);
    pipilo_value_unref(&input);
    return result;
}

static int search(const char *path, struct pipilo_error *err)
{
    pipilo_store *store = NULL;
    struct pipilo_hits *hits = NULL;
    struct pipilo_query query = PIPILO_QUERY_INIT;
    query.row = 0;
    int result = pipilo_store_open(&store, path, err);
    if (result == 0)
        result = pipilo_store_search(&hits, store, &query, 1, 3, NULL, err);
    for (size_t i = 0; result == 0 && i < hits[0].count; i++)
        printf("%.4f %s\n", hits[0].list[i].score, hits[0].list[i].source);
    pipilo_free(hits);
    pipilo_store_close(&store);
    return result;
}

int main(int argc, char **argv)
{
    char text[4096];
    struct pipilo_error err;
    pipilo_pipeline *pipeline = NULL;
    if (argc != 4) {
        fprintf(stderr, "usage: %s MODEL FOLDER OUT.db\n", argv[0]);
        return 2;
    }
    snprintf(text, sizeof text,
             "pipe.input('folder')"
             ".flat_map('folder', ('source', 'image', 'item'), ops.read_dir())"
             ".map('image', 'vec', ops.image_embedding.timm('%s'))"
             ".map(('item', 'image', 'vec'), 'row', ops.write_sqlite('%s', '%s', force=True))"
             ".output('source', 'row')",
             argv[1], argv[3], argv[1]);
    int result = pipilo_pipeline_parse(&pipeline, text, &err);
    if (result == 0)
        result = embed(pipeline, argv[2], &err);
    pipilo_pipeline_unref(&pipeline);
    if (result == 0)
        result = search(argv[3], &err);
    if (result == 0)
        result = pipilo_close(&err);
    return result < 0 ? complain(&err) : 0;
}
