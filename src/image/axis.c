// axis.c: the weights of one direction of a resize (see axis.h).
#include "image/axis.h"

#include <math.h>
#include <string.h>

#include "core/fail.h"

#define PI 3.14159265358979323846
static const uint64_t max_bytes = UINT64_C(1) << 30;

// --- the kernels ---------------------------------------------------------------------------------

static double triangle(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

// Keys' cubic with a = -0.5.
static double cubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

static double sinc(double x)
{
    if (x == 0.0)
        return 1.0;
    x *= PI;
    return sin(x) / x;
}

// A sinc windowed by the main lobe of a sinc three times as wide.
static double lanczos3(double x)
{
    return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
}

static const struct kernel {
    double (*at)(double x);
    double radius;
} kernels[] = {
    [PLO_FILTER_BICUBIC] = { cubic, 2.0 },
    [PLO_FILTER_BILINEAR] = { triangle, 1.0 },
    [PLO_FILTER_LANCZOS] = { lanczos3, 3.0 },
};

// --- one output sample ---------------------------------------------------------------------------

struct reach {
    double scale;  // source samples per output sample
    double widen;  // the kernel's, at least 1
    double radius; // in source samples
};

static struct reach reach_of(const struct plo_axis_request *request)
{
    struct reach reach = { .scale = (double)request->source / request->target };
    reach.widen = reach.scale < 1.0 ? 1.0 : reach.scale;
    reach.radius = kernels[request->filter].radius * reach.widen;
    return reach;
}

static uint32_t taps_of(const struct plo_axis_request *request)
{
    double most = ceil(reach_of(request).radius) * 2 + 1;
    uint32_t taps = most < request->source ? (uint32_t)most : request->source;
    return (taps + 3) / 4 * 4;
}

static int32_t rounded(double weight)
{
    double scaled = weight * (1 << PLO_WEIGHT_BITS);
    return (int32_t)(weight < 0 ? scaled - 0.5 : scaled + 0.5);
}

// Weights of output `index` into `weights` (zeroed, room for all taps), leading and trailing zeros
// left out. `raw` has room for all taps too.
static void one_output(const struct plo_axis_request *request, const struct reach *reach,
                       uint32_t index, double *raw, uint32_t *start, uint32_t *length,
                       int32_t *weights)
{
    double center = (index + 0.5) * reach->scale, sum = 0.0, unit = 1.0 / reach->widen;
    double low = center - reach->radius + 0.5, high = center + reach->radius + 0.5;
    int64_t first = low < 0 ? 0 : (int64_t)low;
    int64_t end = high > request->source ? request->source : (int64_t)high;
    uint32_t count = (uint32_t)(end - first);
    for (uint32_t t = 0; t < count; t++) {
        raw[t] = kernels[request->filter].at(((double)t + (double)first - center + 0.5) * unit);
        sum += raw[t];
    }
    uint32_t from = count, to = 0;
    for (uint32_t t = 0; t < count; t++) {
        int32_t weight = rounded(sum != 0.0 ? raw[t] / sum : raw[t]);
        if (weight == 0 && from == count)
            continue;
        if (from == count)
            from = t;
        weights[t - from] = weight;
        if (weight != 0)
            to = t + 1;
    }
    *start = (uint32_t)first + (from < to ? from : 0);
    *length = from < to ? to - from : 1;
}

static void mirror(const struct plo_axis_request *request, uint32_t *start, uint32_t length,
                   int32_t *weights)
{
    *start = request->source - *start - length;
    for (uint32_t a = 0, b = length - 1; a < b; a++, b--) {
        int32_t kept = weights[a];
        weights[a] = weights[b];
        weights[b] = kept;
    }
}

// --- the table -----------------------------------------------------------------------------------

static void fill_parts(struct plo_axis *axis)
{
    size_t groups = (size_t)axis->count * axis->taps / 4;
    for (size_t group = 0; group < groups; group++) {
        for (size_t t = 0; t < 4; t++) {
            int32_t weight = axis->weights[group * 4 + t];
            int32_t low = weight & ((1 << PLO_WEIGHT_SPLIT) - 1);
            axis->parts[group * 8 + t] = (int16_t)low;
            axis->parts[group * 8 + 4 + t] = (int16_t)((weight - low) / (1 << PLO_WEIGHT_SPLIT));
        }
    }
}

// The digits of one output, beginning so far to the left that it reads little past the axis' end.
static void one_output_digits(struct plo_axis *axis, uint32_t index)
{
    const int32_t *weights = axis->weights + (size_t)index * axis->taps;
    uint32_t start = axis->starts[index], reach = start + 4 * axis->digit_groups;
    uint32_t before = reach > axis->end ? (reach - axis->end + 3) / 4 : 0;
    uint32_t spare = axis->digit_groups - (axis->lengths[index] + 3) / 4;
    before = before < spare ? before : spare;
    if (before > (start - axis->first) / 4)
        before = (start - axis->first) / 4;
    axis->digit_starts[index] = start - 4 * before;
    int8_t *digits =
        axis->digits + 48 * (index / 4 * (size_t)axis->digit_groups + before) + 4 * (index % 4);
    for (uint32_t t = 0; t < axis->lengths[index]; t++) {
        int8_t *digit = digits + (size_t)(t / 4) * 48 + t % 4;
        int32_t rest = weights[t];
        for (int k = 0; k < 3; k++, digit += 16) {
            *digit = (int8_t)(((rest + 128) & 255) - 128);
            rest = (rest - *digit) / 256;
        }
    }
}

static void fill_digits(struct plo_axis *axis)
{
    uint32_t blocks = (axis->count + 3) / 4;
    axis->digit_groups = (axis->longest + 3) / 4;
    memset(axis->digits, 0, 48 * (size_t)axis->digit_groups * blocks);
    for (uint32_t i = 0; i < axis->count; i++)
        one_output_digits(axis, i);
    for (uint32_t i = axis->count; i < 4 * blocks; i++)
        axis->digit_starts[i] = axis->digit_starts[axis->count - 1];
}

static void fill(struct plo_axis *axis, const struct plo_axis_request *request, double *raw)
{
    struct reach reach = reach_of(request);
    axis->first = request->source;
    axis->end = 0;
    axis->longest = 0;
    axis->copy = true;
    memset(axis->weights, 0, sizeof(int32_t) * axis->taps * (size_t)axis->count);
    for (uint32_t i = 0; i < axis->count; i++) {
        int32_t *weights = axis->weights + (size_t)i * axis->taps;
        uint32_t start = 0, length = 0;
        one_output(request, &reach, request->left + i, raw, &start, &length, weights);
        if (request->mirrored)
            mirror(request, &start, length, weights);
        axis->starts[i] = start;
        axis->lengths[i] = length;
        axis->first = start < axis->first ? start : axis->first;
        axis->end = start + length > axis->end ? start + length : axis->end;
        axis->longest = length > axis->longest ? length : axis->longest;
        axis->copy = axis->copy && length == 1 && weights[0] == 1 << PLO_WEIGHT_BITS &&
                     start == axis->starts[0] + i;
    }
    fill_parts(axis);
    fill_digits(axis);
}

// Bytes of an output's starts and length, and of a tap in `weights`, `parts` and `digits`.
enum { OUTPUT_BYTES = 12, TAP_BYTES = 11 };

// What a slot begins with: the axis in it, and what it was made from.
struct kept {
    _Alignas(64) struct plo_axis_request request;
    struct plo_axis axis;
};

static bool same(const struct plo_axis_request *a, const struct plo_axis_request *b)
{
    return a->source == b->source && a->target == b->target && a->left == b->left &&
           a->count == b->count && a->mirrored == b->mirrored && a->filter == b->filter;
}

uint64_t plo_axis_need(const struct plo_axis_request *request)
{
    uint64_t taps = taps_of(request), outputs = (uint64_t)request->count + 3;
    return sizeof(struct kept) + outputs * (OUTPUT_BYTES + TAP_BYTES * taps) +
           sizeof(double) * taps + 64;
}

// Where in `block` the parts of an axis are.
static void lay_out(struct plo_axis *axis, uint8_t *block)
{
    size_t samples = (size_t)axis->count * axis->taps;
    axis->parts = (int16_t *)(void *)block;
    axis->weights = (int32_t *)(void *)(block + sizeof(int16_t) * 2 * samples);
    axis->starts = (uint32_t *)(void *)(axis->weights + samples);
    axis->lengths = axis->starts + axis->count;
    axis->digit_starts = axis->lengths + axis->count;
    axis->digits = (int8_t *)(axis->digit_starts + (axis->count + 3) / 4 * 4);
}

int plo_axis_init(struct plo_axis *axis, const struct plo_axis_request *request,
                  struct plo_image_scratch *scratch, enum plo_scratch_slot slot,
                  struct pipilo_error *err)
{
    const struct kept *before = plo_scratch_kept(scratch, slot);
    if (before != NULL && same(&before->request, request)) {
        *axis = before->axis;
        return 0;
    }
    uint64_t bytes = plo_axis_need(request);
    if (bytes > max_bytes)
        return plo_fail(err, PIPILO_ELIMIT, "resizing %u samples to %u takes too many weights",
                        request->source, request->target);
    axis->count = request->count;
    axis->taps = taps_of(request);
    double *raw = plo_scratch_get(scratch, PLO_SCRATCH_FILTER, sizeof(double) * axis->taps);
    struct kept *kept = plo_scratch_get(scratch, slot, (size_t)bytes);
    if (raw == NULL || kept == NULL)
        return plo_fail_nomem(err, (size_t)bytes);
    lay_out(axis, (uint8_t *)(kept + 1));
    fill(axis, request, raw);
    kept->request = *request;
    kept->axis = *axis;
    plo_scratch_keep(scratch, slot);
    return 0;
}
