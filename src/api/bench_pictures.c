// bench_pictures.c: pictures to measure with (see bench_pictures.h).
#include "api/bench_pictures.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "core/fail.h"
#include "image/image.h"
#include "ops/thumbnail.h"
#include "source/source.h"

// The made-up ones: smooth colours of a small picture, enlarged, with grain over them, so that a
// JPEG of it is about as large as a photograph's.
enum { WIDTH = 500, HEIGHT = 375, SMALL_WIDTH = 20, SMALL_HEIGHT = 15, GRAIN = 24, QUALITY = 90 };

void plo_bench_pictures_free(char **paths, size_t count)
{
    for (size_t i = 0; paths != NULL && i < count; i++)
        plo_free(paths[i]);
    plo_free(paths);
}

// --- found ---------------------------------------------------------------------------------------

// Takes the files out of `source`; the first reason why an input gave none goes to `why`.
static int take(char **paths, size_t *count, size_t most, struct plo_source *source,
                struct pipilo_error *why, struct pipilo_error *err)
{
    struct plo_item item;
    int result = 1;
    while (*count < most && (result = plo_source_next(source, &item, err)) > 0) {
        if (item.error.code < 0 && why->code == 0)
            *why = item.error;
        if (item.error.code == 0 && item.path != NULL) {
            paths[(*count)++] = item.path;
            item.path = NULL;
        }
        plo_item_reset(&item);
    }
    return result < 0 ? result : 0;
}

int plo_bench_pictures_find(char ***out, size_t *count, const char *const *inputs,
                            size_t input_count, size_t most, struct pipilo_error *err)
{
    const struct plo_source_options options = { .inputs = inputs, .count = input_count };
    struct plo_source *source = NULL;
    struct pipilo_error why = { 0 };
    char **paths = plo_alloc0(most, sizeof *paths);
    *count = 0;
    if (paths == NULL)
        return plo_fail_nomem(err, most * sizeof *paths);
    int result = plo_source_open(&source, &options, err);
    if (result == 0)
        result = take(paths, count, most, source, &why, err);
    plo_source_close(source);
    if (result == 0 && *count == 0)
        result = why.code < 0
                     ? plo_fail(err, why.code, "%s: %s", inputs[0], why.message)
                     : plo_fail(err, PIPILO_ENOTFOUND, "there is no picture in %s", inputs[0]);
    if (result < 0) {
        plo_bench_pictures_free(paths, *count);
        return result;
    }
    *out = paths;
    return 0;
}

// --- made up -------------------------------------------------------------------------------------

static uint32_t next_random(uint32_t *random)
{
    *random = *random * 1664525u + 1013904223u;
    return *random >> 16;
}

static int make_pixels(struct plo_pixels *out, uint32_t seed, struct plo_image_scratch *scratch,
                       struct pipilo_error *err)
{
    const struct plo_decode_options options = PLO_DECODE_OPTIONS_INIT;
    struct plo_pixels small = { .width = SMALL_WIDTH, .height = SMALL_HEIGHT };
    struct plo_image *image = NULL;
    const size_t bytes = (size_t)SMALL_WIDTH * SMALL_HEIGHT * 3;
    small.owner = plo_buf_create(bytes);
    if (small.owner == NULL)
        return plo_fail_nomem(err, bytes);
    for (size_t i = 0; i < bytes; i++)
        small.owner->data[i] = (uint8_t)next_random(&seed);
    small.data = small.owner->data;
    int result = plo_image_open_pixels(&image, &small, err);
    if (result == 0)
        result = plo_image_resize(image, WIDTH, HEIGHT, PLO_FILTER_BICUBIC, PLO_COLOR_RGB, &options,
                                  scratch, out, err);
    plo_image_unref(&image);
    plo_buf_unref(&small.owner);
    return result;
}

static void add_grain(struct plo_pixels *pixels, uint32_t seed)
{
    uint8_t *data = pixels->owner->data + (pixels->data - pixels->owner->data);
    for (size_t i = 0; i < (size_t)pixels->width * pixels->height * 3; i++) {
        int value = data[i] + (int)(next_random(&seed) % GRAIN) - GRAIN / 2;
        data[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}

static int write_file(const char *path, const void *data, size_t size, struct pipilo_error *err)
{
    FILE *file = fopen(path, "wbe");
    bool good = file != NULL && fwrite(data, 1, size, file) == size;
    if (file != NULL && fclose(file) != 0)
        good = false;
    return good ? 0 : plo_fail_errno(err, -errno, "cannot write %s", path);
}

static int make_one(const char *path, uint32_t seed, struct plo_image_scratch *scratch,
                    struct pipilo_error *err)
{
    struct plo_pixels pixels = { 0 };
    size_t size = (size_t)WIDTH * HEIGHT * 3;
    uint8_t *jpeg = plo_alloc(size);
    if (jpeg == NULL)
        return plo_fail_nomem(err, size);
    int result = make_pixels(&pixels, seed, scratch, err);
    if (result == 0) {
        add_grain(&pixels, seed);
        result = plo_jpeg_encode(jpeg, &size, &pixels, QUALITY, err);
    }
    if (result == 0)
        result = write_file(path, jpeg, size, err);
    plo_buf_unref(&pixels.owner);
    plo_free(jpeg);
    return result;
}

int plo_bench_pictures_make(char ***out, size_t *count, const char *folder,
                            struct pipilo_error *err)
{
    char **paths = plo_alloc0(PLO_BENCH_MADE_UP, sizeof *paths);
    struct plo_image_scratch *scratch = plo_image_scratch_create();
    int result = paths == NULL || scratch == NULL ? plo_fail_nomem(err, 0) : 0;
    for (uint32_t i = 0; i < PLO_BENCH_MADE_UP && result == 0; i++) {
        paths[i] = plo_format("%s/picture-%02u.jpg", folder, i);
        result =
            paths[i] != NULL ? make_one(paths[i], i + 1, scratch, err) : plo_fail_nomem(err, 0);
    }
    plo_image_scratch_destroy(scratch);
    *count = PLO_BENCH_MADE_UP;
    if (result < 0) {
        plo_bench_pictures_free(paths, PLO_BENCH_MADE_UP);
        return result;
    }
    *out = paths;
    return 0;
}
