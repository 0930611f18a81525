// The lazy picture: what opens, what is refused and with which code, and that neither a truncation
// nor damage nor a failed allocation leaves anything behind.
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "core/live.h"
#include "image/codecs/vips.h"
#include "image/image.h"
#include "samples.h"

enum { W = 61, H = 43 };

static struct plo_decode_options usual;

static struct sample {
    const char *name;
    enum plo_image_format format;
    struct plo_buf *bytes;
    bool exact; // the pattern comes back
} samples[9];
enum { SAMPLES = sizeof samples / sizeof samples[0] };

static int make_samples(void **state)
{
    (void)state;
    usual = PLO_DECODE_OPTIONS_INIT;
    const struct sample all[SAMPLES] = {
        { "jpeg", PLO_IMAGE_JPEG, sample_jpeg(W, H, SAMPLE_PLAIN, 0), false },
        { "progressive", PLO_IMAGE_JPEG, sample_jpeg(W, H, SAMPLE_PROGRESSIVE, 0), false },
        { "grey", PLO_IMAGE_JPEG, sample_jpeg(W, H, SAMPLE_GREY, 0), false },
        { "png", PLO_IMAGE_PNG, sample_png(W, H, false), true },
        { "interlaced", PLO_IMAGE_PNG, sample_png(W, H, true), true },
        { "webp", PLO_IMAGE_WEBP, sample_webp(W, H, false), false },
        { "lossless", PLO_IMAGE_WEBP, sample_webp(W, H, true), true },
        { "bmp", PLO_IMAGE_BMP, sample_bmp(W, H), true },
        { "gif", PLO_IMAGE_GIF, sample_gif(W, H), false },
    };
    memcpy(samples, all, sizeof samples);
    return 0;
}

static int drop_samples(void **state)
{
    (void)state;
    for (int i = 0; i < SAMPLES; i++)
        plo_buf_unref(&samples[i].bytes);
    return plo_alloc_live() == 0 && plo_live_count(PLO_LIVE_IMAGE) == 0 ? 0 : -1;
}

// All pixels of some bytes; 0 or the code.
static int decode(const uint8_t *data, size_t size, const struct plo_decode_options *options,
                  struct plo_pixels *out, struct pipilo_error *err)
{
    struct plo_image *image = NULL;
    struct plo_buf *bytes = plo_buf_create(size);
    struct plo_image_scratch *scratch = plo_image_scratch_create();
    int result = PIPILO_ENOMEM;
    if (bytes != NULL && scratch != NULL) {
        memcpy(bytes->data, data, size);
        result = plo_image_open_bytes(&image, bytes, err);
        bytes = NULL;
    }
    if (result == 0)
        result = plo_image_pixels(image, PLO_COLOR_RGB, options, scratch, out, err);
    plo_buf_unref(&bytes);
    plo_image_unref(&image);
    plo_image_scratch_destroy(scratch);
    return result;
}

static void every_format_opens(void **test)
{
    (void)test;
    uint8_t *pattern_pixels = sample_pixels(W, H);
    for (int i = 0; i < SAMPLES; i++) {
        struct plo_pixels pixels = { 0 };
        struct plo_image_info info;
        struct plo_image *image = NULL;
        assert_int_equal(plo_image_open_bytes(&image, plo_buf_ref(samples[i].bytes), NULL), 0);
        assert_int_equal(plo_image_probe(image, &info, NULL), 0);
        assert_int_equal(info.format, samples[i].format);
        assert_int_equal(info.width, W);
        assert_int_equal(info.height, H);
        assert_true(plo_image_need(image, NULL, &usual) > 3 * W * H);
        plo_image_unref(&image);
        assert_int_equal(
            decode(samples[i].bytes->data, samples[i].bytes->size, &usual, &pixels, NULL), 0);
        assert_int_equal(pixels.width, W);
        assert_int_equal(pixels.height, H);
        if (samples[i].exact)
            assert_memory_equal(pixels.data, pattern_pixels, 3 * W * H);
        if (samples[i].format == PLO_IMAGE_GIF) {
            for (size_t k = 0; k < W * H; k++)
                assert_int_equal(pixels.data[3 * k + k % 3], pattern_pixels[3 * k]);
        }
        plo_buf_unref(&pixels.owner);
    }
    free(pattern_pixels);
}

// A file cut anywhere before its last bytes is an error, whichever part of the picture is wanted.
static void cut_short(void **test)
{
    (void)test;
    for (int i = 0; i < SAMPLES; i++) {
        const struct plo_buf *bytes = samples[i].bytes;
        for (size_t part = 0; part < 16; part++) {
            struct plo_pixels pixels = { 0 };
            struct pipilo_error err = { 0 };
            int64_t before = plo_alloc_live();
            int result = decode(bytes->data, bytes->size * part / 16, &usual, &pixels, &err);
            assert_true(result == PIPILO_ETRUNCATED || result == PIPILO_EFORMAT ||
                        result == PIPILO_ECORRUPT);
            if (part >= 8)
                assert_int_equal(result, PIPILO_ETRUNCATED);
            assert_true(err.message[0] != '\0' && strchr(err.message, '\n') == NULL);
            assert_int_equal(plo_alloc_live(), before);
        }
    }
}

static void damage_never_crashes(void **test)
{
    (void)test;
    uint32_t seed = 5;
    for (int i = 0; i < SAMPLES; i++) {
        size_t size = samples[i].bytes->size;
        uint8_t *copy = malloc(size);
        for (int round = 0; round < 60; round++) {
            struct plo_pixels pixels = { 0 };
            struct plo_decode_options options = usual;
            options.max_pixels = 1 << 20;
            int64_t before = plo_alloc_live();
            memcpy(copy, samples[i].bytes->data, size);
            for (int k = 0; k < 1 + round % 8; k++) {
                seed = seed * 1664525 + 1013904223;
                // The header half the time, anywhere otherwise.
                copy[(seed >> 8) % (round % 2   ? size
                                    : size < 64 ? size
                                                : 64)] = (uint8_t)(seed >> 3);
            }
            if (decode(copy, size, &options, &pixels, NULL) == 0)
                plo_buf_unref(&pixels.owner);
            assert_int_equal(plo_alloc_live(), before);
        }
        free(copy);
    }
    uint8_t junk[4096];
    for (size_t i = 0; i < sizeof junk; i++)
        junk[i] = (uint8_t)(seed = seed * 1664525 + 1013904223) >> 3;
    struct plo_pixels pixels = { 0 };
    assert_int_equal(decode(junk, sizeof junk, &usual, &pixels, NULL), PIPILO_EFORMAT);
}

// Each allocation of a decode fails once: the code is ENOMEM and nothing stays.
static void survives_lack_of_memory(void **test)
{
    (void)test;
    for (int i = 0; i < SAMPLES; i++) {
        int failed = 0;
        for (int64_t nth = 1;; nth++) {
            struct plo_pixels pixels = { 0 };
            int64_t before = plo_alloc_live();
            plo_alloc_fail_nth(nth);
            int result =
                decode(samples[i].bytes->data, samples[i].bytes->size, &usual, &pixels, NULL);
            plo_alloc_fail_nth(0);
            plo_buf_unref(&pixels.owner);
            assert_int_equal(plo_alloc_live(), before);
            if (result == 0)
                break;
            assert_int_equal(result, PIPILO_ENOMEM);
            failed++;
        }
        assert_true(failed >= 3);
    }
}

// What could not be opened or started once is tried again.
static void libvips_comes_with_descriptors(void **test)
{
    (void)test;
    struct pipilo_error err = { 0 };
    struct rlimit usually, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usually), 0);
    for (rlim_t free = 0; free < 4; free++) {
        int next = open("/", O_PATH | O_CLOEXEC);
        close(next);
        none = usually;
        none.rlim_cur = (rlim_t)next + free;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        int result = plo_vips_prepare(&err);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &usually), 0);
        assert_int_equal(result, PIPILO_EIO);
        assert_non_null(strstr(err.message, "ulimit -n"));
    }
    assert_int_equal(plo_vips_prepare(&err), 0);
}

static void limits_come_before_memory(void **test)
{
    (void)test;
    struct plo_pixels pixels = { 0 };
    struct pipilo_error err = { 0 };
    struct plo_buf *bomb = sample_png_header(60000, 60000);
    assert_int_equal(decode(bomb->data, bomb->size, &usual, &pixels, &err), PIPILO_ELIMIT);
    assert_string_equal(err.message,
                        "the picture has 60000 x 60000 = 3600000000 pixels, the limit is "
                        "268435456");
    plo_buf_unref(&bomb);
    bomb = sample_png_header(300000, 1);
    assert_int_equal(decode(bomb->data, bomb->size, &usual, &pixels, &err), PIPILO_ELIMIT);
    plo_buf_unref(&bomb);
    for (int i = 0; i < SAMPLES; i++) {
        const struct plo_buf *bytes = samples[i].bytes;
        struct plo_decode_options options = usual;
        options.max_pixels = W * H - 1;
        assert_int_equal(decode(bytes->data, bytes->size, &options, &pixels, &err), PIPILO_ELIMIT);
        options.max_pixels = W * H;
        options.max_side = W - 1;
        assert_int_equal(decode(bytes->data, bytes->size, &options, &pixels, &err), PIPILO_ELIMIT);
        options.max_side = W;
        options.max_bytes = bytes->size - 1;
        assert_int_equal(decode(bytes->data, bytes->size, &options, &pixels, &err), PIPILO_ELIMIT);
    }
}

// Room is made for what the probe found; a decoder that finds something else must not pass it.
static void headers_read_in_two_ways(void **test)
{
    (void)test;
    struct pipilo_error err = { 0 };
    struct plo_pixels plain = { 0 }, pixels = { 0 };
    struct plo_buf *bytes = sample_jpeg_tem(W, H);
    assert_int_equal(decode(samples[0].bytes->data, samples[0].bytes->size, &usual, &plain, NULL),
                     0);
    assert_int_equal(decode(bytes->data, bytes->size, &usual, &pixels, &err), 0);
    assert_int_equal(pixels.width, W);
    assert_int_equal(pixels.height, H);
    assert_memory_equal(pixels.data, plain.data, 3 * W * H);
    plo_buf_unref(&plain.owner);
    plo_buf_unref(&pixels.owner);
    plo_buf_unref(&bytes);
    for (int real_first = 0; real_first < 2; real_first++) {
        bytes = sample_tiff_twice(600, 400, real_first);
        assert_int_equal(decode(bytes->data, bytes->size, &usual, &pixels, &err), PIPILO_ECORRUPT);
        assert_non_null(strstr(err.message, "8 x 8"));
        assert_non_null(strstr(err.message, "600 x 400"));
        plo_buf_unref(&bytes);
    }
}

// What unpacks to too much is refused; a large text alone is none of a picture's faults.
static void packed_chunks_are_limited(void **test)
{
    (void)test;
    static const char *const types[] = { "zTXt", "iCCP", "iTXt" };
    for (int i = 0; i < 3; i++) {
        struct plo_pixels pixels = { 0 };
        struct pipilo_error err = { 0 };
        struct plo_buf *bytes = sample_png_packed(types[i], 66 << 20);
        assert_int_equal(decode(bytes->data, bytes->size, &usual, &pixels, &err), PIPILO_ELIMIT);
        plo_buf_unref(&bytes);
        bytes = sample_png_packed(types[i], 1 << 20);
        assert_int_equal(decode(bytes->data, bytes->size, &usual, &pixels, &err), 0);
        plo_buf_unref(&pixels.owner);
        plo_buf_unref(&bytes);
    }
}

static int probe_file(const char *path, struct pipilo_error *err)
{
    struct plo_image *image = NULL;
    struct plo_image_info info;
    assert_int_equal(plo_image_open_file(&image, path, err), 0);
    int result = plo_image_probe(image, &info, err);
    assert_int_equal(plo_image_need(image, NULL, &usual) == 0, result < 0);
    plo_image_unref(&image);
    return result;
}

static void files(void **test)
{
    (void)test;
    struct pipilo_error err = { 0 };
    char folder[] = "/tmp/pipilo-image-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    assert_int_equal(probe_file(folder, &err), PIPILO_EIO);
    snprintf(path, sizeof path, "%s/a.jpg", folder);
    assert_int_equal(probe_file(path, &err), PIPILO_ENOTFOUND);
    FILE *file = fopen(path, "wb");
    fclose(file);
    assert_int_equal(probe_file(path, &err), PIPILO_ETRUNCATED);
    file = fopen(path, "wb");
    fputs("this is a text\n", file);
    fclose(file);
    assert_int_equal(probe_file(path, &err), PIPILO_EFORMAT);
    file = fopen(path, "wb");
    fwrite(samples[0].bytes->data, 1, samples[0].bytes->size, file);
    fclose(file);
    assert_int_equal(probe_file(path, &err), 0);
    unlink(path);
    rmdir(folder);
}

// A file that is too large to be decoded is not given to another library for its header.
static void large_files_are_not_probed(void **test)
{
    (void)test;
    static const char heic[] = "\0\0\0\x18"
                               "ftypheic\0\0\0\0mif1heic";
    static const char jxl[] = "\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14"
                              "ftypjxl \0\0\0\0jxl ";
    char path[] = "/tmp/pipilo-image-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    for (int i = 0; i < 2; i++) {
        struct pipilo_error err = { 0 };
        size_t size = i == 0 ? sizeof heic - 1 : sizeof jxl - 1;
        assert_int_equal(pwrite(fd, i == 0 ? heic : jxl, size, 0), size);
        // A hole: no room is taken on the disk.
        assert_int_equal(ftruncate(fd, (off_t)usual.max_bytes + 1), 0);
        assert_int_equal(probe_file(path, &err), PIPILO_ELIMIT);
        assert_int_equal(ftruncate(fd, 0), 0);
    }
    close(fd);
    unlink(path);
}

// The pages of a file that the system has at hand.
static size_t cached_pages(int fd, size_t pages, size_t page)
{
    unsigned char resident[64];
    size_t count = 0;
    assert_true(pages <= sizeof resident);
    void *map = mmap(NULL, pages * page, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    assert_int_equal(mincore(map, pages * page, resident), 0);
    for (size_t i = 0; i < pages; i++)
        count += resident[i] & 1;
    munmap(map, pages * page);
    return count;
}

static void reads_ahead(void **test)
{
    (void)test;
    enum { PAGES = 64, TENTHS = 600 };
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct plo_image *image = NULL;
    struct pipilo_error err = { 0 };
    char path[] = "/tmp/pipilo-image-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    // No picture: what is fetched is not looked at.
    char *text = calloc(PAGES, page);
    assert_int_equal(write(fd, text, PAGES * page), PAGES * page);
    free(text);
    assert_int_equal(fsync(fd), 0);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    bool forgotten = cached_pages(fd, PAGES, page) == 0; // not where files are in memory
    assert_int_equal(plo_image_open_file(&image, path, &err), 0);
    plo_image_read_ahead(image);
    for (int i = 0; i < TENTHS && cached_pages(fd, PAGES, page) < PAGES; i++)
        nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
    assert_int_equal(cached_pages(fd, PAGES, page), PAGES);
    close(fd);
    unlink(path);
    plo_image_read_ahead(image); // gone: nothing to be done, nothing to be said
    plo_image_unref(&image);
    if (!forgotten)
        skip();
}

// A picture with an orientation, seen upright, as stored, and as a model's input.
static void orientations(void **test)
{
    (void)test;
    struct plo_image_scratch *scratch = plo_image_scratch_create();
    for (uint8_t orientation = 1; orientation <= 8; orientation++) {
        struct plo_image *image = NULL;
        struct plo_pixels up = { 0 }, stored = { 0 };
        struct plo_decode_options ignore = usual;
        ignore.ignore_orientation = true;
        assert_int_equal(
            plo_image_open_bytes(&image, sample_jpeg(W, H, SAMPLE_PLAIN, orientation), NULL), 0);
        assert_int_equal(plo_image_pixels(image, PLO_COLOR_BGR, &usual, scratch, &up, NULL), 0);
        assert_int_equal(plo_image_pixels(image, PLO_COLOR_RGB, &ignore, scratch, &stored, NULL),
                         0);
        assert_int_equal(up.width, orientation >= 5 ? H : W);
        assert_int_equal(stored.width, W);
        // The stored top left pixel lies in one of the four corners.
        bool right = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
        bool low = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
        const uint8_t *corner = up.data + 3 * (size_t)(right ? up.width - 1 : 0) +
                                3 * (size_t)up.width * (low ? up.height - 1 : 0);
        for (int c = 0; c < 3; c++)
            assert_int_equal(corner[2 - c], stored.data[c]);
        plo_buf_unref(&up.owner);
        plo_buf_unref(&stored.owner);
        plo_image_unref(&image);
    }
    plo_image_scratch_destroy(scratch);
}

static void tensor_is_the_window_normalised(void **test)
{
    (void)test;
    enum { N = 24 };
    struct plo_image_scratch *scratch = plo_image_scratch_create();
    struct plo_preprocess p = PLO_PREPROCESS_INIT;
    p.mode = PLO_RESIZE_SHORTEST_EDGE;
    p.width = p.height = 30;
    p.crop_width = p.crop_height = N;
    for (int i = 0; i < SAMPLES; i++) {
        struct plo_image *image = NULL;
        struct plo_pixels window = { 0 }, pixels = { 0 };
        float chw[3 * N * N], hwc[3 * N * N];
        assert_int_equal(plo_image_open_bytes(&image, plo_buf_ref(samples[i].bytes), NULL), 0);
        assert_int_equal(plo_image_pixels(image, PLO_COLOR_BGR, &usual, scratch, &pixels, NULL), 0);
        assert_int_equal(plo_image_window(image, &p, &usual, scratch, &window, NULL), 0);
        plo_image_unref(&image);
        // Decoded first and in the other order of channels: the same.
        assert_int_equal(plo_image_open_pixels(&image, &pixels, NULL), 0);
        assert_int_equal(plo_image_tensor(image, &p, &usual, scratch, chw, NULL), 0);
        p.layout = PLO_LAYOUT_NHWC;
        p.color = PLO_COLOR_BGR;
        assert_int_equal(plo_image_tensor(image, &p, &usual, scratch, hwc, NULL), 0);
        p.layout = PLO_LAYOUT_NCHW;
        p.color = PLO_COLOR_RGB;
        for (size_t k = 0; k < N * N; k++) {
            for (size_t c = 0; c < 3; c++) {
                float value = (float)(window.data[3 * k + c] * p.scale);
                assert_true(chw[c * N * N + k] == value);
                assert_true(hwc[3 * k + 2 - c] == value);
            }
        }
        plo_image_unref(&image);
        plo_buf_unref(&window.owner);
        plo_buf_unref(&pixels.owner);
    }
    plo_image_scratch_destroy(scratch);
}

static void crops_and_pads(void **test)
{
    (void)test;
    struct plo_image_scratch *scratch = plo_image_scratch_create();
    struct plo_image *image = NULL;
    struct plo_pixels out = { 0 };
    assert_int_equal(plo_image_open_bytes(&image, sample_png(W, H, false), NULL), 0);
    assert_int_equal(
        plo_image_crop(image, 5, 7, 11, 13, PLO_COLOR_RGB, &usual, scratch, &out, NULL), 0);
    for (uint32_t y = 0; y < 13; y++) {
        for (uint32_t x = 0; x < 11; x++)
            assert_int_equal(out.data[3 * (y * 11 + x)], pattern(x + 5, y + 7, 0));
    }
    plo_buf_unref(&out.owner);
    assert_int_equal(
        plo_image_crop(image, 51, 7, 11, 13, PLO_COLOR_RGB, &usual, scratch, &out, NULL),
        PIPILO_EINVALID);
    struct plo_preprocess p = PLO_PREPROCESS_INIT;
    p.mode = PLO_RESIZE_NONE;
    p.crop_width = W + 4;
    p.crop_height = H;
    p.pad_color[0] = 9;
    assert_int_equal(plo_image_window(image, &p, &usual, scratch, &out, NULL), 0);
    assert_int_equal(out.data[0], 9);
    assert_int_equal(out.data[3 * 2], pattern(0, 0, 0));
    assert_int_equal(out.data[3 * (W + 2)], 9);
    plo_buf_unref(&out.owner);
    plo_image_unref(&image);
    plo_image_scratch_destroy(scratch);
}

// A reduced decode has the same size and nearly the same pixels.
static void fast_is_near(void **test)
{
    (void)test;
    struct plo_image_scratch *scratch = plo_image_scratch_create();
    struct plo_decode_options fast = usual;
    fast.fast = true;
    for (int webp = 0; webp < 2; webp++) {
        struct plo_image *image = NULL;
        struct plo_pixels a = { 0 }, b = { 0 };
        struct plo_buf *bytes =
            webp ? sample_webp(640, 480, false) : sample_jpeg(640, 480, SAMPLE_PLAIN, 6);
        assert_int_equal(plo_image_open_bytes(&image, bytes, NULL), 0);
        assert_int_equal(plo_image_resize(image, 60, 80, PLO_FILTER_BICUBIC, PLO_COLOR_RGB, &usual,
                                          scratch, &a, NULL),
                         0);
        assert_int_equal(plo_image_resize(image, 60, 80, PLO_FILTER_BICUBIC, PLO_COLOR_RGB, &fast,
                                          scratch, &b, NULL),
                         0);
        int64_t apart = 0;
        for (size_t i = 0; i < 3 * 60 * 80; i++)
            apart += abs(a.data[i] - b.data[i]);
        assert_true(apart < 3 * 60 * 80 * 6);
        plo_buf_unref(&a.owner);
        plo_buf_unref(&b.owner);
        plo_image_unref(&image);
    }
    plo_image_scratch_destroy(scratch);
}

static int64_t allocations_of(struct plo_image *image, const struct plo_preprocess *p,
                              struct plo_image_scratch *scratch, float *out)
{
    plo_alloc_fail_nth(INT64_MAX); // counts, and fails none
    assert_int_equal(plo_image_tensor(image, p, &usual, scratch, out, NULL), 0);
    return plo_alloc_fail_nth(0);
}

// A worker that has seen JPEGs of a size makes the next one without a single allocation, what
// libjpeg asks for included, whatever kinds follow one another.
static void later_jpegs_allocate_nothing(void **test)
{
    (void)test;
    enum { ORIENTED = SAMPLE_CMYK + 1, KINDS };
    struct plo_image_scratch *scratch = plo_image_scratch_create();
    struct plo_preprocess p = PLO_PREPROCESS_INIT;
    struct plo_image *images[KINDS] = { NULL };
    p.mode = PLO_RESIZE_SHORTEST_EDGE;
    p.width = p.height = 96;
    p.crop_width = p.crop_height = 80;
    float *out = malloc(sizeof *out * 3 * 80 * 80), *first = malloc(sizeof *out * 3 * 80 * 80);
    for (int kind = 0; kind < KINDS; kind++) {
        struct plo_buf *bytes = kind == ORIENTED ? sample_jpeg(500, 375, SAMPLE_PLAIN, 6)
                                                 : sample_jpeg(500, 375, (enum sample_jpeg)kind, 0);
        assert_int_equal(plo_image_open_bytes(&images[kind], bytes, NULL), 0);
    }
    assert_true(allocations_of(images[SAMPLE_PLAIN], &p, scratch, first) > 0);
    for (int i = 0; i < KINDS; i++)
        allocations_of(images[i], &p, scratch, out);
    for (int i = 0; i < 3 * KINDS; i++)
        assert_int_equal(allocations_of(images[i % KINDS], &p, scratch, out), 0);
    // And what lay in the buffers is not seen.
    allocations_of(images[SAMPLE_PLAIN], &p, scratch, out);
    assert_memory_equal(out, first, sizeof *out * 3 * 80 * 80);
    for (int kind = 0; kind < KINDS; kind++)
        plo_image_unref(&images[kind]);
    plo_image_scratch_destroy(scratch);
    free(out);
    free(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libvips_comes_with_descriptors),
        cmocka_unit_test(every_format_opens),
        cmocka_unit_test(cut_short),
        cmocka_unit_test(damage_never_crashes),
        cmocka_unit_test(survives_lack_of_memory),
        cmocka_unit_test(limits_come_before_memory),
        cmocka_unit_test(headers_read_in_two_ways),
        cmocka_unit_test(packed_chunks_are_limited),
        cmocka_unit_test(large_files_are_not_probed),
        cmocka_unit_test(files),
        cmocka_unit_test(reads_ahead),
        cmocka_unit_test(orientations),
        cmocka_unit_test(tensor_is_the_window_normalised),
        cmocka_unit_test(crops_and_pads),
        cmocka_unit_test(fast_is_near),
        cmocka_unit_test(later_jpegs_allocate_nothing),
    };
    return cmocka_run_group_tests(tests, make_samples, drop_samples);
}
