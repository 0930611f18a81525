// normalize.c: v / np.linalg.norm(v, axis=axis, keepdims=True), as Towhee's operator computes it
// (see normalize.h). As there, a vector of zeros becomes NaN. Sums are made in double, whatever the
// type.
#include "ops/normalize.h"

#include <math.h>

#include "core/fail.h"
#include "core/value.h"

const struct pipilo_param plo_normalize_params[] = {
    { .name = "axis",
      .type = PIPILO_PARAM_INT,
      .fallback = "0",
      .min = -PIPILO_MAX_DIMENSIONS,
      .max = PIPILO_MAX_DIMENSIONS - 1,
      .help = "the axis along which a vector lies; negative ones count from the last" },
    { .name = NULL },
};

int plo_normalize_open(void *state, const pipilo_args *args, struct pipilo_error *err)
{
    (void)err;
    struct plo_normalize *normalize = state;
    normalize->axis = pipilo_args_int(args, "axis");
    return 0;
}

static void normalize_f32(float *out, const float *in, size_t length, size_t stride)
{
    double sum = 0;
    for (size_t i = 0; i < length; i++)
        sum += (double)in[i * stride] * in[i * stride];
    double norm = sqrt(sum);
    for (size_t i = 0; i < length; i++)
        out[i * stride] = (float)(in[i * stride] / norm);
}

static void normalize_f64(double *out, const double *in, size_t length, size_t stride)
{
    double sum = 0;
    for (size_t i = 0; i < length; i++)
        sum += in[i * stride] * in[i * stride];
    double norm = sqrt(sum);
    for (size_t i = 0; i < length; i++)
        out[i * stride] = in[i * stride] / norm;
}

// Where a dimension's neighbours are `stride` elements apart, vectors begin at every element whose
// place along it is 0.
static void normalize_all(void *out, const struct pipilo_tensor *in, size_t axis)
{
    size_t outer = 1, stride = 1, length = in->shape[axis];
    for (size_t i = 0; i < axis; i++)
        outer *= in->shape[i];
    for (size_t i = axis + 1; i < in->count; i++)
        stride *= in->shape[i];
    for (size_t i = 0; i < outer; i++) {
        for (size_t k = 0; k < stride; k++) {
            size_t at = i * length * stride + k;
            if (in->dtype == PIPILO_F32)
                normalize_f32((float *)out + at, (const float *)in->data + at, length, stride);
            else
                normalize_f64((double *)out + at, (const double *)in->data + at, length, stride);
        }
    }
}

static int normalize_row(const struct plo_normalize *normalize, const pipilo_value *value,
                         pipilo_value **out, struct pipilo_error *err)
{
    struct pipilo_tensor view;
    bool tensor = pipilo_value_tensor(value, &view);
    if (!tensor || (view.dtype != PIPILO_F32 && view.dtype != PIPILO_F64))
        return plo_fail(err, PIPILO_EINVALID, "a float32 or float64 tensor is wanted, not %s",
                        tensor ? pipilo_dtype_name(view.dtype) : pipilo_kind_name(value->kind));
    int64_t count = (int64_t)view.count;
    int64_t axis = normalize->axis < 0 ? normalize->axis + count : normalize->axis;
    if (axis < 0 || axis >= count)
        return plo_fail(err, PIPILO_EINVALID, "there is no axis %lld in a tensor of %zu dimensions",
                        (long long)normalize->axis, view.count);
    size_t bytes = pipilo_dtype_size(view.dtype);
    for (size_t i = 0; i < view.count; i++)
        bytes *= view.shape[i];
    struct plo_buf *owner = plo_buf_create(bytes);
    if (owner == NULL)
        return plo_fail_nomem(err, bytes);
    normalize_all(owner->data, &view, (size_t)axis);
    view.data = owner->data;
    return plo_value_wrap_tensor(out, owner, &view, err);
}

int plo_normalize_call(void *state, void *run, struct pipilo_batch *batch, struct pipilo_error *err)
{
    (void)run;
    if (batch->columns == 0)
        return plo_fail(err, PIPILO_EINVALID, "it takes a column with tensors");
    for (size_t i = 0; i < batch->rows; i++) {
        struct pipilo_error reason = { 0 };
        if (normalize_row(state, pipilo_batch_input(batch, i, 0), &batch->out[i], &reason) < 0)
            PLO_TRY(pipilo_value_create_error(&batch->out[i], &reason, err));
    }
    return 0;
}
