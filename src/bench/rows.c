// rows.c: one thread that appends to a table (see rows.h).
#include "bench/rows.h"

#include <stdio.h>

#include "core/fail.h"
#include "table/table.h"

struct rows {
    struct plo_table *table;
    const float *vector;
};

static int call(void *cookie, int thread, int64_t i, struct pipilo_error *err)
{
    struct rows *rows = cookie;
    char source[64];
    (void)thread;
    snprintf(source, sizeof source, "pictures/of/about/this/length/%09lld.jpg", (long long)i);
    const struct plo_row row = { .row = -1,
                                 .source = source,
                                 .width = 500,
                                 .height = 375,
                                 .vector = rows->vector,
                                 .size = 100000 };
    return plo_table_append(rows->table, &row, err);
}

static float *make_vector(size_t dim)
{
    float *vector = plo_alloc0(dim, sizeof *vector);
    for (size_t i = 0; vector != NULL && i < dim; i++)
        vector[i] = (float)i / 1024.0f;
    return vector;
}

int plo_rows_run(struct plo_timed_taken *out, const char *path, size_t dim,
                 struct plo_timed_job job, struct pipilo_error *err)
{
    const struct plo_table_meta meta = {
        .fingerprint = "0000000000000000", .model = "measured", .dim = dim, .version = "0"
    };
    const struct plo_table_options options = { .force = true };
    struct rows rows = { 0 };
    float *vector = make_vector(dim);
    if (vector == NULL)
        return plo_fail_nomem(err, dim * sizeof *vector);
    rows.vector = vector;
    job.threads = 1;
    job.call = call;
    job.cookie = &rows;
    if (job.calls == 0 || job.calls > PLO_ROWS_MOST)
        job.calls = PLO_ROWS_MOST;
    int result = plo_table_create(&rows.table, path, &meta, &options, err);
    if (result == 0)
        result = plo_timed_run(out, &job, err);
    // Closed without a finish it takes its files away.
    plo_table_close(rows.table);
    plo_free(vector);
    return result;
}
