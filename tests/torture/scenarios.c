// scenarios.c: see scenarios.h.
#include "scenarios.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../unit/image/samples.h"

enum { PICTURES = 6 };

#define READ  "pipe.input('i').flat_map('i', ('s', 'p', 'm'), ops.read_dir())"
#define EMBED READ ".map('p', 'v', ops.image_embedding.timm('null:8'))"

// --- pipelines -----------------------------------------------------------------------------------

// The first error of a row, where there is one.
static void note(const pipilo_row *row, struct pipilo_error *first)
{
    const struct pipilo_error *bad = pipilo_row_error(row);
    if (bad != NULL && first->code == 0)
        *first = *bad;
}

static int run_pipeline(const char *text, const char *path, int expected, struct pipilo_error *err)
{
    pipilo_pipeline *pipeline = NULL;
    pipilo_run *run = NULL;
    pipilo_row *row = NULL;
    pipilo_value *input = NULL;
    struct pipilo_error first = { 0 };
    int rows = 0;
    int result = pipilo_value_create_string(&input, path, err);
    if (result == 0)
        result = pipilo_pipeline_parse(&pipeline, text, err);
    if (result == 0)
        result = pipilo_pipeline_start(&run, pipeline, &input, 1, err);
    while (result == 0 && (result = pipilo_run_next(run, &row, err)) == 0 && row != NULL) {
        note(row, &first);
        pipilo_row_unref(&row);
        rows++;
    }
    pipilo_run_unref(&run);
    pipilo_pipeline_unref(&pipeline);
    pipilo_value_unref(&input);
    if (result == 0 && first.code < 0) {
        *err = first;
        return first.code;
    }
    if (result == 0 && rows != expected) {
        snprintf(err->message, sizeof err->message, "%d rows, not %d", rows, expected);
        return err->code = PIPILO_EINTERNAL;
    }
    return result;
}

// --- stores --------------------------------------------------------------------------------------

static int search(pipilo_store *store, pipilo_index *index, struct pipilo_error *err)
{
    struct pipilo_hits *hits = NULL;
    struct pipilo_query queries[2] = { PIPILO_QUERY_INIT, PIPILO_QUERY_INIT };
    struct pipilo_search_options options = PIPILO_SEARCH_OPTIONS_INIT;
    options.index = index;
    queries[0].row = 2;
    int result = pipilo_value_create_string(&queries[1].picture, "in/b.jpg", err);
    if (result == 0)
        result = pipilo_store_search(&hits, store, queries, 2, 3, &options, err);
    pipilo_free(hits);
    pipilo_value_unref(&queries[1].picture);
    return result;
}

static int read_store(const char *path, struct pipilo_error *err)
{
    pipilo_store *store = NULL;
    const struct pipilo_store_count *counts = NULL;
    struct pipilo_store_row row;
    float vector[8];
    size_t count = 0;
    struct pipilo_map *map = NULL;
    int result = pipilo_store_open(&store, path, err);
    if (result == 0)
        result = pipilo_store_row(&row, store, 3, err);
    if (result == 0)
        result = pipilo_store_vectors(vector, store, 1, 1, err);
    if (result == 0)
        result = pipilo_store_errors(&counts, &count, store, err);
    if (result == 0)
        result = pipilo_store_map(&map, store, NULL, err);
    if (result == 0)
        result = search(store, NULL, err);
    pipilo_free(map);
    pipilo_store_close(&store);
    return result;
}

static int read_npy(struct pipilo_error *err)
{
    return read_store("kept.npy", err);
}

static int read_sqlite(struct pipilo_error *err)
{
    return read_store("kept.db", err);
}

static int build_index(struct pipilo_error *err)
{
    pipilo_store *store = NULL;
    pipilo_index *index = NULL;
    int result = pipilo_store_open(&store, "kept.npy", err);
    if (result == 0)
        result = pipilo_index_build(store, "new.index", NULL, err);
    if (result == 0)
        result = pipilo_index_open(&index, store, "new.index", err);
    if (result == 0)
        result = search(store, index, err);
    pipilo_index_close(&index);
    pipilo_store_close(&store);
    return result;
}

// --- models, inputs ---------------------------------------------------------------------------

static int show_models(struct pipilo_error *err)
{
    struct pipilo_model_list *list = NULL;
    struct pipilo_model_info *info = NULL;
    struct pipilo_model_cache *cache = NULL;
    struct pipilo_model_settings settings = PIPILO_MODEL_SETTINGS_INIT;
    char *home = NULL;
    int result = pipilo_models_home(&home, err);
    if (result == 0)
        result = pipilo_models_list(&list, "home", err);
    if (result == 0)
        result = pipilo_model_show(&info, "null:8", &settings, err);
    if (result == 0)
        result = pipilo_model_cache_show(&cache, err);
    pipilo_free(home);
    pipilo_free(list);
    pipilo_free(info);
    pipilo_free(cache);
    return result;
}

static int count_inputs(struct pipilo_error *err)
{
    const char *const inputs[] = { "in", "in/*.jpg", "shard.tar" };
    int64_t count = 0;
    return pipilo_inputs_count(&count, inputs, 3, "list", NULL, NULL, err);
}

const struct scenario scenarios[] = {
    { .name = "write_npy",
      .text = EMBED ".map(('m', 'p', 'v'), 'r', ops.write_npy('o.npy', 'null:8', force=True))"
                    ".output('r')",
      .input = "in",
      .rows = PICTURES },
    { .name = "write_sqlite",
      .text = EMBED ".map(('m', 'p', 'v'), 'r', ops.write_sqlite('o.db', 'null:8',"
                    " force=True, thumbnails=True)).output('r')",
      .input = "in",
      .rows = PICTURES },
    { .name = "write_jsonl",
      .text = EMBED ".map(('m', 'p', 'v'), 'r', ops.write_jsonl('l.jsonl', 'null:8', force=True))"
                    ".output('r')",
      .input = "in",
      .rows = PICTURES },
    { .name = "pictures",
      .text = READ ".map('p', 'd', ops.image_decode())"
                   ".map('d', 'r', ops.image_resize(size=8))"
                   ".map('r', 'v', ops.image_embedding.timm('null:4'))"
                   ".map('v', 'v', ops.towhee.np_normalize()).output('r', 'v')",
      .input = "in",
      .rows = PICTURES,
      .never_damaged = true },
    { .name = "tiff",
      .text = EMBED ".output('s', 'v')",
      .input = "tiff",
      .rows = 1,
      .never_damaged = true,
      .ends = true },
    { .name = "tar", .text = EMBED ".output('s', 'v')", .input = "shard.tar", .rows = PICTURES },
    { .name = "read_npy", .run = read_npy },
    { .name = "read_sqlite", .run = read_sqlite },
    { .name = "index", .run = build_index },
    { .name = "models", .run = show_models },
    { .name = "inputs", .run = count_inputs },
};
const int scenario_count = sizeof scenarios / sizeof scenarios[0];

int scenario_run(const struct scenario *scenario, struct pipilo_error *err)
{
    return scenario->run != NULL
               ? scenario->run(err)
               : run_pipeline(scenario->text, scenario->input, scenario->rows, err);
}

// --- the folder ----------------------------------------------------------------------------------

static void put(const char *path, struct plo_buf *bytes)
{
    FILE *file = fopen(path, "wbe");
    if (file == NULL || fwrite(bytes->data, 1, bytes->size, file) != bytes->size || fclose(file)) {
        perror(path);
        exit(1);
    }
    plo_buf_unref(&bytes);
}

void scenarios_prepare(void)
{
    struct pipilo_error err = { 0 };
    if (mkdir("in", 0777) < 0 || mkdir("tiff", 0777) < 0 || mkdir("home", 0777) < 0)
        exit(1);
    put("tiff/a.tif", sample_tiff(40, 30));
    put("in/a.bmp", sample_bmp(40, 30));
    put("in/b.jpg", sample_jpeg(50, 40, SAMPLE_PLAIN, 6));
    put("in/c.jpg", sample_jpeg(40, 40, SAMPLE_PROGRESSIVE, 0));
    put("in/d.png", sample_png(30, 30, true));
    put("in/e.webp", sample_webp(32, 24, false));
    put("in/f.gif", sample_gif(20, 20));
    if (system("tar cf shard.tar in/* && ls in/* > list") != 0)
        exit(1);
    if (run_pipeline(EMBED
                     ".map(('m', 'p', 'v'), 'r', ops.write_npy('kept.npy', 'null:8')).output('r')",
                     "in", PICTURES, &err) < 0 ||
        run_pipeline(
            EMBED ".map(('m', 'p', 'v'), 'r', ops.write_sqlite('kept.db', 'null:8')).output('r')",
            "in", PICTURES, &err) < 0) {
        printf("%s\n", err.message);
        exit(1);
    }
}
