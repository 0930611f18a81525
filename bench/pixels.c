// pixels: milliseconds a JPEG takes on one thread, from the file, by pipilo's own image code and by
// libjpeg-turbo alone. Prints one number. What the verbs do:
//
//     window   decode, resize to a shortest edge of 256 (bicubic), crop 224: 8-bit pixels
//     fast     the same with --fast
//     tensor   the same, normalised into floats
//     decode   every row, by pipilo's decoder
//     bare     every row, by libjpeg-turbo alone
//     print    no time but the window's pixels, to compare
//
// usage: pixels VERB COUNT [SCALE] < LIST     LIST: paths, one a line, taken in turn; SCALE: rows
//                                             of decode and bare are smaller by 1, 2, 4 or 8
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include "both_cores.h"
#include "image/codecs/codec.h"

enum { MAX_PATHS = 10000, EDGE = 256, CROP = 224 };

struct bench {
    const char *verb;
    struct plo_preprocess preprocess;
    struct plo_decode_options options;
    struct plo_image_scratch *scratch;
    unsigned scale;
    char *paths[MAX_PATHS];
    long count;
    uint8_t *encoded;
    size_t room;
    float tensor[3 * CROP * CROP];
};

static int failed(const char *path, const struct pipilo_error *err)
{
    fprintf(stderr, "%s: %s\n", path, err->message);
    return -1;
}

static int to_input(void *cookie, int thread, long i)
{
    struct bench *bench = cookie;
    const char *path = bench->paths[i % bench->count];
    struct plo_image *image = NULL;
    struct plo_pixels pixels = { 0 };
    struct pipilo_error err = { 0 };
    (void)thread;
    int result = plo_image_open_file(&image, path, &err);
    if (result == 0 && strcmp(bench->verb, "tensor") == 0)
        result = plo_image_tensor(image, &bench->preprocess, &bench->options, bench->scratch,
                                  bench->tensor, &err);
    else if (result == 0)
        result = plo_image_window(image, &bench->preprocess, &bench->options, bench->scratch,
                                  &pixels, &err);
    if (result == 0 && strcmp(bench->verb, "print") == 0)
        fwrite(pixels.data, 3, (size_t)pixels.width * pixels.height, stdout);
    plo_buf_unref(&pixels.owner);
    plo_image_unref(&image);
    return result == 0 ? 0 : failed(path, &err);
}

// The file's bytes in a buffer that is kept, for decode and bare alike.
static size_t read_whole(struct bench *bench, const char *path)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        return 0;
    size_t size = (size_t)ftell(file);
    rewind(file);
    if (size > bench->room) {
        free(bench->encoded);
        bench->encoded = malloc(size);
        bench->room = size;
    }
    size_t got = bench->encoded != NULL ? fread(bench->encoded, 1, size, file) : 0;
    fclose(file);
    return got;
}

static int decode_rows(void *cookie, int thread, long i)
{
    struct bench *bench = cookie;
    const char *path = bench->paths[i % bench->count];
    struct plo_image_info info;
    struct plo_input input;
    struct pipilo_error err = { 0 };
    struct plo_decoder decoder = {
        .info = &info, .options = &bench->options, .scratch = bench->scratch, .shrink = bench->scale
    };
    const uint8_t *row = NULL;
    (void)thread;
    decoder.size = read_whole(bench, path);
    decoder.data = bench->encoded;
    plo_input_init(&input, decoder.data, decoder.size);
    int result = plo_codec_probe(&decoder.codec, &input, &info, &err);
    if (result == 0)
        result = plo_decoder_open(&decoder, &err);
    while (result == 0 && decoder.row < decoder.height)
        result = plo_decoder_next(&decoder, &row, &err);
    plo_decoder_close(&decoder);
    return result == 0 ? 0 : failed(path, &err);
}

static int bare_rows(void *cookie, int thread, long i)
{
    struct bench *bench = cookie;
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    (void)thread;
    size_t size = read_whole(bench, bench->paths[i % bench->count]);
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&jpeg);
    jpeg_mem_src(&jpeg, bench->encoded, size);
    jpeg_read_header(&jpeg, TRUE);
    jpeg.out_color_space = JCS_RGB;
    jpeg.scale_denom = bench->scale;
    jpeg_start_decompress(&jpeg);
    unsigned char *row = malloc((size_t)jpeg.output_width * 3);
    while (row != NULL && jpeg.output_scanline < jpeg.output_height)
        jpeg_read_scanlines(&jpeg, &row, 1);
    jpeg_finish_decompress(&jpeg);
    jpeg_destroy_decompress(&jpeg);
    free(row);
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
    read_paths(&bench);
    if (argc < 3 || bench.count == 0) {
        fputs("usage: pixels VERB COUNT [SCALE] < LIST\n", stderr);
        return 2;
    }
    bench.verb = argv[1];
    bench.scale = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 1;
    bench.options = PLO_DECODE_OPTIONS_INIT;
    bench.options.fast = strcmp(bench.verb, "fast") == 0;
    bench.preprocess = PLO_PREPROCESS_INIT;
    bench.preprocess.mode = PLO_RESIZE_SHORTEST_EDGE;
    bench.preprocess.width = bench.preprocess.height = EDGE;
    bench.preprocess.crop_width = bench.preprocess.crop_height = CROP;
    bench.scratch = plo_image_scratch_create();
    int (*work)(void *, int, long) = strcmp(bench.verb, "decode") == 0 ? decode_rows
                                     : strcmp(bench.verb, "bare") == 0 ? bare_rows
                                                                       : to_input;
    long count = strtol(argv[2], NULL, 10);
    bool print = strcmp(bench.verb, "print") == 0;
    if (!print)
        measure(1, bench.count < count ? bench.count : count, work, &bench);
    struct taken taken = measure(1, count, work, &bench);
    if (!print)
        printf("%.5f\n", taken.processor);
    plo_image_scratch_destroy(bench.scratch);
    free(bench.encoded);
    for (long i = 0; i < bench.count; i++)
        free(bench.paths[i]);
    return 0;
}
