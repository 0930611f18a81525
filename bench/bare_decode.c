// bare_decode: how many JPEGs a second become a model's input by pipilo's own image code, on a
// thread a core without a pipeline; and how many libjpeg-turbo alone decodes to RGB. Prints the two
// numbers.
//
// usage: bare_decode CARD.json COUNT < LIST        LIST: paths, one a line; taken in turn
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include "both_cores.h"
#include "image/image.h"
#include "model/card.h"

enum { MAX_PATHS = 100000, WARM_UP = 50 };

struct bench {
    struct plo_preprocess preprocess;
    struct plo_image_scratch *scratch[BENCH_THREADS_MAX];
    float *tensor[BENCH_THREADS_MAX];
    char *paths[MAX_PATHS];
    long count;
};

static int to_tensor(void *cookie, int thread, long i)
{
    struct bench *bench = cookie;
    const struct plo_decode_options options = PLO_DECODE_OPTIONS_INIT;
    struct plo_image *image = NULL;
    struct pipilo_error err = { 0 };
    int result = plo_image_open_file(&image, bench->paths[i % bench->count], &err);
    if (result == 0)
        result = plo_image_tensor(image, &bench->preprocess, &options, bench->scratch[thread],
                                  bench->tensor[thread], &err);
    plo_image_unref(&image);
    if (result < 0)
        fprintf(stderr, "%s: %s\n", bench->paths[i % bench->count], err.message);
    return result;
}

static int to_rgb(void *cookie, int thread, long i)
{
    struct bench *bench = cookie;
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    FILE *file = fopen(bench->paths[i % bench->count], "rbe");
    (void)thread;
    if (file == NULL)
        return -1;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&jpeg);
    jpeg_stdio_src(&jpeg, file);
    jpeg_read_header(&jpeg, TRUE);
    jpeg.out_color_space = JCS_RGB;
    jpeg_start_decompress(&jpeg);
    unsigned char *row = malloc((size_t)jpeg.output_width * 3);
    while (row != NULL && jpeg.output_scanline < jpeg.output_height)
        jpeg_read_scanlines(&jpeg, &row, 1);
    jpeg_finish_decompress(&jpeg);
    jpeg_destroy_decompress(&jpeg);
    free(row);
    fclose(file);
    return row != NULL ? 0 : -1;
}

static void read_paths(struct bench *bench)
{
    char line[4096];
    while (bench->count < MAX_PATHS && fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        bench->paths[bench->count++] = strdup(line);
    }
}

int main(int argc, char **argv)
{
    static struct bench bench;
    struct plo_card card;
    struct pipilo_error err = { 0 };
    uint32_t width, height;
    int threads = cores();
    read_paths(&bench);
    if (argc < 3 || bench.count == 0) {
        fputs("usage: bare_decode CARD.json COUNT < LIST\n", stderr);
        return 2;
    }
    if (plo_card_read(&card, argv[1], &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    bench.preprocess = card.preprocess;
    plo_preprocess_size(&card.preprocess, &width, &height);
    for (int i = 0; i < threads; i++) {
        bench.scratch[i] = plo_image_scratch_create();
        bench.tensor[i] = calloc((size_t)width * height * 3, sizeof(float));
    }
    long count = strtol(argv[2], NULL, 10);
    measure(threads, WARM_UP * threads, to_tensor, &bench);
    struct taken tensor = measure(threads, count, to_tensor, &bench);
    struct taken rgb = measure(threads, count, to_rgb, &bench);
    printf("%.2f %.4f %.2f %.4f\n", tensor.rate, tensor.processor, rgb.rate, rgb.processor);
    for (int i = 0; i < threads; i++) {
        plo_image_scratch_destroy(bench.scratch[i]);
        free(bench.tensor[i]);
    }
    for (long i = 0; i < bench.count; i++)
        free(bench.paths[i]);
    return 0;
}
