// image_preprocess: a picture as the tensor that a model sees: decoded, oriented, resized, cropped
// and normalised as its card says. What image_embedding.timm takes with skip_preprocess, and what
// a quantizer measures a model with. The model itself is not loaded. transform stage.
#include "core/fail.h"
#include "core/value.h"
#include "model/model.h"
#include "ops/operators.h"
#include "ops/picture.h"

struct preprocess {
    struct plo_workspaces workspaces;
    struct plo_decode_options options;
    struct plo_model *model; // described, not loaded
    const struct plo_preprocess *target;
};

static const struct pipilo_param params[] = {
    { .name = "model_name",
      .type = PIPILO_PARAM_STRING,
      .fallback = NULL,
      .help = "a model directory, an ONNX file, a name in the model home, or 'null:DIM'" },
    PLO_PICTURE_EXIF_PARAM,
    PLO_PICTURE_FAST_PARAM,
    { .name = NULL },
};

static int preprocess_open(void *state, const pipilo_args *args, struct pipilo_error *err)
{
    struct preprocess *preprocess = state;
    struct plo_model_options options = PLO_MODEL_OPTIONS_INIT;
    plo_workspaces_init(&preprocess->workspaces, 0, 0);
    preprocess->options = plo_picture_options(args, true);
    PLO_TRY(plo_model_describe(&preprocess->model, pipilo_args_string(args, "model_name"), &options,
                               err));
    preprocess->target = &plo_model_card(preprocess->model)->preprocess;
    return 0;
}

static size_t preprocess_need(void *state, pipilo_value *const *row, size_t columns)
{
    struct preprocess *preprocess = state;
    if (columns == 0)
        return 0;
    size_t tensor = plo_model_input_floats(preprocess->model) * sizeof(float);
    size_t need = plo_picture_need(row[0], preprocess->target, &preprocess->options);
    return need <= SIZE_MAX - tensor ? need + tensor : SIZE_MAX;
}

static struct pipilo_tensor view_of(const struct preprocess *preprocess, const void *data)
{
    struct pipilo_tensor view = { .dtype = PIPILO_F32, .count = 3, .data = data };
    bool last = preprocess->target->layout == PLO_LAYOUT_NHWC;
    uint32_t width, height;
    plo_model_input_size(preprocess->model, &width, &height);
    view.shape[last ? 2 : 0] = 3;
    view.shape[last ? 0 : 1] = height;
    view.shape[last ? 1 : 2] = width;
    return view;
}

static int preprocess_row(void *state, struct plo_workspace *workspace, pipilo_value *const *in,
                          pipilo_value **out, struct pipilo_error *err)
{
    const struct preprocess *preprocess = state;
    size_t size = plo_model_input_floats(preprocess->model) * sizeof(float);
    struct plo_image *image = NULL;
    PLO_TRY(plo_picture_open(&image, in[0], err));
    struct plo_buf *owner = plo_buf_create(size);
    int result = owner != NULL ? 0 : plo_fail_nomem(err, size);
    if (result == 0)
        result = plo_image_tensor(image, preprocess->target, &preprocess->options,
                                  workspace->scratch, (float *)owner->data, err);
    plo_image_unref(&image);
    if (result < 0) {
        plo_buf_unref(&owner);
        return result;
    }
    struct pipilo_tensor view = view_of(preprocess, owner->data);
    return plo_value_wrap_tensor(out, owner, &view, err);
}

static int preprocess_call(void *state, void *run, struct pipilo_batch *batch,
                           struct pipilo_error *err)
{
    (void)run;
    struct preprocess *preprocess = state;
    return plo_workspaces_call(&preprocess->workspaces, preprocess, batch, preprocess_row, err);
}

static void preprocess_close(void *state)
{
    struct preprocess *preprocess = state;
    plo_workspaces_reset(&preprocess->workspaces);
    plo_model_unref(&preprocess->model);
}

const struct pipilo_operator plo_op_image_preprocess = {
    .struct_size = sizeof plo_op_image_preprocess,
    .name = "image_preprocess",
    .summary = "turn a picture into the tensor that a model sees",
    .inputs = PLO_PICTURE_INPUTS,
    .output = "float32 (3, height, width), or (height, width, 3) for an nhwc model",
    .params = params,
    .flags = PIPILO_OP_PARALLEL,
    .state_size = sizeof(struct preprocess),
    .open = preprocess_open,
    .need = preprocess_need,
    .call = preprocess_call,
    .close = preprocess_close,
};
