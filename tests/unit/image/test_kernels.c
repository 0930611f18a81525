// Every set of inner loops this CPU can run against the plain ones: random sizes, reductions,
// filters, windows and alignments, pixels at their extremes. What a loop may not read lies behind a
// page that nobody may touch; what it may not write is looked at afterwards. No framework: the same
// file is compiled for another CPU, where there is none (see meson.build here).
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "image/kernels.h"

enum {
    ROUNDS = 400,
    MAX_SIDE = 2000,
    ROOM = 1 << 16, // bytes of a guarded block
    ROW_ROOM = 16,  // what `row` may write past its pixels
    CANARY = 0xa5,
    TAIL = 128,
};

static uint32_t seed = 11;

static uint32_t random_below(uint32_t limit)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)(seed >> 8) * limit >> 24);
}

// `size` bytes that end where reading is a fault.
static uint8_t *before_fault(uint8_t *block, size_t size)
{
    return block + ROOM - size;
}

static uint8_t *guarded(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *block =
        mmap(NULL, ROOM + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED || mprotect(block + ROOM, page, PROT_NONE) != 0) {
        perror("mmap");
        exit(1);
    }
    return block;
}

// Noise, or black and white in turn: the largest sums that there are.
static void fill(uint8_t *bytes, size_t size)
{
    uint32_t kind = random_below(4), period = 1 + random_below(9);
    for (size_t i = 0; i < size; i++)
        bytes[i] = kind == 0 ? (uint8_t)(i / period % 2 * 255) : (uint8_t)random_below(256);
}

static int wrong(const struct plo_kernels *kernels, const char *loop,
                 const struct plo_axis_request *request, size_t at)
{
    printf("%s of %s: byte %zu of %u samples resized to %u, filter %d, from %u on %u of them\n",
           loop, kernels->name, at, request->source, request->target, (int)request->filter,
           request->left, request->count);
    return 1;
}

// 0 where `size` bytes are the same and nothing was written past `size` + `room`.
static size_t compare(const uint8_t *expected, const uint8_t *got, size_t size, size_t room)
{
    for (size_t i = 0; i < size; i++) {
        if (expected[i] != got[i])
            return i + 1;
    }
    for (size_t i = size + room; i < size + room + TAIL; i++) {
        if (got[i] != CANARY)
            return i + 1;
    }
    return 0;
}

static struct plo_axis_request any_request(void)
{
    struct plo_axis_request request = {
        .source = 1 + random_below(random_below(2) == 0 ? 40 : MAX_SIDE),
        .target = 1 + random_below(random_below(2) == 0 ? 30 : 500),
        .mirrored = random_below(2) == 0,
        .filter = (enum plo_filter)random_below(3),
    };
    request.left = random_below(request.target);
    request.count = 1 + random_below(request.target - request.left);
    return request;
}

static int check_row(const struct plo_kernels *kernels, const struct plo_axis_request *request,
                     const struct plo_axis *axis, uint8_t *block)
{
    // From the first sample that matters to as far as the loop may look.
    size_t size = 3 * (size_t)(axis->end - axis->first) + PLO_ROW_PADDING;
    uint8_t *samples = before_fault(block, size), *row = samples - 3 * (size_t)axis->first;
    size_t bytes = 3 * (size_t)axis->count, shift = random_below(64);
    uint8_t *out = malloc(bytes + shift + ROW_ROOM + TAIL);
    uint8_t *expected = malloc(bytes + ROW_ROOM);
    memset(out, CANARY, bytes + shift + ROW_ROOM + TAIL);
    fill(samples, size);
    plo_kernels_c.row(expected, row, axis);
    kernels->row(out + shift, row, axis);
    size_t at = compare(expected, out + shift, bytes, ROW_ROOM);
    free(out);
    free(expected);
    return at == 0 ? 0 : wrong(kernels, "row", request, at - 1);
}

static int check_column(const struct plo_kernels *kernels, const struct plo_axis_request *request,
                        const struct plo_axis *axis, uint8_t *block)
{
    size_t bytes = 1 + random_below(500), shift = random_below(64);
    uint32_t index = random_below(axis->count), length = axis->lengths[index];
    uint32_t listed = (length + 3) / 4 * 4;
    // Rows are the same noise, each begun elsewhere; the last one ends before the fault.
    size_t size = bytes + listed + PLO_ROW_PADDING;
    uint8_t *noise = before_fault(block, size);
    const uint8_t **rows = malloc(listed * sizeof *rows);
    fill(noise, size);
    for (uint32_t t = 0; t < listed; t++)
        rows[t] = noise + 1 + (t < length ? (t * 7 + 3) % listed : 0);
    rows[random_below(length)] = noise + listed;
    uint8_t *out = malloc(bytes + shift + PLO_ROW_PADDING + TAIL);
    uint8_t *expected = malloc(bytes + PLO_ROW_PADDING);
    memset(out, CANARY, bytes + shift + PLO_ROW_PADDING + TAIL);
    plo_kernels_c.column(expected, rows, axis, index, bytes);
    kernels->column(out + shift, rows, axis, index, bytes);
    size_t at = compare(expected, out + shift, bytes, PLO_ROW_PADDING);
    free(rows);
    free(out);
    free(expected);
    return at == 0 ? 0 : wrong(kernels, "column", request, at - 1);
}

static int check_lookup(const struct plo_kernels *kernels, uint8_t *block)
{
    struct plo_lookup lookup;
    size_t count = 1 + random_below(700), shift = random_below(8), size = 3 * count - 2;
    uint8_t *pixels = before_fault(block, size);
    float *out = malloc((count + shift) * sizeof *out + TAIL);
    float *expected = malloc(count * sizeof *expected);
    memset(out, CANARY, (count + shift) * sizeof *out + TAIL);
    fill(pixels, size);
    // Any bits will do, floats that are none too.
    for (size_t v = 0; v < 256; v++) {
        uint32_t bits = random_below(1 << 16) << 16 | random_below(1 << 16);
        memcpy(&lookup.values[v], &bits, sizeof bits);
        for (size_t k = 0; k < 4; k++)
            memcpy(&lookup.bytes[k][v], (const uint8_t *)&lookup.values[v] + k, 1);
    }
    plo_kernels_c.lookup(expected, pixels, count, &lookup);
    kernels->lookup(out + shift, pixels, count, &lookup);
    size_t at =
        compare((const uint8_t *)expected, (const uint8_t *)(out + shift), count * sizeof *out, 0);
    free(out);
    free(expected);
    if (at != 0)
        printf("lookup of %s: byte %zu of %zu floats\n", kernels->name, at - 1, count);
    return at != 0;
}

static int check(const struct plo_kernels *kernels, uint8_t *block)
{
    struct plo_image_scratch *scratch = plo_image_scratch_create();
    int bad = 0;
    for (int i = 0; i < ROUNDS && bad == 0; i++) {
        struct plo_axis_request request = any_request();
        struct plo_axis axis;
        if (plo_axis_init(&axis, &request, scratch, PLO_SCRATCH_AXIS_X, NULL) < 0)
            return 1;
        bad += check_row(kernels, &request, &axis, block);
        bad += check_column(kernels, &request, &axis, block);
        bad += check_lookup(kernels, block);
    }
    plo_image_scratch_destroy(scratch);
    return bad;
}

int main(void)
{
    uint8_t *block = guarded();
    const struct plo_kernels *kernels = NULL;
    int bad = 0;
    for (size_t i = 0; (kernels = plo_kernels_at(i)) != NULL; i++) {
        int found = check(kernels, block);
        printf("%s: %s\n", kernels->name, found == 0 ? "as plain C" : "WRONG");
        bad += found;
    }
#if defined(__aarch64__)
    if (strcmp(plo_kernels()->name, "neon") != 0)
        bad++;
#endif
    return bad == 0 ? 0 : 1;
}
