// picture.c: pictures as the operators take and give them (see picture.h).
#include "ops/picture.h"

#include <string.h>

#include "core/fail.h"

static int open_tensor(struct plo_image **out, const pipilo_value *value, struct pipilo_error *err)
{
    const struct pipilo_tensor *view = &value->as.tensor.view;
    bool fits = view->dtype == PIPILO_U8 && view->count == 3 && view->shape[2] == 3 &&
                view->shape[0] > 0 && view->shape[1] > 0 && view->shape[0] <= UINT32_MAX &&
                view->shape[1] <= UINT32_MAX;
    if (!fits)
        return plo_fail(err, PIPILO_EINVALID,
                        "a tensor is a picture only as uint8 (height, width, 3)");
    struct plo_pixels pixels = { .width = (uint32_t)view->shape[1],
                                 .height = (uint32_t)view->shape[0],
                                 .color = PLO_COLOR_RGB,
                                 .owner = value->as.tensor.owner,
                                 .data = view->data };
    return plo_image_open_pixels(out, &pixels, err);
}

int plo_picture_open(struct plo_image **out, const pipilo_value *value, struct pipilo_error *err)
{
    struct plo_image *image = plo_value_object_of(value, &plo_image_class);
    if (image != NULL) {
        *out = plo_image_ref(image);
        return 0;
    }
    switch (value->kind) {
    case PIPILO_STRING:
        return plo_image_open_file(out, value->as.string.text, err);
    case PIPILO_BYTES:
        return plo_image_open_bytes(out, plo_buf_ref(value->as.bytes), err);
    case PIPILO_TENSOR:
        return open_tensor(out, value, err);
    default:
        return plo_fail(err, PIPILO_EINVALID, "%s is no picture: an image, a path or bytes",
                        pipilo_kind_name(value->kind));
    }
}

int plo_picture_image(pipilo_value **out, struct plo_pixels *pixels, struct pipilo_error *err)
{
    struct plo_image *image = NULL;
    int result = plo_image_open_pixels(&image, pixels, err);
    plo_buf_unref(&pixels->owner);
    PLO_TRY(result);
    return plo_value_wrap_object(out, &plo_image_class, image, err);
}

int plo_picture_tensor(pipilo_value **out, struct plo_pixels *pixels, struct pipilo_error *err)
{
    struct pipilo_tensor view = { .dtype = PIPILO_U8,
                                  .count = 3,
                                  .shape = { pixels->height, pixels->width, 3 },
                                  .data = pixels->data };
    struct plo_buf *owner = pixels->owner;
    pixels->owner = NULL;
    return plo_value_wrap_tensor(out, owner, &view, err);
}

struct plo_decode_options plo_picture_options(const pipilo_args *args, bool has_fast)
{
    struct plo_decode_options options = PLO_DECODE_OPTIONS_INIT;
    options.ignore_orientation = strcmp(pipilo_args_string(args, "exif"), "ignore") == 0;
    options.fast = has_fast && pipilo_args_bool(args, "fast");
    return options;
}

size_t plo_picture_need(const pipilo_value *value, const struct plo_preprocess *target,
                        const struct plo_decode_options *options)
{
    struct plo_image *image = NULL;
    if (plo_picture_open(&image, value, NULL) < 0)
        return 0;
    uint64_t need = plo_image_need(image, target, options);
    plo_image_unref(&image);
    return need < SIZE_MAX ? (size_t)need : SIZE_MAX;
}

// --- buffers kept from call to call ---

void plo_workspaces_init(struct plo_workspaces *list, size_t input_floats, size_t output_floats)
{
    pthread_mutex_init(&list->lock, NULL);
    list->free = NULL;
    list->input_floats = input_floats;
    list->output_floats = output_floats;
}

static void workspace_destroy(struct plo_workspace *workspace)
{
    plo_image_scratch_destroy(workspace->scratch);
    plo_free(workspace->input);
    plo_free(workspace->output);
    plo_free(workspace);
}

static struct plo_workspace *workspace_create(const struct plo_workspaces *list,
                                              struct pipilo_error *err)
{
    struct plo_workspace *workspace = plo_alloc0(1, sizeof *workspace);
    if (workspace == NULL) {
        plo_fail_nomem(err, sizeof *workspace);
        return NULL;
    }
    workspace->scratch = plo_image_scratch_create();
    if (list->input_floats > 0)
        workspace->input = plo_alloc_aligned(list->input_floats * sizeof(float));
    if (list->output_floats > 0)
        workspace->output = plo_alloc_aligned(list->output_floats * sizeof(float));
    if (workspace->scratch != NULL && (workspace->input != NULL || list->input_floats == 0) &&
        (workspace->output != NULL || list->output_floats == 0))
        return workspace;
    workspace_destroy(workspace);
    plo_fail_nomem(err, (list->input_floats + list->output_floats) * sizeof(float));
    return NULL;
}

struct plo_workspace *plo_workspaces_take(struct plo_workspaces *list, struct pipilo_error *err)
{
    pthread_mutex_lock(&list->lock);
    struct plo_workspace *workspace = list->free;
    if (workspace != NULL)
        list->free = workspace->next;
    pthread_mutex_unlock(&list->lock);
    return workspace != NULL ? workspace : workspace_create(list, err);
}

void plo_workspaces_give(struct plo_workspaces *list, struct plo_workspace *workspace)
{
    pthread_mutex_lock(&list->lock);
    workspace->next = list->free;
    list->free = workspace;
    pthread_mutex_unlock(&list->lock);
}

void plo_workspaces_reset(struct plo_workspaces *list)
{
    while (list->free != NULL) {
        struct plo_workspace *workspace = list->free;
        list->free = workspace->next;
        workspace_destroy(workspace);
    }
    pthread_mutex_destroy(&list->lock);
}

int plo_workspaces_call(struct plo_workspaces *list, void *state, struct pipilo_batch *batch,
                        int (*row)(void *state, struct plo_workspace *workspace,
                                   pipilo_value *const *in, pipilo_value **out,
                                   struct pipilo_error *err),
                        struct pipilo_error *err)
{
    if (batch->columns == 0)
        return plo_fail(err, PIPILO_EINVALID, "it takes a column with pictures");
    struct plo_workspace *workspace = plo_workspaces_take(list, err);
    if (workspace == NULL)
        return PIPILO_ENOMEM;
    int result = 0;
    for (size_t i = 0; result == 0 && i < batch->rows; i++) {
        struct pipilo_error reason = { 0 };
        pipilo_value *const *in = &batch->in[i * batch->columns];
        if (row(state, workspace, in, &batch->out[i], &reason) < 0)
            result = pipilo_value_create_error(&batch->out[i], &reason, err);
    }
    plo_workspaces_give(list, workspace);
    return result;
}
