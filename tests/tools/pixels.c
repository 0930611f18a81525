// pixels.c: what pipilo makes of a picture, as raw bytes, for the comparison with Pillow
// (tests/compare/test_pixels.py). Reads one request a line from stdin and answers each on stdout
// with one line, "ok WIDTH HEIGHT BYTES" followed by that many bytes, or "error NAME MESSAGE".
//
//     pixels exif|ignore exact|fast PATH
//     resize exif|ignore exact|fast PATH WIDTH HEIGHT FILTER
//     crop   exif|ignore exact|fast PATH LEFT TOP WIDTH HEIGHT
//     tensor exif|ignore exact|fast PATH SHORTEST CROP FILTER        (float32 CHW, mean 0.5, std
//     0.25) probe  exif|ignore exact|fast PATH                             (no bytes) time
//     exif|ignore exact|fast PATH SHORTEST CROP FILTER        ("ok 0 0 0 SECONDS", 50 times)
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "image/image.h"

enum { MAX_LINE = 8192, MAX_WORDS = 9 };

struct request {
    const char *word[MAX_WORDS];
    int words;
    struct plo_decode_options options;
};

static uint32_t number(const struct request *request, int index)
{
    return index < request->words ? (uint32_t)strtoul(request->word[index], NULL, 10) : 0;
}

static enum plo_filter filter(const struct request *request, int index)
{
    int found =
        index < request->words ? plo_preprocess_find(plo_filter_names, request->word[index]) : 0;
    return found < 0 ? PLO_FILTER_BICUBIC : (enum plo_filter)found;
}

static void answer(uint32_t width, uint32_t height, const void *data, size_t size)
{
    printf("ok %u %u %zu\n", width, height, size);
    fwrite(data, 1, size, stdout);
}

static struct plo_preprocess shortest_and_crop(const struct request *request)
{
    struct plo_preprocess p = PLO_PREPROCESS_INIT;
    p.mode = PLO_RESIZE_SHORTEST_EDGE;
    p.width = p.height = number(request, 4);
    p.crop_width = p.crop_height = number(request, 5);
    p.filter = filter(request, 6);
    for (int c = 0; c < 3; c++) {
        p.mean[c] = 0.5;
        p.std[c] = 0.25;
    }
    return p;
}

static int tensor(const struct request *request, struct plo_image *image,
                  struct plo_image_scratch *scratch, int times, struct pipilo_error *err)
{
    struct plo_preprocess p = shortest_and_crop(request);
    size_t size = 3 * (size_t)p.crop_width * p.crop_height * sizeof(float);
    float *out = calloc(1, size);
    struct timespec from, to;
    int result = 0;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < times && result == 0; i++)
        result = plo_image_tensor(image, &p, &request->options, scratch, out, err);
    clock_gettime(CLOCK_MONOTONIC, &to);
    double seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    if (result == 0 && times > 1)
        printf("ok 0 0 0 %.9f\n", seconds / times);
    else if (result == 0)
        answer(p.crop_width, p.crop_height, out, size);
    free(out);
    return result;
}

static int probe(struct plo_image *image, struct pipilo_error *err)
{
    struct plo_image_info info;
    int result = plo_image_probe(image, &info, err);
    if (result == 0)
        printf("ok %u %u 0 %s %d %d %d %d%d%d%d%d\n", info.width, info.height,
               plo_image_format_name(info.format), info.orientation, info.channels, info.depth,
               info.alpha, info.palette, info.icc, info.progressive, info.animated);
    return result;
}

static int handle(const struct request *request, struct plo_image *image,
                  struct plo_image_scratch *scratch, struct pipilo_error *err)
{
    const struct plo_decode_options *options = &request->options;
    const char *verb = request->word[0];
    struct plo_pixels pixels = { 0 };
    int result = 0;
    if (strcmp(verb, "tensor") == 0)
        return tensor(request, image, scratch, 1, err);
    if (strcmp(verb, "time") == 0)
        return tensor(request, image, scratch, 50, err);
    if (strcmp(verb, "probe") == 0)
        return probe(image, err);
    if (strcmp(verb, "pixels") == 0)
        result = plo_image_pixels(image, PLO_COLOR_RGB, options, scratch, &pixels, err);
    else if (strcmp(verb, "resize") == 0)
        result = plo_image_resize(image, number(request, 4), number(request, 5), filter(request, 6),
                                  PLO_COLOR_RGB, options, scratch, &pixels, err);
    else
        result = plo_image_crop(image, number(request, 4), number(request, 5), number(request, 6),
                                number(request, 7), PLO_COLOR_RGB, options, scratch, &pixels, err);
    if (result == 0)
        answer(pixels.width, pixels.height, pixels.data, 3 * (size_t)pixels.width * pixels.height);
    plo_buf_unref(&pixels.owner);
    return result;
}

static bool parse(struct request *request, char *line)
{
    char *rest = NULL;
    *request = (struct request){ .options = PLO_DECODE_OPTIONS_INIT };
    for (char *word = strtok_r(line, " \n", &rest); word != NULL && request->words < MAX_WORDS;
         word = strtok_r(NULL, " \n", &rest))
        request->word[request->words++] = word;
    if (request->words < 4)
        return false;
    request->options.ignore_orientation = strcmp(request->word[1], "ignore") == 0;
    request->options.fast = strcmp(request->word[2], "fast") == 0;
    return true;
}

int main(void)
{
    char line[MAX_LINE];
    struct plo_image_scratch *scratch = plo_image_scratch_create();
    while (scratch != NULL && fgets(line, sizeof line, stdin) != NULL) {
        struct request request;
        struct plo_image *image = NULL;
        struct pipilo_error err = { 0 };
        int result = -1;
        if (parse(&request, line)) {
            result = plo_image_open_file(&image, request.word[3], &err);
            if (result == 0)
                result = handle(&request, image, scratch, &err);
            plo_image_unref(&image);
        }
        if (result < 0)
            printf("error %s %s\n", pipilo_error_name(err.code), err.message);
        fflush(stdout);
    }
    plo_image_scratch_destroy(scratch);
    return 0;
}
