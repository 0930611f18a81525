// The resize against answers recorded from Pillow 13.0, against a brute-force one that holds the
// whole picture, and the vector loops against the plain ones.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "image/codecs/codec.h"
#include "image/resize.h"
#include "samples.h"

static const struct recorded {
    uint32_t width, height, to_width, to_height;
    enum plo_filter filter;
    uint64_t hash;
} recorded[] = {
    { 1, 1, 5, 3, 0, UINT64_C(0x2fe55303cc436a04) },
    { 1, 1, 5, 3, 1, UINT64_C(0x2fe55303cc436a04) },
    { 1, 1, 5, 3, 2, UINT64_C(0x2fe55303cc436a04) },
    { 2, 3, 1, 1, 0, UINT64_C(0x56b5421821e76f53) },
    { 2, 3, 1, 1, 1, UINT64_C(0x56b5421821e76f53) },
    { 2, 3, 1, 1, 2, UINT64_C(0x56b5421821e76f53) },
    { 50, 37, 20, 15, 0, UINT64_C(0xb32edb158ac846e5) },
    { 50, 37, 20, 15, 1, UINT64_C(0xf15be12ab4ce7ecb) },
    { 50, 37, 20, 15, 2, UINT64_C(0xe6e1bd3e9f81478d) },
    { 37, 50, 61, 80, 0, UINT64_C(0xd01a60e5f22b163d) },
    { 37, 50, 61, 80, 1, UINT64_C(0x6dc5e46c5795a4b7) },
    { 37, 50, 61, 80, 2, UINT64_C(0xfd029f33ef19fd39) },
    { 120, 40, 33, 40, 0, UINT64_C(0x1d183639574e0453) },
    { 120, 40, 33, 40, 1, UINT64_C(0x13125f4a32922208) },
    { 120, 40, 33, 40, 2, UINT64_C(0x85d096ed797c26d7) },
    { 40, 120, 40, 33, 0, UINT64_C(0x757b1a895b7a3b00) },
    { 40, 120, 40, 33, 1, UINT64_C(0x2b66a50b43c8bd5e) },
    { 40, 120, 40, 33, 2, UINT64_C(0x8f50e20ce7243009) },
    { 64, 300, 50, 21, 0, UINT64_C(0x49f8ecdd9a11ec4d) },
    { 64, 300, 50, 21, 1, UINT64_C(0x7a51ed877cc18e39) },
    { 64, 300, 50, 21, 2, UINT64_C(0xa8dd3adb99183bec) },
    { 300, 64, 21, 50, 0, UINT64_C(0xe973e5200b51b9fa) },
    { 300, 64, 21, 50, 1, UINT64_C(0xd4a304a3bc1f24e0) },
    { 300, 64, 21, 50, 2, UINT64_C(0xf6ac285057716b86) },
    { 200, 150, 100, 75, 0, UINT64_C(0x4c39ab73bc7c0bc5) },
    { 200, 150, 100, 75, 1, UINT64_C(0x75443ccadb4c3371) },
    { 200, 150, 100, 75, 2, UINT64_C(0xcafdb7f2ff6ea111) },
    { 90, 90, 90, 90, 0, UINT64_C(0xf4d0d1f342a2df43) },
    { 90, 90, 90, 90, 1, UINT64_C(0xf4d0d1f342a2df43) },
    { 90, 90, 90, 90, 2, UINT64_C(0xf4d0d1f342a2df43) },
    { 301, 7, 3, 29, 0, UINT64_C(0xef32e9f8e7e143dd) },
    { 301, 7, 3, 29, 1, UINT64_C(0xa45ff123f24775e9) },
    { 301, 7, 3, 29, 2, UINT64_C(0x0feda6825e4b4018) },
};

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

// Rows are padded as a codec would.
static void run(const struct plo_resize_request *request, const uint8_t *stored)
{
    struct plo_image_scratch *scratch = plo_image_scratch_create();
    struct plo_resize resize;
    assert_int_equal(plo_resize_init(&resize, request, scratch, NULL), 0);
    size_t bytes = 3 * (size_t)request->stored_width;
    uint8_t *row = calloc(1, bytes + PLO_ROW_PADDING);
    for (uint32_t y = resize.first; y < resize.end; y++) {
        memcpy(row, stored + bytes * y, bytes);
        plo_resize_push(&resize, row);
    }
    assert_int_equal(resize.done, resize.down.count);
    free(row);
    plo_image_scratch_destroy(scratch);
}

static void equals_pillow(void **test)
{
    (void)test;
    for (size_t i = 0; i < PLO_COUNT(recorded); i++) {
        const struct recorded *r = &recorded[i];
        uint8_t *pixels = sample_pixels(r->width, r->height);
        size_t size = 3 * (size_t)r->to_width * r->to_height;
        uint8_t *out = malloc(size);
        struct plo_resize_request request = {
            .stored_width = r->width,
            .stored_height = r->height,
            .orientation = 1,
            .target_width = r->to_width,
            .target_height = r->to_height,
            .width = r->to_width,
            .height = r->to_height,
            .filter = r->filter,
            .out = out,
            .stride = 3 * (size_t)r->to_width,
        };
        run(&request, pixels);
        assert_true(sample_hash(out, size) == r->hash);
        free(out);
        free(pixels);
    }
}

// Where the upright pixel (x, y) is stored; EXIF 2.3, tag 274.
static const uint8_t *upright(const uint8_t *stored, uint32_t width, uint32_t height,
                              int orientation, uint32_t x, uint32_t y)
{
    uint32_t sx = x, sy = y;
    switch (orientation) {
    case 2:
        sx = width - 1 - x;
        break;
    case 3:
        sx = width - 1 - x;
        sy = height - 1 - y;
        break;
    case 4:
        sy = height - 1 - y;
        break;
    case 5:
        sx = y;
        sy = x;
        break;
    case 6:
        sx = y;
        sy = height - 1 - x;
        break;
    case 7:
        sx = width - 1 - y;
        sy = height - 1 - x;
        break;
    case 8:
        sx = width - 1 - y;
        sy = x;
        break;
    default:
        break;
    }
    return stored + 3 * ((size_t)sy * width + sx);
}

// A window of a turned picture equals the same window cut from the picture turned beforehand and
// resized whole.
static void turns_and_cuts(void **test)
{
    (void)test;
    uint32_t seed = 7;
    for (int i = 0; i < 400; i++) {
        int orientation = 1 + i % 8;
        uint32_t w = 1 + next_random(&seed) % 90, h = 1 + next_random(&seed) % 90;
        uint32_t uw = orientation >= 5 ? h : w, uh = orientation >= 5 ? w : h;
        uint32_t tw = 1 + next_random(&seed) % 70, th = 1 + next_random(&seed) % 70;
        uint32_t left = next_random(&seed) % tw, top = next_random(&seed) % th;
        uint32_t cw = 1 + next_random(&seed) % (tw - left),
                 ch = 1 + next_random(&seed) % (th - top);
        uint8_t *stored = sample_pixels(w, h), *turned = malloc(3 * (size_t)w * h);
        for (uint32_t y = 0; y < uh; y++) {
            for (uint32_t x = 0; x < uw; x++)
                memcpy(turned + 3 * ((size_t)y * uw + x), upright(stored, w, h, orientation, x, y),
                       3);
        }
        uint8_t *whole = malloc(3 * (size_t)tw * th), *part = malloc(3 * (size_t)cw * ch);
        struct plo_resize_request request = {
            .stored_width = uw,
            .stored_height = uh,
            .orientation = 1,
            .target_width = tw,
            .target_height = th,
            .width = tw,
            .height = th,
            .filter = (enum plo_filter)(i % 3),
            .out = whole,
            .stride = 3 * (size_t)tw,
        };
        run(&request, turned);
        request.stored_width = w;
        request.stored_height = h;
        request.orientation = (uint8_t)orientation;
        request.left = left;
        request.top = top;
        request.width = cw;
        request.height = ch;
        request.out = part;
        request.stride = 3 * (size_t)cw;
        run(&request, stored);
        for (uint32_t y = 0; y < ch; y++)
            assert_memory_equal(part + 3 * (size_t)cw * y,
                                whole + 3 * ((size_t)tw * (top + y) + left), 3 * (size_t)cw);
        free(stored);
        free(turned);
        free(whole);
        free(part);
    }
}

// Every weight of an axis: from the formula, with the whole kernel evaluated for every source
// sample.
static void weights_sum_to_one(void **test)
{
    (void)test;
    struct plo_image_scratch *scratch = plo_image_scratch_create();
    for (uint32_t source = 1; source < 120; source += 7) {
        for (uint32_t target = 1; target < 150; target += 11) {
            struct plo_axis_request request = { .source = source,
                                                .target = target,
                                                .count = target };
            struct plo_axis axis;
            assert_int_equal(plo_axis_init(&axis, &request, scratch, PLO_SCRATCH_AXIS_X, NULL), 0);
            for (uint32_t i = 0; i < target; i++) {
                int64_t sum = 0;
                for (uint32_t t = 0; t < axis.lengths[i]; t++) {
                    const int16_t *parts = axis.parts + 2 * (size_t)(i * axis.taps + t / 4 * 4);
                    int32_t weight = axis.weights[i * axis.taps + t];
                    assert_int_equal(weight, parts[4 + t % 4] * 2048 + parts[t % 4]);
                    const int8_t *digits = plo_axis_digits(&axis, i) + (size_t)(t / 4) * 48 + t % 4;
                    assert_int_equal(weight, (digits[32] * 256 + digits[16]) * 256 + digits[0]);
                    sum += weight;
                }
                assert_in_range(sum, (1 << 22) - axis.taps, (1 << 22) + axis.taps);
                assert_true(axis.starts[i] + axis.lengths[i] <= source);
            }
            assert_true(axis.copy == (source == target));
        }
    }
    plo_image_scratch_destroy(scratch);
}

// An axis that is found again is the one that a new one would be; another request, or a slot that
// was given back, makes it anew.
static void axes_are_kept_and_renewed(void **test)
{
    (void)test;
    const enum plo_scratch_slot slot = PLO_SCRATCH_AXIS_Y;
    struct plo_image_scratch *scratch = plo_image_scratch_create();
    const struct plo_axis_request base = { .source = 90, .target = 40, .left = 3, .count = 30 };
    struct plo_axis_request requests[8];
    for (int i = 0; i < 8; i++)
        requests[i] = base;
    requests[1].source = 91;
    requests[2].target = 41;
    requests[3].left = 4;
    requests[4].count = 31;
    requests[5].mirrored = true;
    requests[6].filter = PLO_FILTER_LANCZOS;
    for (int i = 0; i < 32; i++) {
        struct plo_image_scratch *other = plo_image_scratch_create();
        struct plo_axis first, again, fresh;
        const struct plo_axis_request *request = &requests[i * 5 % 8];
        assert_int_equal(plo_axis_init(&first, request, scratch, slot, NULL), 0);
        if (i % 3 == 0)
            assert_non_null(plo_scratch_get(scratch, slot, 8 << 20));
        if (i % 6 == 0)
            plo_scratch_trim(scratch);
        assert_int_equal(plo_axis_init(&again, request, scratch, slot, NULL), 0);
        assert_int_equal(plo_axis_init(&fresh, request, other, slot, NULL), 0);
        assert_int_equal(again.count, fresh.count);
        assert_int_equal(again.taps, fresh.taps);
        assert_int_equal(again.first, fresh.first);
        assert_int_equal(again.end, fresh.end);
        assert_memory_equal(again.starts, fresh.starts, sizeof *fresh.starts * fresh.count);
        assert_memory_equal(again.weights, fresh.weights,
                            sizeof *fresh.weights * fresh.taps * fresh.count);
        if (i % 3 != 0)
            assert_ptr_equal(again.weights, first.weights);
        plo_image_scratch_destroy(other);
    }
    plo_image_scratch_destroy(scratch);
}

static void refuses_absurd_sizes(void **test)
{
    (void)test;
    struct plo_image_scratch *scratch = plo_image_scratch_create();
    struct plo_axis_request request = { .source = UINT32_C(1) << 18,
                                        .target = UINT32_C(1) << 30,
                                        .count = UINT32_C(1) << 30 };
    struct plo_axis axis;
    assert_int_equal(plo_axis_init(&axis, &request, scratch, PLO_SCRATCH_AXIS_X, NULL),
                     PIPILO_ELIMIT);
    plo_image_scratch_destroy(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_pillow),        cmocka_unit_test(turns_and_cuts),
        cmocka_unit_test(weights_sum_to_one),   cmocka_unit_test(axes_are_kept_and_renewed),
        cmocka_unit_test(refuses_absurd_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
