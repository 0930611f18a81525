// decode.c: pictures to all their pixels (see decode.h). A decoded image value has the channels'
// order with it, so that whoever takes it further gets the colours right.
#include "ops/decode.h"

#include <string.h>

#include "core/fail.h"

int plo_decode_open(void *state, const pipilo_args *args, struct pipilo_error *err)
{
    (void)err;
    struct plo_decode *decode = state;
    plo_workspaces_init(&decode->workspaces, 0, 0);
    decode->options = plo_picture_options(args, false);
    bool bgr = strcmp(pipilo_args_string(args, "mode"), "BGR") == 0;
    decode->color = bgr ? PLO_COLOR_BGR : PLO_COLOR_RGB;
    decode->keep = pipilo_args_bool(args, "keep");
    return 0;
}

size_t plo_decode_need(void *state, pipilo_value *const *row, size_t columns)
{
    struct plo_decode *decode = state;
    return columns > 0 ? plo_picture_need(row[0], NULL, &decode->options) : 0;
}

static int decode_row(void *state, struct plo_workspace *workspace, pipilo_value *const *in,
                      pipilo_value **out, struct pipilo_error *err)
{
    struct plo_decode *decode = state;
    struct plo_image *image = NULL;
    struct plo_pixels pixels;
    int result = plo_picture_open(&image, in[0], err);
    if (result == 0)
        result = plo_image_pixels(image, decode->color, &decode->options, workspace->scratch,
                                  &pixels, err);
    if (result == 0)
        result = plo_picture_image(out, &pixels, err);
    plo_image_unref(&image);
    return result;
}

// Where only native operators go on with the picture, each decodes what it needs of it: rows that
// are cropped away are never resized, and nothing is held between the steps. Several would each
// decode it: `keep` is for them.
static int decode_later(const struct plo_decode *decode, struct pipilo_batch *batch,
                        struct pipilo_error *err)
{
    for (size_t i = 0; i < batch->rows; i++) {
        struct pipilo_error reason = { 0 };
        struct plo_image *image = NULL, *later = NULL;
        int result = plo_picture_open(&image, batch->in[i * batch->columns], &reason);
        if (result == 0)
            result = plo_image_open_later(&later, image, &decode->options, batch->node, &reason);
        plo_image_unref(&image);
        if (result == 0)
            result = plo_value_wrap_object(&batch->out[i], &plo_image_class, later, &reason);
        if (result < 0)
            PLO_TRY(pipilo_value_create_error(&batch->out[i], &reason, err));
    }
    return 0;
}

int plo_decode_call(void *state, void *run, struct pipilo_batch *batch, struct pipilo_error *err)
{
    (void)run;
    struct plo_decode *decode = state;
    if (!decode->keep && batch->columns > 0 && batch->hidden != NULL && batch->hidden[0])
        return decode_later(decode, batch, err);
    return plo_workspaces_call(&decode->workspaces, decode, batch, decode_row, err);
}

void plo_decode_close(void *state)
{
    struct plo_decode *decode = state;
    plo_workspaces_reset(&decode->workspaces);
}
