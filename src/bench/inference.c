// inference.c: timed threads that ask a model (see inference.h).
#include "bench/inference.h"

#include <string.h>

#include "core/fail.h"
#include "model/rate.h"

enum { WARM_UP = 3 }; // calls a stream before the clock starts

struct inference {
    struct plo_model *model;
    size_t rows;     // of a call
    float **inputs;  // one a thread
    float **outputs; // likewise
};

static int call(void *cookie, int thread, int64_t i, struct pipilo_error *err)
{
    struct inference *inference = cookie;
    (void)i;
    return plo_model_embed(inference->model, inference->inputs[thread], inference->rows,
                           inference->outputs[thread], err);
}

static void free_tensors(float **tensors, int count)
{
    for (int i = 0; tensors != NULL && i < count; i++)
        plo_free(tensors[i]);
    plo_free(tensors);
}

static float **make_tensors(int count, size_t floats)
{
    float **tensors = plo_alloc0((size_t)count, sizeof *tensors);
    for (int i = 0; tensors != NULL && i < count; i++) {
        tensors[i] = plo_alloc_aligned(floats * sizeof(float));
        if (tensors[i] == NULL) {
            free_tensors(tensors, count);
            return NULL;
        }
        memset(tensors[i], 0, floats * sizeof(float));
    }
    return tensors;
}

int plo_inference_run(struct plo_timed_taken *out, struct plo_model *model,
                      struct plo_timed_job job, struct pipilo_error *err)
{
    struct inference inference = { .model = model, .rows = plo_model_rows(model) };
    job.threads = plo_model_streams(model);
    inference.inputs = make_tensors(job.threads, inference.rows * plo_model_input_floats(model));
    inference.outputs = make_tensors(job.threads, inference.rows * plo_model_dim(model));
    for (int i = 0; inference.inputs != NULL && i < job.threads; i++)
        plo_model_fill(model, inference.inputs[i], inference.rows);
    job.call = call;
    job.cookie = &inference;
    job.calls = (job.calls + (int64_t)inference.rows - 1) / (int64_t)inference.rows;
    struct plo_timed_job warm_up = job;
    warm_up.calls = (int64_t)job.threads * WARM_UP;
    int result = inference.inputs == NULL || inference.outputs == NULL
                     ? plo_fail_nomem(err, 0)
                     : plo_timed_run(out, &warm_up, err);
    if (result == 0)
        result = plo_timed_run(out, &job, err);
    free_tensors(inference.inputs, job.threads);
    free_tensors(inference.outputs, job.threads);
    out->calls *= (int64_t)inference.rows;
    out->rate *= (double)inference.rows;
    return result;
}
