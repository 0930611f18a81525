// vips.c: TIFF, HEIC, AVIF, JPEG XL and JPEG 2000 by libvips, which is opened when the first of
// them comes. Which loader reads a picture is decided by its first bytes here, and each is called
// by its own name, so that no other one (SVG, PDF, ImageMagick, OpenSlide) can be reached, and
// libvips's own settings for whoever else uses it in the process stay as they are but for the
// operation cache.
#include "image/codecs/codec.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <vips/vips.h>

#include "core/fail.h"
#include "core/late.h"
#include "image/codecs/vips.h"
#include "image/exif.h"
#include "image/isolate/isolate.h"

// --- the library ---------------------------------------------------------------------------------

typedef int load_function(void *data, size_t size, VipsImage **out, ...);
typedef int load_source_function(VipsSource *source, VipsImage **out, ...);

static struct {
    int (*init)(const char *program);
    void (*cache_set_max)(int max);
    void (*thread_shutdown)(void);
    const char *(*error_buffer)(void);
    void (*error_clear)(void);
    load_function *tiffload, *heifload, *jxlload, *jp2kload;
    VipsSource *(*source_of)(int descriptor);
    load_source_function *tiffload_source, *heifload_source, *jxlload_source, *jp2kload_source;
    int (*colourspace)(VipsImage *in, VipsImage **out, VipsInterpretation space, ...);
    int (*get_width)(const VipsImage *image);
    int (*get_height)(const VipsImage *image);
    int (*get_bands)(const VipsImage *image);
    int (*get_pages)(VipsImage *image);
    VipsBandFormat (*get_format)(const VipsImage *image);
    VipsInterpretation (*get_interpretation)(const VipsImage *image);
    GType (*get_typeof)(const VipsImage *image, const char *name);
    gboolean (*has_alpha)(VipsImage *image);
    VipsRegion *(*region_new)(VipsImage *image);
    int (*region_prepare)(VipsRegion *region, const VipsRect *area);
    void (*unref)(gpointer object);
    guint (*log_set_handler)(const gchar *domain, GLogLevelFlags levels, GLogFunc handler,
                             gpointer data);
} lib;

static const struct plo_dynlib_symbol symbols[] = {
    { "vips_init", (void **)&lib.init },
    { "vips_cache_set_max", (void **)&lib.cache_set_max },
    { "vips_thread_shutdown", (void **)&lib.thread_shutdown },
    { "vips_error_buffer", (void **)&lib.error_buffer },
    { "vips_error_clear", (void **)&lib.error_clear },
    { "vips_tiffload_buffer", (void **)&lib.tiffload },
    { "vips_heifload_buffer", (void **)&lib.heifload },
    { "vips_jxlload_buffer", (void **)&lib.jxlload },
    { "vips_jp2kload_buffer", (void **)&lib.jp2kload },
    { "vips_source_new_from_descriptor", (void **)&lib.source_of },
    { "vips_tiffload_source", (void **)&lib.tiffload_source },
    { "vips_heifload_source", (void **)&lib.heifload_source },
    { "vips_jxlload_source", (void **)&lib.jxlload_source },
    { "vips_jp2kload_source", (void **)&lib.jp2kload_source },
    { "vips_colourspace", (void **)&lib.colourspace },
    { "vips_image_get_width", (void **)&lib.get_width },
    { "vips_image_get_height", (void **)&lib.get_height },
    { "vips_image_get_bands", (void **)&lib.get_bands },
    { "vips_image_get_n_pages", (void **)&lib.get_pages },
    { "vips_image_get_format", (void **)&lib.get_format },
    { "vips_image_get_interpretation", (void **)&lib.get_interpretation },
    { "vips_image_get_typeof", (void **)&lib.get_typeof },
    { "vips_image_hasalpha", (void **)&lib.has_alpha },
    { "vips_region_new", (void **)&lib.region_new },
    { "vips_region_prepare", (void **)&lib.region_prepare },
    { "g_object_unref", (void **)&lib.unref },
    { "g_log_set_handler", (void **)&lib.log_set_handler },
};

// libvips keeps its messages for the process, and they decide the code of a row, which shall not
// depend on what other threads decode. So whoever calls it reads this lock; where a call failed, it
// is made again by one that writes it: then the messages are this picture's.
static pthread_rwlock_t messages = PTHREAD_RWLOCK_INITIALIZER;

static void begin_anew(void)
{
    messages = (pthread_rwlock_t)PTHREAD_RWLOCK_INITIALIZER;
}

// Warnings of damaged pictures come by the thousand; what matters comes back as an error.
static void keep_quiet(const gchar *domain, GLogLevelFlags level, const gchar *text, gpointer data)
{
    (void)domain;
    (void)level;
    (void)text;
    (void)data;
}

// libvips looks for its modules once, opening folder after folder and file after file; one that it
// cannot open is missing for good, and nothing says so.
static int find_descriptors(struct pipilo_error *err)
{
    enum { NEEDED = 6 };
    int fds[NEEDED], count = 0, reason = 0;
    while (count < NEEDED && (fds[count] = open("/", O_PATH | O_CLOEXEC)) >= 0)
        count++;
    reason = errno;
    bool enough = count == NEEDED;
    while (count > 0)
        close(fds[--count]);
    return enough ? 0
                  : plo_fail_errno(err, -reason,
                                   "libvips needs %d descriptors (ulimit -n) to start", NEEDED);
}

static int start_library(struct pipilo_error *err)
{
    static bool broken; // what has failed to start says the next time that it has started
    if (!broken)
        PLO_TRY(find_descriptors(err));
    lib.log_set_handler("VIPS", G_LOG_LEVEL_MASK, keep_quiet, NULL);
    broken = broken || lib.init("pipilo") != 0;
    if (broken)
        return plo_fail(err, PIPILO_EFORMAT, "libvips does not start");
    // A cached operation would keep a picture's bytes after they are gone.
    lib.cache_set_max(0);
    return 0;
}

static const char *const library_names[] = PLO_LIBVIPS;
static struct plo_late library = { .names = library_names,
                                   .symbols = symbols,
                                   .count = PLO_COUNT(symbols),
                                   .needed_for = "this format needs libvips",
                                   .code = PIPILO_EFORMAT,
                                   .start = start_library,
                                   .lock = PLO_LOCK_INIT(begin_anew) };

int plo_vips_prepare(struct pipilo_error *err)
{
    return plo_late_open(&library, err);
}

// --- why it failed -------------------------------------------------------------------------------

static void call_begin(void)
{
    pthread_rwlock_rdlock(&messages);
}

static void call_end(void)
{
    pthread_rwlock_unlock(&messages);
}

static void again_begin(void)
{
    pthread_rwlock_wrlock(&messages);
    lib.error_clear();
}

// It was nothing of the picture's, but memory that another had for a moment.
static int again_works(void)
{
    pthread_rwlock_unlock(&messages);
    return 0;
}

static bool says(const char *text, const char *const *phrases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strstr(text, phrases[i]) != NULL)
            return true;
    return false;
}

static int code_of(const char *text)
{
    static const char *const early[] = { "runcated", "rematurely",    "end of",   "bytes, expected",
                                         "bad seek", "stream length", "too short" };
    static const char *const unknown[] = { "support", "not configured" };
    // Of what a picture asks for too much of, libtiff speaks otherwise: "requested memory size".
    static const char *const memory[] = { "ut of memory", "nsufficient memory", "nough memory",
                                          "No space for" };
    return says(text, memory, PLO_COUNT(memory))     ? PIPILO_ENOMEM
           : says(text, early, PLO_COUNT(early))     ? PIPILO_ETRUNCATED
           : says(text, unknown, PLO_COUNT(unknown)) ? PIPILO_EFORMAT
                                                     : PIPILO_ECORRUPT;
}

// The first line of libvips's messages.
static int again_end(struct pipilo_error *err)
{
    char text[200];
    const char *all = lib.error_buffer();
    size_t length = strcspn(all, "\n");
    length = length < sizeof text ? length : sizeof text - 1;
    memcpy(text, all, length);
    text[length] = '\0';
    lib.error_clear();
    pthread_rwlock_unlock(&messages);
    return plo_fail(err, code_of(text), "libvips: %s",
                    text[0] != '\0' ? text : "the picture cannot be read");
}

// --- the header ----------------------------------------------------------------------------------

static bool is_brand(const uint8_t *brand, const char *const *brands)
{
    for (; *brands != NULL; brands++) {
        if (memcmp(brand, *brands, 4) == 0)
            return true;
    }
    return false;
}

// PLO_IMAGE_PIXELS where the bytes are none of the formats.
static enum plo_image_format format_of(const uint8_t *head, size_t size)
{
    static const char *const avif[] = { "avif", "avis", NULL };
    static const char *const heic[] = { "heic", "heix", "hevc", "hevx", "heim",
                                        "heis", "mif1", "msf1", NULL };
    if (size < 12)
        return PLO_IMAGE_PIXELS;
    if (memcmp(head, "II*\0", 4) == 0 || memcmp(head, "MM\0*", 4) == 0 ||
        memcmp(head, "II+\0", 4) == 0 || memcmp(head, "MM\0+", 4) == 0)
        return PLO_IMAGE_TIFF;
    if (memcmp(head, "\xff\x0a", 2) == 0 || memcmp(head, "\0\0\0\x0cJXL \r\n\x87\n", 12) == 0)
        return PLO_IMAGE_JXL;
    if (memcmp(head, "\0\0\0\x0cjP  \r\n\x87\n", 12) == 0 ||
        memcmp(head, "\xff\x4f\xff\x51", 4) == 0)
        return PLO_IMAGE_JP2;
    if (memcmp(head + 4, "ftyp", 4) != 0 || !(is_brand(head + 8, avif) || is_brand(head + 8, heic)))
        return PLO_IMAGE_PIXELS;
    if (is_brand(head + 8, avif))
        return PLO_IMAGE_AVIF;
    // "mif1" is either: the compatible brands tell.
    for (size_t i = 16; i + 4 <= size && i + 4 <= plo_be32(head); i += 4) {
        if (is_brand(head + i, avif))
            return PLO_IMAGE_AVIF;
    }
    return PLO_IMAGE_HEIC;
}

static bool match(const uint8_t *head, size_t size)
{
    return format_of(head, size) != PLO_IMAGE_PIXELS;
}

static bool load(VipsImage **out, enum plo_image_format format, const uint8_t *data, size_t size)
{
    load_function *function = format == PLO_IMAGE_TIFF  ? lib.tiffload
                              : format == PLO_IMAGE_JXL ? lib.jxlload
                              : format == PLO_IMAGE_JP2 ? lib.jp2kload
                                                        : lib.heifload;
    // The library does not write to the bytes; its signature is older than const.
    return function((void *)data, size, out, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on",
                    VIPS_FAIL_ON_TRUNCATED, NULL) == 0;
}

static void drop(VipsImage **image)
{
    if (*image != NULL)
        lib.unref(*image);
    *image = NULL;
}

static int load_or_say(VipsImage **out, enum plo_image_format format, const uint8_t *data,
                       size_t size, struct pipilo_error *err)
{
    call_begin();
    bool loaded = load(out, format, data, size);
    call_end();
    if (loaded)
        return 0;
    drop(out);
    again_begin();
    if (load(out, format, data, size))
        return again_works();
    drop(out);
    return again_end(err);
}

// What libvips and the library below it hold, for each pixel.
static uint64_t state_bytes(const struct plo_image_info *info)
{
    uint64_t pixels = (uint64_t)info->stored_width * info->stored_height;
    switch (info->format) {
    case PLO_IMAGE_TIFF:
        return pixels * info->channels * (info->depth / 8U + 1);
    case PLO_IMAGE_JXL:
        return pixels * 28;
    case PLO_IMAGE_JP2:
        return pixels * 20;
    default:
        return pixels * 12;
    }
}

static void read_image(VipsImage *image, struct plo_image_info *info)
{
    VipsBandFormat format = lib.get_format(image);
    int bands = lib.get_bands(image);
    info->stored_width = (uint32_t)lib.get_width(image);
    info->stored_height = (uint32_t)lib.get_height(image);
    info->alpha = lib.has_alpha(image);
    info->channels = (uint8_t)(bands < 255 ? bands : 255);
    info->depth = format == VIPS_FORMAT_UCHAR ? 8 : format == VIPS_FORMAT_USHORT ? 16 : 32;
    info->icc = lib.get_typeof(image, VIPS_META_ICC_NAME) != 0;
    // The pages of a JPEG 2000 are its resolutions.
    info->animated = info->format != PLO_IMAGE_JP2 && lib.get_pages(image) > 1;
}

static int probe_bytes(const uint8_t *data, size_t size, struct plo_image_info *info,
                       struct pipilo_error *err)
{
    VipsImage *image = NULL;
    PLO_TRY(plo_vips_prepare(err));
    int result = load_or_say(&image, info->format, data, size, err);
    if (result == 0)
        read_image(image, info);
    drop(&image);
    lib.thread_shutdown();
    return result;
}

static bool load_file(VipsImage **out, enum plo_image_format format, int fd)
{
    load_source_function *function = format == PLO_IMAGE_TIFF  ? lib.tiffload_source
                                     : format == PLO_IMAGE_JXL ? lib.jxlload_source
                                     : format == PLO_IMAGE_JP2 ? lib.jp2kload_source
                                                               : lib.heifload_source;
    VipsSource *source = lib.source_of(fd);
    if (source == NULL)
        return false;
    bool loaded = function(source, out, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on",
                           VIPS_FAIL_ON_TRUNCATED, NULL) == 0;
    lib.unref(source);
    return loaded;
}

// Of a file the library reads what holds the header, by itself: nothing is charged for a probe.
static int probe_file(struct plo_input *input, struct plo_image_info *info,
                      struct pipilo_error *err)
{
    VipsImage *image = NULL;
    int result = 0;
    if (input->size > PLO_DECODE_OPTIONS_INIT.max_bytes)
        return plo_fail(err, PIPILO_ELIMIT, "the file has %llu bytes, the limit is %llu",
                        (unsigned long long)input->size,
                        (unsigned long long)PLO_DECODE_OPTIONS_INIT.max_bytes);
    PLO_TRY(plo_vips_prepare(err));
    call_begin();
    bool loaded = load_file(&image, info->format, input->fd);
    call_end();
    if (!loaded) {
        drop(&image);
        again_begin();
        result = load_file(&image, info->format, input->fd) ? again_works() : again_end(err);
    }
    if (result == 0)
        read_image(image, info);
    drop(&image);
    lib.thread_shutdown();
    return result;
}

// A classic TIFF's header is read without the library. 1, or 0 where it is not one.
static int probe_tiff(struct plo_input *input, struct plo_image_info *info,
                      struct pipilo_error *err)
{
    struct plo_tiff_fields fields;
    if (!plo_tiff_read(input, 0, input->size, &fields))
        return 0;
    if (fields.cut && !input->failed)
        return plo_fail(err, PIPILO_ETRUNCATED,
                        "the data end after %llu bytes, before the picture's directory does",
                        (unsigned long long)input->size);
    info->stored_width = fields.width;
    info->stored_height = fields.height;
    info->palette = fields.photometric == 3;
    info->channels = info->palette ? 3 : fields.samples == 0 ? 1 : (uint8_t)fields.samples;
    info->depth = fields.depth == 0 ? 1 : (uint8_t)fields.depth;
    info->orientation = fields.orientation <= 8 ? (uint8_t)fields.orientation : 1;
    info->icc = fields.icc;
    info->animated = fields.next != 0;
    return 1;
}

// False for a JPEG 2000 picture that does not begin at the origin of its grid, or whose first
// component has not a sample for every place of it: libvips 8.14 takes both for granted, and gives
// for pixels what lies in memory behind them. True where the data end before that.
static bool fills_its_grid(struct plo_input *input)
{
    enum { MAX_BOXES = 1000, SIZ = 0xff51 };
    uint64_t at = 0;
    const uint8_t *p = plo_input_at(input, 0, 12);
    bool boxes = p != NULL && memcmp(p + 4, "jP  ", 4) == 0;
    for (int i = 0; boxes && i < MAX_BOXES; i++) {
        p = plo_input_at(input, at, 16);
        if (p == NULL)
            return true;
        uint64_t length = plo_be32(p), head = length == 1 ? 16 : 8;
        boxes = memcmp(p + 4, "jp2c", 4) != 0;
        if (length == 1)
            length = (uint64_t)plo_be32(p + 8) << 32 | plo_be32(p + 12);
        at += boxes && length >= head ? length : head;
    }
    // Behind the codestream's first marker: SIZ, its length, capabilities, then the picture's width
    // and height, where it begins, a tile's width and height, where the first begins, how many
    // components there are, and of each its depth and how far its samples lie apart.
    p = plo_input_at(input, at + 2, 43);
    return p == NULL ||
           (plo_be16(p) == SIZ && plo_be32(p + 14) == 0 && plo_be32(p + 18) == 0 &&
            plo_be32(p + 30) == 0 && plo_be32(p + 34) == 0 && p[41] == 1 && p[42] == 1);
}

static int probe(struct plo_input *input, struct plo_image_info *info, struct pipilo_error *err)
{
    uint32_t size = input->size < 64 ? (uint32_t)input->size : 64;
    const uint8_t *head = plo_input_at(input, 0, size);
    if (head == NULL)
        return plo_fail(err, PIPILO_EIO, "the file cannot be read");
    info->format = format_of(head, size);
    if (info->format == PLO_IMAGE_JP2 && !fills_its_grid(input))
        return plo_fail(err, PIPILO_EFORMAT,
                        "a JPEG 2000 picture that does not fill its grid from the origin is not "
                        "supported");
    int known = info->format == PLO_IMAGE_TIFF ? probe_tiff(input, info, err) : 0;
    PLO_TRY(known);
    if (known == 0 && plo_decoding_apart())
        PLO_TRY(plo_isolate_probe(input, info, err));
    else if (known == 0)
        PLO_TRY(input->data != NULL ? probe_bytes(input->data, (size_t)input->size, info, err)
                                    : probe_file(input, info, err));
    info->state_bytes = state_bytes(info);
    return 0;
}

// --- decoding ------------------------------------------------------------------------------------

enum { STRIP = 16 }; // rows asked for at once

struct state {
    VipsImage *image;
    VipsRegion *region;
    VipsRect strip; // the rows the region holds
    uint8_t *row;
    int bands;
    size_t sample; // bytes of one
    bool cmyk;
    bool begun; // the library is open
};

// Brings what is not simply grey, RGB or CMYK of 8 or 16 bits to sRGB. Only building: no pixel is
// read, so nothing fails that depends on the picture.
static int convert(struct state *state, struct pipilo_error *err)
{
    VipsBandFormat format = lib.get_format(state->image);
    VipsInterpretation space = lib.get_interpretation(state->image);
    bool plain = format == VIPS_FORMAT_UCHAR || format == VIPS_FORMAT_USHORT;
    if (space == VIPS_INTERPRETATION_LAB || space == VIPS_INTERPRETATION_LABS ||
        space == VIPS_INTERPRETATION_XYZ || space == VIPS_INTERPRETATION_scRGB) {
        VipsImage *converted = NULL;
        call_begin();
        int failed = lib.colourspace(state->image, &converted, VIPS_INTERPRETATION_sRGB, NULL);
        call_end();
        if (failed != 0)
            return plo_fail(err, PIPILO_EFORMAT, "libvips does not bring its colours to sRGB");
        lib.unref(state->image);
        state->image = converted;
        format = lib.get_format(converted);
        plain = format == VIPS_FORMAT_UCHAR;
    }
    if (!plain)
        return plo_fail(err, PIPILO_EFORMAT,
                        "samples that are not whole numbers of 8 or 16 bits are not supported");
    state->bands = lib.get_bands(state->image);
    state->sample = format == VIPS_FORMAT_USHORT ? 2 : 1;
    state->cmyk = space == VIPS_INTERPRETATION_CMYK && state->bands >= 4;
    return 0;
}

static int vips_open(struct plo_decoder *decoder, struct pipilo_error *err)
{
    struct state *state = decoder->state;
    PLO_TRY(plo_vips_prepare(err));
    state->begun = true;
    PLO_TRY(load_or_say(&state->image, decoder->info->format, decoder->data, decoder->size, err));
    decoder->width = (uint32_t)lib.get_width(state->image);
    decoder->height = (uint32_t)lib.get_height(state->image);
    PLO_TRY(plo_codec_check_limits(decoder->width, decoder->height, decoder->options, err));
    PLO_TRY(convert(state, err));
    state->region = lib.region_new(state->image);
    if (state->region == NULL)
        return plo_fail(err, PIPILO_EENGINE, "libvips gives no region of the picture");
    size_t bytes = 3 * (size_t)decoder->width;
    state->row = plo_scratch_get(decoder->scratch, PLO_SCRATCH_ROWS, bytes + PLO_ROW_PADDING);
    if (state->row == NULL)
        return plo_fail_nomem(err, bytes);
    memset(state->row + bytes, 0, PLO_ROW_PADDING);
    return 0;
}

// Ink to light, with Pillow's rounding of a product over 255.
static void from_cmyk(uint8_t *rgb, const uint8_t *ink, size_t step)
{
    int light = 255 - ink[3 * step];
    for (size_t c = 0; c < 3; c++) {
        int product = ink[c * step] * light + 128;
        rgb[c] = (uint8_t)(light - (((product >> 8) + product) >> 8));
    }
}

static void to_rgb(const struct state *state, const uint8_t *raw, uint32_t width)
{
    size_t step = state->sample * (size_t)state->bands;
    size_t upper = state->sample - 1; // the upper byte of a sample, the host being little-endian
    bool grey = state->bands < 3;
    for (size_t i = 0; i < width; i++) {
        const uint8_t *pixel = raw + step * i + upper;
        uint8_t *rgb = state->row + 3 * i;
        if (state->cmyk) {
            from_cmyk(rgb, pixel, state->sample);
            continue;
        }
        rgb[0] = pixel[0];
        rgb[1] = pixel[grey ? 0 : state->sample];
        rgb[2] = pixel[grey ? 0 : 2 * state->sample];
    }
}

static VipsRect strip_at(const struct plo_decoder *decoder, uint32_t row)
{
    uint32_t left = decoder->height - row;
    return (VipsRect){ 0, (int)row, (int)decoder->width, left < STRIP ? (int)left : STRIP };
}

// Decodes the picture again up to the strip that failed, which is read from the first on.
static int say_why(const struct plo_decoder *decoder, uint32_t failed, struct pipilo_error *err)
{
    struct state again = { 0 };
    again_begin();
    if (load(&again.image, decoder->info->format, decoder->data, decoder->size))
        again.region = lib.region_new(again.image);
    bool works = again.region != NULL;
    for (uint32_t row = 0; works && row <= failed; row += STRIP) {
        VipsRect strip = strip_at(decoder, row);
        works = lib.region_prepare(again.region, &strip) == 0;
    }
    if (again.region != NULL)
        lib.unref(again.region);
    drop(&again.image);
    if (!works)
        return again_end(err);
    again_works();
    return plo_fail(err, PIPILO_ENOMEM,
                    "libvips had not what it needed, and had it when it was asked again");
}

static int vips_next(struct plo_decoder *decoder, const uint8_t **row, struct pipilo_error *err)
{
    struct state *state = decoder->state;
    int y = (int)decoder->row;
    if (y >= state->strip.top + state->strip.height) {
        state->strip = strip_at(decoder, decoder->row);
        call_begin();
        int failed = lib.region_prepare(state->region, &state->strip);
        call_end();
        if (failed != 0)
            return say_why(decoder, decoder->row, err);
    }
    const VipsRegion *region = state->region;
    to_rgb(state, region->data + (ptrdiff_t)(y - region->valid.top) * region->bpl, decoder->width);
    *row = state->row;
    return 0;
}

static void vips_close(struct plo_decoder *decoder)
{
    struct state *state = decoder->state;
    if (state->region != NULL)
        lib.unref(state->region);
    state->region = NULL;
    drop(&state->image);
    if (state->begun)
        lib.thread_shutdown();
}

const struct plo_codec plo_codec_vips = {
    .match = match,
    .probe = probe,
    .open = vips_open,
    .next = vips_next,
    .close = vips_close,
    .state_size = sizeof(struct state),
};
