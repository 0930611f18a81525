// image_embedding_timm: pictures to vectors by a model. Each call takes as many rows as the model
// likes in one inference; a picture is decoded, resized and normalised straight into its place in
// the batch. model stage.
#include <string.h>

#include "core/fail.h"
#include "ops/embedding.h"
#include "ops/operators.h"
#include "ops/picture.h"

struct embed {
    struct plo_workspaces workspaces;
    struct plo_embedding embedding;
    struct plo_model *model;
    const struct plo_preprocess *target;
    size_t floats, dim, rows; // of one input and one vector; of one inference
    bool skip_preprocess;
};

static const struct pipilo_param params[] = {
    { .name = "model_name",
      .type = PIPILO_PARAM_STRING,
      .fallback = "None",
      .help = "a model directory, an ONNX file, a name in the model home, or 'null:DIM'" },
    { .name = "num_classes",
      .type = PIPILO_PARAM_INT,
      .fallback = "1000",
      .min = 0,
      .max = INT32_MAX,
      .help = "taken for Towhee's sake; a vector does not depend on it" },
    { .name = "skip_preprocess",
      .type = PIPILO_PARAM_BOOL,
      .fallback = "False",
      .help = "rows are float32 tensors of the model's input already" },
    { .name = "device",
      .type = PIPILO_PARAM_STRING,
      .fallback = "None",
      .help = "where the model runs; None: 'CPU'" },
    { .name = "checkpoint_path",
      .type = PIPILO_PARAM_STRING,
      .fallback = "None",
      .help = "a model directory or ONNX file to take instead of model_name" },
    PLO_EMBEDDING_PARAMS,
    { .name = NULL },
};

static int embed_open(void *state, const pipilo_args *args, struct pipilo_error *err)
{
    struct embed *embed = state;
    plo_workspaces_init(&embed->workspaces, 0, 0);
    const char *name = pipilo_args_string(args, "checkpoint_path");
    if (name == NULL)
        name = pipilo_args_string(args, "model_name");
    if (name == NULL)
        return plo_fail(err, PIPILO_EPIPELINE, "a model must be named; `pipilo models list` helps");
    embed->embedding = plo_embedding_of_args(args);
    embed->skip_preprocess = pipilo_args_bool(args, "skip_preprocess");
    PLO_TRY(plo_model_open(&embed->model, name, &embed->embedding.model, err));
    embed->target = &plo_model_card(embed->model)->preprocess;
    embed->floats = plo_model_input_floats(embed->model);
    embed->dim = plo_model_dim(embed->model);
    embed->rows = plo_model_rows(embed->model);
    embed->workspaces.input_floats = embed->rows * embed->floats;
    embed->workspaces.output_floats = embed->rows * embed->dim;
    return 0;
}

static size_t embed_rows(const void *state)
{
    return ((const struct embed *)state)->rows;
}

// The pictures of a list are read one after the other, so the largest of them counts.
static size_t picture_need(struct embed *embed, const pipilo_value *value)
{
    if (value->kind != PIPILO_LIST)
        return embed->skip_preprocess
                   ? 0
                   : plo_picture_need(value, embed->target, &embed->embedding.decode);
    size_t most = 0;
    for (size_t i = 0; i < value->as.list.count; i++) {
        const pipilo_value *item = value->as.list.items[i];
        size_t need = item->kind == PIPILO_LIST ? 0 : picture_need(embed, item);
        most = need > most ? need : most;
    }
    return most;
}

static size_t embed_need(void *state, pipilo_value *const *row, size_t columns)
{
    struct embed *embed = state;
    if (columns == 0)
        return 0;
    size_t vectors = row[0]->kind == PIPILO_LIST ? row[0]->as.list.count : 1;
    size_t buffers = embed->floats * sizeof(float) + vectors * embed->dim * sizeof(float);
    size_t need = picture_need(embed, row[0]);
    return need <= SIZE_MAX - buffers ? need + buffers : SIZE_MAX;
}

// One picture into its place in the batch.
static int fill(struct embed *embed, struct plo_workspace *workspace, const pipilo_value *value,
                float *place, struct pipilo_error *err)
{
    if (embed->skip_preprocess) {
        struct pipilo_tensor view;
        size_t count = pipilo_value_tensor(value, &view) && view.dtype == PIPILO_F32 ? 1 : 0;
        for (size_t i = 0; count > 0 && i < view.count; i++)
            count *= view.shape[i];
        if (count != embed->floats)
            return plo_fail(err, PIPILO_EINVALID,
                            "with skip_preprocess a row is a float32 tensor of %zu numbers",
                            embed->floats);
        memcpy(place, view.data, count * sizeof(float));
        return 0;
    }
    struct plo_image *image = NULL;
    PLO_TRY(plo_picture_open(&image, value, err));
    int result = plo_image_tensor(image, embed->target, &embed->embedding.decode,
                                  workspace->scratch, place, err);
    plo_image_unref(&image);
    return result;
}

static int give(const struct embed *embed, const float *vector, pipilo_value **out,
                struct pipilo_error *err)
{
    struct pipilo_tensor view = {
        .dtype = PIPILO_F32, .count = 1, .shape = { embed->dim }, .data = vector
    };
    return pipilo_value_create_tensor(out, &view, err);
}

// Embeds up to embed->rows pictures; one that cannot be read gets an error value and costs the
// others nothing.
static int embed_some(struct embed *embed, struct plo_workspace *workspace, pipilo_value *const *in,
                      size_t step, size_t count, pipilo_value **out, struct pipilo_error *err)
{
    size_t good = 0;
    for (size_t i = 0; i < count; i++) {
        struct pipilo_error reason = { 0 };
        float *place = workspace->input + good * embed->floats;
        if (fill(embed, workspace, in[i * step], place, &reason) == 0)
            good++;
        else
            PLO_TRY(pipilo_value_create_error(&out[i], &reason, err));
    }
    if (good == 0)
        return 0;
    PLO_TRY(plo_model_embed(embed->model, workspace->input, good, workspace->output, err));
    const float *vector = workspace->output;
    for (size_t i = 0; i < count; i++) {
        if (out[i] != NULL)
            continue;
        PLO_TRY(give(embed, vector, &out[i], err));
        vector += embed->dim;
    }
    return 0;
}

// A row that is a list of pictures becomes a list of vectors; one bad picture fails the row.
static int embed_list(struct embed *embed, struct plo_workspace *workspace,
                      const pipilo_value *list, pipilo_value **out, struct pipilo_error *err)
{
    size_t count = list->as.list.count;
    pipilo_value **vectors = plo_alloc0(count, sizeof *vectors);
    if (vectors == NULL)
        return plo_fail_nomem(err, count * sizeof *vectors);
    int result = 0;
    for (size_t i = 0; result == 0 && i < count; i += embed->rows) {
        size_t some = count - i < embed->rows ? count - i : embed->rows;
        result = embed_some(embed, workspace, &list->as.list.items[i], 1, some, &vectors[i], err);
    }
    pipilo_value *bad = NULL;
    for (size_t i = 0; bad == NULL && i < count; i++)
        if (vectors[i] != NULL && vectors[i]->kind == PIPILO_ERROR)
            bad = vectors[i];
    if (result == 0 && bad != NULL)
        *out = pipilo_value_ref(bad);
    else if (result == 0)
        result = pipilo_value_create_list(out, vectors, count, err);
    for (size_t i = 0; i < count; i++)
        pipilo_value_unref(&vectors[i]);
    plo_free(vectors);
    return result;
}

// Lists are worked on by themselves; the rows between them go together.
static int embed_rows_of(struct embed *embed, struct plo_workspace *workspace,
                         struct pipilo_batch *batch, struct pipilo_error *err)
{
    for (size_t i = 0; i < batch->rows;) {
        pipilo_value *const *in = &batch->in[i * batch->columns];
        if (in[0]->kind == PIPILO_LIST) {
            struct pipilo_error reason = { 0 };
            if (embed_list(embed, workspace, in[0], &batch->out[i], &reason) < 0)
                PLO_TRY(pipilo_value_create_error(&batch->out[i], &reason, err));
            i++;
            continue;
        }
        size_t some = 1;
        while (some < embed->rows && i + some < batch->rows &&
               in[some * batch->columns]->kind != PIPILO_LIST)
            some++;
        PLO_TRY(embed_some(embed, workspace, in, batch->columns, some, &batch->out[i], err));
        i += some;
    }
    return 0;
}

static int embed_call(void *state, void *run, struct pipilo_batch *batch, struct pipilo_error *err)
{
    (void)run;
    struct embed *embed = state;
    if (batch->columns == 0)
        return plo_fail(err, PIPILO_EINVALID, "it takes a column with pictures");
    struct plo_workspace *workspace = plo_workspaces_take(&embed->workspaces, err);
    if (workspace == NULL)
        return PIPILO_ENOMEM;
    int result = embed_rows_of(embed, workspace, batch, err);
    plo_workspaces_give(&embed->workspaces, workspace);
    return result;
}

static void embed_close(void *state)
{
    struct embed *embed = state;
    plo_workspaces_reset(&embed->workspaces);
    plo_model_unref(&embed->model);
}

const struct pipilo_operator plo_op_image_embedding_timm = {
    .struct_size = sizeof plo_op_image_embedding_timm,
    .name = "image_embedding.timm",
    .summary = "turn a picture into a vector by a model",
    .inputs = PLO_PICTURE_INPUTS " | list of these",
    .output = "float32 (dim,), or a list of them",
    .params = params,
    .flags = PIPILO_OP_PARALLEL,
    .state_size = sizeof(struct embed),
    .open = embed_open,
    .rows = embed_rows,
    .need = embed_need,
    .call = embed_call,
    .close = embed_close,
};
