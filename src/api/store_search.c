// store_search.c: the nearest rows of a store. Pictures are embedded as the store's own were: its
// settings say how, and the model must come to the same fingerprint.
#include <string.h>

#include "api/pack.h"
#include "api/store_parts.h"
#include "core/fail.h"
#include "flow/pool.h"
#include "ops/embedding.h"
#include "ops/picture.h"
#include "ops/process.h"
#include "search/search.h"

// A model that makes the store's vectors, opened at the first picture.
struct embedder {
    struct plo_embedding embedding;
    struct plo_model *model;
    struct plo_image_scratch *scratch;
    float *input;
};

static int open_model(struct embedder *embedder, const pipilo_store *store,
                      const struct pipilo_search_options *options, struct pipilo_error *err)
{
    struct pipilo_model_settings settings = PIPILO_MODEL_SETTINGS_INIT;
    const char *spec = options->model != NULL ? options->model : store->info.model_spec;
    settings.precision = plo_json_string(plo_json_get(store->settings, "precision"));
    settings.exif = plo_json_string(plo_json_get(store->settings, "exif"));
    settings.fast = plo_json_bool(plo_json_get(store->settings, "fast"));
    settings.normalize = plo_json_bool(plo_json_get(store->settings, "normalize"));
    settings.device = options->device;
    if (spec[0] == '\0')
        spec = store->info.model;
    PLO_TRY(plo_embedding_of_settings(&embedder->embedding, &settings, err));
    PLO_TRY(plo_model_open(&embedder->model, spec, &embedder->embedding.model, err));
    struct plo_fingerprint print;
    PLO_TRY(plo_embedding_fingerprint(&embedder->embedding, embedder->model, &print, err));
    int result = plo_fingerprint_compare(store->info.fingerprint_json, print.json, err);
    plo_fingerprint_reset(&print);
    PLO_TRY(result);
    if (plo_model_dim(embedder->model) != store->info.dim)
        return plo_fail(err, PIPILO_EMISMATCH, "the store's vectors have %zu values, not %zu",
                        store->info.dim, plo_model_dim(embedder->model));
    size_t floats = plo_model_rows(embedder->model) * plo_model_input_floats(embedder->model);
    embedder->scratch = plo_image_scratch_create();
    embedder->input = plo_alloc_aligned(floats * sizeof(float));
    if (embedder->scratch == NULL || embedder->input == NULL)
        return plo_fail_nomem(err, floats * sizeof(float));
    return 0;
}

static void close_model(struct embedder *embedder)
{
    plo_image_scratch_destroy(embedder->scratch);
    plo_free(embedder->input);
    plo_model_unref(&embedder->model);
}

// Says which of several pictures it was; what could not be opened says so itself.
static int fail_picture(const struct plo_image *image, const struct pipilo_error *reason,
                        struct pipilo_error *err)
{
    const char *path = plo_image_path(image);
    if (path == NULL || strncmp(reason->message, path, strlen(path)) == 0)
        return plo_fail(err, reason->code, "%s", reason->message);
    return plo_fail(err, reason->code, "%.160s: %s", path, reason->message);
}

static int embed_picture(struct embedder *embedder, const pipilo_value *picture, float *vector,
                         struct pipilo_error *err)
{
    struct plo_image *image = NULL;
    PLO_TRY(plo_picture_open(&image, picture, err));
    struct pipilo_error reason = { 0 };
    int result =
        plo_image_tensor(image, &plo_model_card(embedder->model)->preprocess,
                         &embedder->embedding.decode, embedder->scratch, embedder->input, &reason);
    if (result < 0)
        fail_picture(image, &reason, err);
    plo_image_unref(&image);
    PLO_TRY(result);
    return plo_model_embed(embedder->model, embedder->input, 1, vector, err);
}

static int read_row(pipilo_store *store, int64_t row, float *vector, struct pipilo_error *err)
{
    uint8_t valid = 0;
    if (row >= store->info.rows)
        return plo_fail(err, PIPILO_ENOTFOUND, "there is no row %lld; the store has %lld",
                        (long long)row, (long long)store->info.rows);
    PLO_TRY(plo_table_vectors(store->table, row, 1, vector, &valid, err));
    if (!valid)
        return plo_fail(err, PIPILO_ENOTFOUND, "the row %lld has no vector", (long long)row);
    return 0;
}

static int fill_vector(struct embedder *embedder, pipilo_store *store,
                       const struct pipilo_query *query,
                       const struct pipilo_search_options *options, float *vector,
                       struct pipilo_error *err)
{
    int wanted = (query->vector != NULL) + (query->picture != NULL) + (query->row >= 0);
    if (wanted != 1)
        return plo_fail(err, PIPILO_EINVALID,
                        "a query is either a vector, or a picture, or a row of the store");
    if (query->vector != NULL)
        memcpy(vector, query->vector, store->info.dim * sizeof *vector);
    else if (query->row >= 0)
        return read_row(store, query->row, vector, err);
    else {
        if (embedder->input == NULL)
            PLO_TRY(open_model(embedder, store, options, err));
        return embed_picture(embedder, query->picture, vector, err);
    }
    return 0;
}

static int fill_vectors(float *vectors, pipilo_store *store, const struct pipilo_query *queries,
                        size_t count, const struct pipilo_search_options *options,
                        struct pipilo_error *err)
{
    struct embedder embedder = { 0 };
    int result = 0;
    for (size_t i = 0; result == 0 && i < count; i++)
        result =
            fill_vector(&embedder, store, &queries[i], options, vectors + i * store->info.dim, err);
    close_model(&embedder);
    return result;
}

static int read_vectors(void *cookie, int64_t first, size_t count, float *vectors, uint8_t *valid,
                        struct pipilo_error *err)
{
    return plo_table_vectors(cookie, first, count, vectors, valid, err);
}

// What was found, whichever way.
struct results {
    struct plo_search_hit *hits; // `limit` places a query
    size_t *found;               // of each query
    size_t queries, limit;
    struct plo_str sources; // of the hits, one behind the other, each with its NUL
};

// What a hit's row says is read once: it takes longer than everything else about it.
static int read_sources(struct results *results, pipilo_store *store, struct pipilo_error *err)
{
    for (size_t i = 0; i < results->queries; i++) {
        for (size_t k = 0; k < results->found[i]; k++) {
            struct plo_row row = { 0 };
            int64_t number = results->hits[i * results->limit + k].row;
            PLO_TRY(plo_table_row(store->table, number, &row, err));
            plo_str_add_bytes(&results->sources, row.source, strlen(row.source) + 1);
        }
    }
    return results->sources.failed ? plo_fail_nomem(err, results->sources.length) : 0;
}

// Lays out the hits; run twice (see pack.h).
static struct pipilo_hits *pack_hits(struct plo_pack *pack, const struct results *results)
{
    const char *next = results->sources.data;
    struct pipilo_hits *all = plo_pack_room(pack, results->queries * sizeof *all);
    for (size_t i = 0; i < results->queries; i++) {
        const struct plo_search_hit *found = results->hits + i * results->limit;
        size_t count = results->found[i];
        struct pipilo_hit *list = plo_pack_room(pack, count * sizeof *list);
        for (size_t k = 0; k < count; k++) {
            const char *source = plo_pack_text(pack, next);
            next += strlen(next) + 1;
            if (list != NULL)
                list[k] = (struct pipilo_hit){ found[k].row, source, found[k].score };
        }
        if (all != NULL)
            all[i] = (struct pipilo_hits){ count, list };
    }
    return all;
}

static int search_exactly(struct results *results, pipilo_store *store, const float *vectors,
                          const struct pipilo_search_options *options, struct pipilo_error *err)
{
    struct plo_search *search = NULL;
    struct plo_search_source source = {
        .rows = store->info.rows,
        .halves = plo_table_meta(store->table)->halves,
        .read = read_vectors,
        .cookie = store->table,
        .progress = options->progress,
        .progress_cookie = options->cookie,
    };
    PLO_TRY(plo_search_create(&search, vectors, results->queries, store->info.dim, results->limit,
                              err));
    int result = plo_table_map(store->table, &source.mapped, err);
    if (result == 0)
        result = plo_search_run(search, &source, plo_pool_size(), err);
    for (size_t i = 0; result == 0 && i < results->queries; i++) {
        const struct plo_search_hit *hits = NULL;
        results->found[i] = plo_search_hits(search, i, &hits);
        if (results->found[i] > 0)
            memcpy(results->hits + i * results->limit, hits, results->found[i] * sizeof *hits);
    }
    plo_search_destroy(search);
    return result;
}

static int search_vectors(struct pipilo_hits **out, pipilo_store *store, const float *vectors,
                          size_t queries, size_t limit, const struct pipilo_search_options *options,
                          struct pipilo_error *err)
{
    struct plo_pack pack = { 0 };
    struct results results = { .queries = queries };
    size_t rows = store->info.rows > 0 ? (size_t)store->info.rows : 1;
    results.limit = limit < rows ? limit : rows;
    results.hits = plo_alloc0(queries * results.limit, sizeof *results.hits);
    results.found = plo_alloc0(queries, sizeof *results.found);
    int result = results.hits == NULL || results.found == NULL
                     ? plo_fail_nomem(err, queries * results.limit * sizeof *results.hits)
                     : 0;
    if (result == 0 && options->index != NULL)
        result = plo_store_search_index(results.hits, results.found, store, options->index, vectors,
                                        queries, results.limit, err);
    else if (result == 0)
        result = search_exactly(&results, store, vectors, options, err);
    if (result == 0)
        result = read_sources(&results, store, err);
    if (result == 0) {
        (void)pack_hits(&pack, &results);
        result = plo_pack_begin(&pack, err);
    }
    *out = result == 0 ? pack_hits(&pack, &results) : NULL;
    plo_str_reset(&results.sources);
    plo_free(results.hits);
    plo_free(results.found);
    return result;
}

// A caller built against an older header has a shorter struct.
static struct pipilo_search_options whole(const struct pipilo_search_options *options)
{
    struct pipilo_search_options out = PIPILO_SEARCH_OPTIONS_INIT;
    if (options != NULL)
        memcpy(&out, options,
               options->struct_size < sizeof out ? options->struct_size : sizeof out);
    return out;
}

int pipilo_store_search(struct pipilo_hits **out, pipilo_store *store,
                        const struct pipilo_query *queries, size_t query_count, size_t limit,
                        const struct pipilo_search_options *options, struct pipilo_error *err)
{
    const struct pipilo_search_options given = whole(options);
    if (query_count == 0 || limit == 0)
        return plo_fail(err, PIPILO_EINVALID, "a search wants a query and a limit above 0");
    plo_process_prepare();
    size_t dim = store->info.dim;
    float *vectors = plo_alloc0(query_count, dim * sizeof *vectors);
    if (vectors == NULL)
        return plo_fail_nomem(err, query_count * dim * sizeof *vectors);
    int result = fill_vectors(vectors, store, queries, query_count, &given, err);
    if (result == 0)
        result = search_vectors(out, store, vectors, query_count, limit, &given, err);
    plo_free(vectors);
    return result;
}
