// rate.c: callers that do nothing but infer, until the time is over (see rate.h).
#include "model/rate.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crew.h"
#include "core/fail.h"

// What the callers share.
struct shift {
    struct plo_model *model;
    float *input; // a batch, read by all
    size_t rows, dim;
    int64_t until;
    _Atomic int64_t done; // rows
    _Atomic int64_t last; // when the last row was ready
    _Atomic int code;
};

void plo_model_fill(const struct plo_model *model, float *input, size_t rows)
{
    uint32_t random = 1;
    for (size_t i = 0; i < rows * plo_model_input_floats(model); i++) {
        random = random * 1664525u + 1013904223u;
        input[i] = (float)(random >> 8) / (float)(1 << 23) - 1.0f;
    }
}

static void work(void *cookie)
{
    struct shift *shift = cookie;
    float *output = plo_alloc(shift->rows * shift->dim * sizeof *output);
    if (output == NULL)
        atomic_store(&shift->code, PIPILO_ENOMEM);
    while (output != NULL && atomic_load(&shift->code) == 0 && plo_clock_ns() < shift->until) {
        int code = plo_model_embed(shift->model, shift->input, shift->rows, output, NULL);
        if (code < 0)
            atomic_store(&shift->code, code);
        atomic_fetch_add(&shift->done, (int64_t)shift->rows);
        atomic_store(&shift->last, plo_clock_ns());
    }
    plo_free(output);
}

static int run(struct shift *shift, size_t workers, int64_t ns, double *rate,
               struct pipilo_error *err)
{
    void **cookies = plo_alloc0(workers, sizeof *cookies);
    if (cookies == NULL)
        return plo_fail_nomem(err, 0);
    for (size_t i = 0; i < workers; i++)
        cookies[i] = shift;
    int64_t began = plo_clock_ns();
    shift->until = began + ns;
    atomic_store(&shift->last, began);
    plo_crew_run(work, cookies, workers);
    plo_free(cookies);
    int code = atomic_load(&shift->code);
    int64_t took = atomic_load(&shift->last) - began;
    *rate = took > 0 ? (double)atomic_load(&shift->done) * 1e9 / (double)took : 0;
    return code < 0 ? plo_fail(err, code, "the inference failed while it was timed") : 0;
}

int plo_model_rate(struct plo_model *model, double seconds, double *rate, struct pipilo_error *err)
{
    struct shift shift = {
        .model = model,
        .rows = plo_model_rows(model),
        .dim = plo_model_dim(model),
    };
    shift.input = plo_alloc_aligned(shift.rows * plo_model_input_floats(model) * sizeof(float));
    if (shift.input == NULL)
        return plo_fail_nomem(err, 0);
    plo_model_fill(model, shift.input, shift.rows);
    int code = run(&shift, (size_t)plo_model_streams(model), (int64_t)(seconds * 1e9), rate, err);
    plo_free(shift.input);
    return code;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right ? 1 : 0;
}

double plo_median(double *numbers, size_t count)
{
    qsort(numbers, count, sizeof *numbers, compare);
    return count % 2 == 1 ? numbers[count / 2] : (numbers[count / 2 - 1] + numbers[count / 2]) / 2;
}
