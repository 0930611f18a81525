// null.c: the engine without an engine. It needs no file: a vector is a fixed, cheap function of
// the pixels, in plain C and the same on every machine, so that everything around inference can be
// tested under any sanitizer.
//
// Element k of a row's vector is the mean, over the row's values i with i % dim == k, of the
// values, plus the value at place k of the same row: different pictures give different vectors, and
// no row sees another.
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "core/fail.h"
#include "model/engines/engines.h"

struct null_model {
    size_t batch, row, dim; // row = floats of one input row
};

struct null_request {
    const struct null_model *model;
    float *output;
};

static int devices(char *out, size_t out_size, struct pipilo_error *err)
{
    (void)err;
    snprintf(out, out_size, "CPU");
    return 0;
}

static bool has_bf16(const char *device)
{
    (void)device;
    return true;
}

static const char *version(void)
{
    return "1";
}

static uint64_t need(uint64_t file_size)
{
    (void)file_size;
    return 0;
}

static int inspect(struct plo_engine_ports *out, const char *path, const int64_t *shape,
                   struct pipilo_error *err)
{
    (void)path;
    (void)shape;
    (void)err;
    *out = (struct plo_engine_ports){ .input_count = 1, .output_count = 1 };
    out->inputs[0] = (struct plo_engine_port){ "input", "f32", 4, { -1, 3, 224, 224 } };
    out->outputs[0] = (struct plo_engine_port){ "embedding", "f32", 2, { -1, 64 } };
    return 0;
}

static int load(void **model, const struct plo_engine_load *l, struct pipilo_error *err)
{
    if (strcmp(l->device, "CPU") != 0)
        return plo_fail(err, PIPILO_ENOTFOUND, "there is no device '%s'; there is CPU", l->device);
    struct null_model *m = plo_alloc0(1, sizeof *m);
    if (m == NULL)
        return plo_fail_nomem(err, sizeof *m);
    m->batch = l->batch;
    m->row = 3 * l->height * l->width;
    m->dim = l->card->output.dim;
    *model = m;
    return 0;
}

static int request_create(void **request, void *model, struct pipilo_error *err)
{
    const struct null_model *m = model;
    struct null_request *r = plo_alloc0(1, sizeof *r);
    if (r == NULL)
        return plo_fail_nomem(err, sizeof *r);
    r->model = m;
    r->output = plo_alloc_aligned(m->batch * m->dim * sizeof(float));
    if (r->output == NULL) {
        plo_free(r);
        return plo_fail_nomem(err, m->batch * m->dim * sizeof(float));
    }
    *request = r;
    return 0;
}

static void request_destroy(void *request)
{
    struct null_request *r = request;
    plo_free(r->output);
    plo_free(r);
}

static int infer(void *request, float *input, struct plo_engine_output *out,
                 struct pipilo_error *err)
{
    (void)err;
    struct null_request *r = request;
    const struct null_model *m = r->model;
    for (size_t b = 0; b < m->batch; b++) {
        const float *in = input + b * m->row;
        float *vector = r->output + b * m->dim;
        memset(vector, 0, m->dim * sizeof *vector);
        for (size_t i = 0; i < m->row; i += m->dim) {
            size_t end = m->row - i < m->dim ? m->row - i : m->dim;
            for (size_t k = 0; k < end; k++)
                vector[k] += in[i + k];
        }
        float share = (float)m->dim / (float)m->row;
        for (size_t k = 0; k < m->dim; k++)
            vector[k] = vector[k] * share + (k < m->row ? in[k] : 0);
    }
    *out = (struct plo_engine_output){ 2, { m->batch, m->dim }, r->output };
    return 0;
}

const struct plo_engine plo_engine_null = {
    .name = "null",
    .devices = devices,
    .has_bf16 = has_bf16,
    .version = version,
    .need = need,
    .inspect = inspect,
    .load = load,
    .unload = plo_free,
    .request_create = request_create,
    .request_destroy = request_destroy,
    .infer = infer,
};
