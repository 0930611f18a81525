// resize.c: feeds rows through the two passes of a resize, in the order that the orientation of the
// stored picture asks for (see resize.h).
#include "image/resize.h"

#include <string.h>

#include "core/fail.h"

void plo_orientation_split(uint8_t orientation, bool *transposed, bool *mirror_x, bool *mirror_y)
{
    *transposed = orientation >= 5;
    *mirror_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    *mirror_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
}

struct requests {
    struct plo_axis_request across, down;
    bool transposed, backwards, down_first;
};

// Which pass comes first decides what is rounded first. As in Pillow 13: the horizontal one, unless
// the height loses more than twice as many pixels as the width (earlier versions: always).
static bool horizontal_first(int64_t width, int64_t height,
                             const struct plo_resize_request *request)
{
    int64_t lost_width = width - request->target_width, lost = height - request->target_height;
    return !(lost > 0 && lost > 2 * lost_width);
}

static struct requests split(const struct plo_resize_request *request)
{
    bool transposed = false, mirror_x = false, mirror_y = false;
    plo_orientation_split(request->orientation, &transposed, &mirror_x, &mirror_y);
    struct plo_axis_request x = { .target = request->target_width,
                                  .left = request->left,
                                  .count = request->width,
                                  .filter = request->filter };
    struct plo_axis_request y = { .target = request->target_height,
                                  .left = request->top,
                                  .count = request->height,
                                  .filter = request->filter };
    struct requests requests = { .across = transposed ? y : x,
                                 .down = transposed ? x : y,
                                 .transposed = transposed,
                                 .backwards = mirror_y };
    uint32_t width = transposed ? request->stored_height : request->stored_width;
    uint32_t height = transposed ? request->stored_width : request->stored_height;
    requests.down_first = horizontal_first(width, height, request) == transposed;
    requests.across.source = request->stored_width;
    requests.across.mirrored = mirror_x;
    requests.down.source = request->stored_height;
    requests.down.mirrored = mirror_y;
    return requests;
}

static size_t padded(size_t bytes)
{
    return (bytes + PLO_ROW_PADDING + 63) / 64 * 64;
}

// Bytes of a row in the ring: not resized yet where the pass from row to row comes first.
static size_t ring_stride(const struct requests *requests)
{
    return padded(
        3 * (size_t)(requests->down_first ? requests->across.source : requests->across.count));
}

uint64_t plo_resize_need(const struct plo_resize_request *request)
{
    struct requests requests = split(request);
    uint64_t weights = plo_axis_need(&requests.across) + plo_axis_need(&requests.down);
    double reduction = (double)requests.down.source / requests.down.target;
    uint64_t rows = (uint64_t)(6 * (reduction > 1 ? reduction : 1)) + 3;
    rows = rows < requests.down.source ? rows : requests.down.source;
    return weights + (rows + 4) * ring_stride(&requests);
}

static uint32_t stream_index(const struct plo_resize *resize, uint32_t i)
{
    return resize->backwards ? resize->down.count - 1 - i : i;
}

// Rows that must be kept so that each output still finds its first when its last has come.
static uint32_t count_ring_rows(const struct plo_resize *resize)
{
    uint32_t ready = 0, rows = 1;
    for (uint32_t i = 0; i < resize->down.count; i++) {
        uint32_t index = stream_index(resize, i), start = resize->down.starts[index];
        uint32_t end = start + resize->down.lengths[index];
        ready = end > ready ? end : ready;
        rows = ready - start > rows ? ready - start : rows;
    }
    return rows;
}

int plo_resize_init(struct plo_resize *resize, const struct plo_resize_request *request,
                    struct plo_image_scratch *scratch, struct pipilo_error *err)
{
    struct requests requests = split(request);
    *resize = (struct plo_resize){ .kernels = plo_kernels(),
                                   .request = *request,
                                   .transposed = requests.transposed,
                                   .down_first = requests.down_first,
                                   .backwards = requests.backwards };
    PLO_TRY(plo_axis_init(&resize->across, &requests.across, scratch, PLO_SCRATCH_AXIS_X, err));
    PLO_TRY(plo_axis_init(&resize->down, &requests.down, scratch, PLO_SCRATCH_AXIS_Y, err));
    resize->first = resize->row = resize->down.first;
    resize->end = resize->down.end;
    resize->ring_rows = count_ring_rows(resize);
    resize->ring_stride = ring_stride(&requests);

    size_t line = padded(3 * (size_t)(requests.down_first ? request->stored_width : 0));
    size_t result = padded(3 * (size_t)resize->across.count);
    size_t sources = sizeof(uint8_t *) * (resize->down.longest + 4);
    size_t ring = resize->ring_stride * resize->ring_rows;
    resize->ring = plo_scratch_get(scratch, PLO_SCRATCH_RING, ring);
    uint8_t *lines = plo_scratch_get(scratch, PLO_SCRATCH_LINE, line + result + sources);
    if (resize->ring == NULL || lines == NULL)
        return plo_fail_nomem(err, ring + line + result + sources);
    resize->line = lines;
    resize->result = lines + line;
    resize->sources = (const uint8_t **)(void *)(lines + line + result);
    // What lies past a row's end is read, weighted by 0: it must be something.
    memset(resize->ring, 0, ring);
    memset(lines, 0, line + result);
    return 0;
}

// The rows of output `index`; the list is filled up to a multiple of four.
static void collect(struct plo_resize *resize, uint32_t index, size_t offset)
{
    uint32_t start = resize->down.starts[index], length = resize->down.lengths[index];
    for (uint32_t t = 0; t < (length + 3) / 4 * 4; t++) {
        uint32_t y = start + (t < length ? t : length - 1);
        resize->sources[t] = resize->ring + resize->ring_stride * (y % resize->ring_rows) + offset;
    }
}

// Both passes done: a row of the window, or a column where the picture is transposed.
static void put(struct plo_resize *resize, uint32_t index, const uint8_t *result)
{
    const struct plo_resize_request *request = &resize->request;
    if (!resize->transposed) {
        memcpy(request->out + request->stride * index, result, 3 * (size_t)resize->across.count);
        return;
    }
    uint8_t *out = request->out + 3 * (size_t)index;
    for (uint32_t i = 0; i < resize->across.count; i++) {
        memcpy(out, result + 3 * (size_t)i, 3);
        out += request->stride;
    }
}

static void finish(struct plo_resize *resize, uint32_t index)
{
    const struct plo_kernels *kernels = resize->kernels;
    const struct plo_axis *across = &resize->across, *down = &resize->down;
    if (resize->down_first) {
        size_t offset = 3 * (size_t)across->first,
               bytes = 3 * (size_t)(across->end - across->first);
        collect(resize, index, offset);
        kernels->column(resize->line + offset, resize->sources, down, index, bytes);
        kernels->row(resize->result, resize->line, across);
        put(resize, index, resize->result);
        return;
    }
    collect(resize, index, 0);
    if (down->copy) {
        put(resize, index, resize->sources[0]);
        return;
    }
    kernels->column(resize->result, resize->sources, down, index, 3 * (size_t)across->count);
    put(resize, index, resize->result);
}

void plo_resize_push(struct plo_resize *resize, const uint8_t *row)
{
    uint8_t *slot = resize->ring + resize->ring_stride * (resize->row % resize->ring_rows);
    const struct plo_axis *across = &resize->across;
    size_t offset = 3 * (size_t)across->first;
    if (resize->down_first)
        memcpy(slot + offset, row + offset, 3 * (size_t)(across->end - across->first));
    else if (across->copy)
        memcpy(slot, row + offset, 3 * (size_t)across->count);
    else
        resize->kernels->row(slot, row, across);
    resize->row++;
    while (resize->done < resize->down.count) {
        uint32_t index = stream_index(resize, resize->done);
        if (resize->down.starts[index] + resize->down.lengths[index] > resize->row)
            return;
        finish(resize, index);
        resize->done++;
    }
}
