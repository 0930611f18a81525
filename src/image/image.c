// image.c: the lazy picture as an object: what it holds, its header, and its face as a value. How
// it becomes pixels is in pixels.c (see image.h).
#include "image/image.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "core/fail.h"
#include "core/live.h"
#include "image/codecs/codec.h"
#include "image/object.h"

static const char *const format_names[] = {
    [PLO_IMAGE_PIXELS] = "pixels", [PLO_IMAGE_JPEG] = "jpeg", [PLO_IMAGE_PNG] = "png",
    [PLO_IMAGE_WEBP] = "webp",     [PLO_IMAGE_GIF] = "gif",   [PLO_IMAGE_BMP] = "bmp",
    [PLO_IMAGE_TIFF] = "tiff",     [PLO_IMAGE_HEIC] = "heic", [PLO_IMAGE_AVIF] = "avif",
    [PLO_IMAGE_JXL] = "jxl",       [PLO_IMAGE_JP2] = "jp2",
};

const char *plo_image_format_name(enum plo_image_format format)
{
    return format_names[format];
}

// --- life ----------------------------------------------------------------------------------------

static int create(struct plo_image **out, struct pipilo_error *err)
{
    struct plo_image *image = plo_alloc0(1, sizeof *image);
    if (image == NULL)
        return plo_fail_nomem(err, sizeof *image);
    if (pthread_mutex_init(&image->lock, NULL) != 0) {
        plo_free(image);
        return plo_fail_nomem(err, 0);
    }
    atomic_init(&image->refs, 1);
    plo_live_add(PLO_LIVE_IMAGE, 1);
    *out = image;
    return 0;
}

int plo_image_open_file(struct plo_image **out, const char *path, struct pipilo_error *err)
{
    struct plo_image *image = NULL;
    PLO_TRY(create(&image, err));
    image->path = plo_strdup(path);
    if (image->path == NULL) {
        plo_image_unref(&image);
        return plo_fail_nomem(err, 0);
    }
    *out = image;
    return 0;
}

int plo_image_open_bytes(struct plo_image **out, struct plo_buf *bytes, struct pipilo_error *err)
{
    struct plo_image *image = NULL;
    int result = create(&image, err);
    if (result < 0) {
        plo_buf_unref(&bytes);
        return result;
    }
    image->bytes = bytes;
    *out = image;
    return 0;
}

int plo_image_open_pixels(struct plo_image **out, const struct plo_pixels *pixels,
                          struct pipilo_error *err)
{
    struct plo_image *image = NULL;
    if (pixels->width == 0 || pixels->height == 0)
        return plo_fail(err, PIPILO_EINVALID, "a picture of %u x %u pixels", pixels->width,
                        pixels->height);
    PLO_TRY(create(&image, err));
    image->pixels = *pixels;
    plo_buf_ref(image->pixels.owner);
    *out = image;
    return 0;
}

int plo_image_open_later(struct plo_image **out, struct plo_image *image,
                         const struct plo_decode_options *options, const char *where,
                         struct pipilo_error *err)
{
    struct plo_image *later = NULL;
    if (image->bound || image->pixels.owner != NULL) {
        *out = plo_image_ref(image);
        return 0;
    }
    if (image->bytes != NULL)
        PLO_TRY(plo_image_open_bytes(&later, plo_buf_ref(image->bytes), err));
    else
        PLO_TRY(plo_image_open_file(&later, image->path, err));
    later->bound = true;
    later->options = *options;
    snprintf(later->where, sizeof later->where, "%s", where);
    *out = later;
    return 0;
}

struct plo_image *plo_image_ref(struct plo_image *image)
{
    atomic_fetch_add_explicit(&image->refs, 1, memory_order_relaxed);
    return image;
}

void plo_image_unref(struct plo_image **image)
{
    struct plo_image *gone = *image;
    *image = NULL;
    if (gone == NULL || atomic_fetch_sub_explicit(&gone->refs, 1, memory_order_acq_rel) != 1)
        return;
    plo_free(gone->path);
    plo_buf_unref(&gone->bytes);
    plo_buf_unref(&gone->pixels.owner);
    pthread_mutex_destroy(&gone->lock);
    plo_free(gone);
    plo_live_add(PLO_LIVE_IMAGE, -1);
}

// So far ahead of the reader stand up to some dozens of pictures: they must not push each other out
// of a small machine's cache.
enum { READ_AHEAD = 1 << 20 };

void plo_image_read_ahead(const struct plo_image *image)
{
    if (image->path != NULL)
        plo_input_read_ahead(image->path, READ_AHEAD);
}

const char *plo_image_path(const struct plo_image *image)
{
    return image->path;
}

bool plo_image_has_pixels(const struct plo_image *image, struct plo_pixels *out)
{
    if (image->pixels.owner == NULL)
        return false;
    *out = image->pixels;
    return true;
}

// --- the header ----------------------------------------------------------------------------------

void plo_image_keep_info(struct plo_image *image, const struct plo_image_info *info)
{
    pthread_mutex_lock(&image->lock);
    if (!image->probed)
        image->info = *info;
    image->probed = true;
    pthread_mutex_unlock(&image->lock);
}

bool plo_image_kept_info(struct plo_image *image, struct plo_image_info *info)
{
    pthread_mutex_lock(&image->lock);
    bool probed = image->probed;
    if (probed)
        *info = image->info;
    pthread_mutex_unlock(&image->lock);
    return probed;
}

static int read_info(struct plo_image *image, struct plo_image_info *info, struct pipilo_error *err)
{
    struct plo_input input;
    const struct plo_codec *codec = NULL;
    if (image->bytes != NULL)
        plo_input_init(&input, image->bytes->data, image->bytes->size);
    else
        PLO_TRY(plo_input_open(&input, image->path, UINT64_MAX, err));
    int result = plo_codec_probe(&codec, &input, info, err);
    plo_input_close(&input);
    return result;
}

void plo_image_pixels_info(const struct plo_pixels *pixels, struct plo_image_info *info)
{
    *info = (struct plo_image_info){
        .format = PLO_IMAGE_PIXELS,
        .stored_width = pixels->width,
        .stored_height = pixels->height,
        .width = pixels->width,
        .height = pixels->height,
        .orientation = 1,
        .channels = 3,
        .depth = 8,
        .bytes = 3 * (uint64_t)pixels->width * pixels->height,
    };
}

int plo_image_probe(struct plo_image *image, struct plo_image_info *info, struct pipilo_error *err)
{
    if (image->pixels.owner != NULL) {
        plo_image_pixels_info(&image->pixels, info);
        return 0;
    }
    if (plo_image_kept_info(image, info))
        return 0;
    PLO_TRY(read_info(image, info, err));
    plo_image_keep_info(image, info);
    return 0;
}

// --- as a value ----------------------------------------------------------------------------------

static void free_object(void *object)
{
    struct plo_image *image = object;
    plo_image_unref(&image);
}

static size_t object_size(const void *object)
{
    const struct plo_image *image = object;
    size_t size = sizeof *image;
    if (image->bytes != NULL)
        size += image->bytes->size;
    if (image->pixels.owner != NULL)
        size += image->pixels.owner->size;
    return size;
}

// {"image": {...}}: the file's name, and what the header says where it was read.
static void object_to_json(const void *object, struct plo_str *str)
{
    struct plo_image *image = (struct plo_image *)object; // its lock is taken, nothing is changed
    struct plo_image_info info;
    const char *comma = "";
    plo_str_add(str, "{\"image\": {");
    if (image->path != NULL) {
        plo_str_add(str, "\"path\": ");
        plo_str_add_json(str, image->path);
        comma = ", ";
    }
    bool known = plo_image_kept_info(image, &info);
    if (image->pixels.owner != NULL) {
        plo_image_pixels_info(&image->pixels, &info);
        known = true;
    }
    if (known)
        plo_str_addf(
            str, "%s\"format\": \"%s\", \"width\": %u, \"height\": %u, \"orientation\": %d", comma,
            plo_image_format_name(info.format), info.width, info.height, info.orientation);
    plo_str_add(str, "}}");
}

const struct plo_class plo_image_class = {
    .kind = PIPILO_IMAGE,
    .name = "image",
    .free = free_object,
    .size = object_size,
    .to_json = object_to_json,
};
