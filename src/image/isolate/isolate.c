// isolate.c: a picture's way to a helper and back (see isolate.h).
#include "image/isolate/isolate.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/fail.h"
#include "image/codecs/codec.h"
#include "image/decoding.h"
#include "image/isolate/helper.h"
#include "image/object.h"

enum { ALIGN = 64, COPY_BYTES = 1 << 20 };

bool plo_isolate_takes(const struct plo_image *image)
{
    return image->pixels.owner == NULL && plo_decoding_apart();
}

static bool is_of_vips(enum plo_image_format format)
{
    return format >= PLO_IMAGE_TIFF;
}

// --- what the helper says ------------------------------------------------------------------------

// A helper that answers nonsense is used no more.
static int fail_answer(struct plo_helper *helper, struct pipilo_error *err)
{
    helper->lost = true;
    return plo_fail(err, PIPILO_EOPERATOR, "the decoder gave a wrong answer");
}

// Its error as one that could be ours, whatever it wrote there.
static int take_error(struct plo_helper *helper, const struct plo_helper_answer *answer,
                      struct pipilo_error *err)
{
    char message[sizeof answer->err.message];
    int code = answer->err.code;
    if (code == 0)
        return 0;
    if (code > 0 || code < PIPILO_EINTERNAL)
        return fail_answer(helper, err);
    // What is in the way of more memory is the limit that the header led to.
    if (code == PIPILO_ENOMEM)
        return plo_fail(err, PIPILO_ELIMIT, "decoding it takes more memory than its header says");
    memcpy(message, answer->err.message, sizeof message);
    message[sizeof message - 1] = '\0';
    for (char *c = message; *c != '\0'; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    return plo_fail(err, code, "%s", message);
}

// --- a picture -----------------------------------------------------------------------------------

// How many pixels will come, by the header.
static int size_of(const struct plo_helper_request *request, const struct plo_image_info *info,
                   uint32_t *width, uint32_t *height, struct pipilo_error *err)
{
    const struct plo_decode_options *options = &request->options;
    struct plo_preprocess_plan plan;
    plo_image_upright(info, options, width, height);
    if (request->verb == PLO_HELPER_PIXELS)
        return plo_codec_check_limits(*width, *height, options, err);
    if (request->verb == PLO_HELPER_WINDOW) {
        PLO_TRY(plo_image_plan(&request->preprocess, *width, *height, options, &plan, err));
        *width = plan.width;
        *height = plan.height;
        return 0;
    }
    if ((uint64_t)request->left + request->width <= *width &&
        (uint64_t)request->top + request->height <= *height) {
        *width = request->width;
        *height = request->height;
        return 0;
    }
    // The helper says what is wrong with it, and makes no pixels.
    *width = *height = 0;
    return 0;
}

static int read_file(const struct plo_image *image, uint64_t ceiling, struct plo_helper *helper,
                     struct plo_helper_request *request, struct pipilo_error *err)
{
    struct plo_input input;
    PLO_TRY(plo_input_open(&input, image->path, ceiling, err));
    int result = plo_helper_room(helper, request->encoded_at + input.size, err);
    if (result == 0)
        result = plo_input_read(&input, helper->region + request->encoded_at,
                                &request->encoded_size, err);
    plo_input_close(&input);
    return result;
}

// The encoded bytes into the region, behind the room for pixels.
static int load(const struct plo_image *image, struct plo_helper *helper,
                struct plo_helper_request *request, struct pipilo_error *err)
{
    uint64_t ceiling = request->options.max_bytes;
    request->encoded_at = (request->room + ALIGN - 1) / ALIGN * ALIGN;
    if (image->bytes == NULL)
        return read_file(image, ceiling, helper, request, err);
    request->encoded_size = image->bytes->size;
    if (image->bytes->size > ceiling)
        return plo_fail(err, PIPILO_ELIMIT, "the picture has %zu bytes, the limit is %llu",
                        image->bytes->size, (unsigned long long)ceiling);
    PLO_TRY(plo_helper_room(helper, request->encoded_at + image->bytes->size, err));
    memcpy(helper->region + request->encoded_at, image->bytes->data, image->bytes->size);
    return 0;
}

static int decode(struct plo_isolated *out, struct plo_image *image,
                  struct plo_helper_request *request, struct pipilo_error *err)
{
    bool window = request->verb == PLO_HELPER_WINDOW;
    struct plo_helper_answer answer;
    uint64_t memory =
        plo_image_need(image, window ? &request->preprocess : NULL, &request->options);
    PLO_TRY(load(image, out->helper, request, err));
    PLO_TRY(plo_helper_ask(out->helper, request, -1, memory, &answer, err));
    PLO_TRY(take_error(out->helper, &answer, err));
    // Another picture than the one whose header was read, or a lie.
    if (answer.width != out->width || answer.height != out->height)
        return plo_fail(err, PIPILO_EIO, "the picture changed while it was read");
    out->data = out->helper->region;
    return 0;
}

int plo_isolate_decode(struct plo_isolated *out, struct plo_image *image,
                       struct plo_helper_request *request, struct pipilo_error *err)
{
    struct plo_image_info info;
    *out = (struct plo_isolated){ .helper = NULL };
    PLO_TRY(plo_image_probe(image, &info, err));
    PLO_TRY(plo_codec_check_limits(info.stored_width, info.stored_height, &request->options, err));
    PLO_TRY(size_of(request, &info, &out->width, &out->height, err));
    request->room = 3 * (uint64_t)out->width * out->height;
    PLO_TRY(plo_helper_take(&out->helper, is_of_vips(info.format), err));
    int result = decode(out, image, request, err);
    if (result < 0)
        plo_isolated_end(out);
    return result;
}

// --- pixels --------------------------------------------------------------------------------------

static void unmap(void *cookie, uint8_t *data, size_t size)
{
    (void)cookie;
    munmap(data, size);
}

static int take_over(struct plo_buf **out, struct plo_helper *helper, size_t size,
                     struct pipilo_error *err)
{
    uint8_t *data = NULL;
    PLO_TRY(plo_helper_keep_region(helper, size, &data, err));
    *out = plo_buf_wrap(data, size, unmap, NULL);
    if (*out != NULL)
        return 0;
    munmap(data, size);
    return plo_fail_nomem(err, size);
}

static int copy(struct plo_buf **out, const uint8_t *data, size_t size, struct pipilo_error *err)
{
    *out = plo_buf_create(size);
    if (*out == NULL)
        return plo_fail_nomem(err, size);
    memcpy((*out)->data, data, size);
    return 0;
}

int plo_isolated_keep(struct plo_isolated *from, enum plo_color color, struct plo_pixels *out,
                      struct pipilo_error *err)
{
    size_t size = 3 * (size_t)from->width * from->height;
    struct plo_buf *owner = NULL;
    PLO_TRY(size <= COPY_BYTES ? copy(&owner, from->data, size, err)
                               : take_over(&owner, from->helper, size, err));
    *out = (struct plo_pixels){ .width = from->width,
                                .height = from->height,
                                .color = color,
                                .owner = owner,
                                .data = owner->data };
    return 0;
}

void plo_isolated_end(struct plo_isolated *isolated)
{
    plo_helper_give(&isolated->helper);
    isolated->data = NULL;
}

// --- a header ------------------------------------------------------------------------------------

// Enough for what libvips reads of a header; a file is not mapped but read by the helper.
#define PROBE_MEMORY (UINT64_C(64) << 20)

static int probe(struct plo_helper *helper, struct plo_input *input, struct plo_image_info *info,
                 struct pipilo_error *err)
{
    struct plo_helper_answer answer;
    struct plo_helper_request request;
    memset(&request, 0, sizeof request);
    request.verb = PLO_HELPER_PROBE;
    request.of_file = input->data == NULL;
    request.encoded_size = input->size;
    if (!request.of_file) {
        PLO_TRY(plo_helper_room(helper, input->size, err));
        memcpy(helper->region, input->data, input->size);
    }
    PLO_TRY(plo_helper_ask(helper, &request, request.of_file ? input->fd : -1,
                           PROBE_MEMORY + 2 * input->size, &answer, err));
    PLO_TRY(take_error(helper, &answer, err));
    if (answer.info.format != info->format || answer.info.orientation > 8)
        return fail_answer(helper, err);
    *info = answer.info;
    return 0;
}

int plo_isolate_probe(struct plo_input *input, struct plo_image_info *info,
                      struct pipilo_error *err)
{
    struct plo_helper *helper = NULL;
    PLO_TRY(plo_helper_take(&helper, true, err));
    int result = probe(helper, input, info, err);
    plo_helper_give(&helper);
    return result;
}
