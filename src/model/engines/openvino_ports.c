// openvino_ports.c: a model's inputs and outputs as OpenVINO sees them, beside its card (see
// openvino_ports.h).
#include "model/engines/openvino_ports.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "core/fail.h"
#include "model/engines/openvino_api.h"
#include "model/pooling.h"

static const char *type_name(ov_element_type_e type)
{
    switch (type) {
    case F32:
        return "f32";
    case F16:
        return "f16";
    case BF16:
        return "bf16";
    case F64:
        return "f64";
    case U8:
        return "u8";
    case I8:
        return "i8";
    case I32:
        return "i32";
    case I64:
        return "i64";
    default:
        return "other";
    }
}

void plo_openvino_describe_port(struct plo_engine_port *out, const ov_output_const_port_t *port)
{
    *out = (struct plo_engine_port){ 0 };
    char *name = NULL;
    if (plo_ov.port_name(port, &name) == OK && name != NULL) {
        snprintf(out->name, sizeof out->name, "%s", name);
        plo_ov.text_free(name);
    }
    ov_element_type_e type = DYNAMIC;
    plo_ov.port_type(port, &type);
    snprintf(out->dtype, sizeof out->dtype, "%s", type_name(type));
    ov_partial_shape_t shape = { 0 };
    if (plo_ov.port_shape(port, &shape) != OK)
        return;
    if (shape.rank.min == shape.rank.max && shape.rank.min <= PLO_ENGINE_DIMENSIONS)
        out->count = (size_t)shape.rank.min;
    for (size_t i = 0; i < out->count; i++)
        out->shape[i] = shape.dims[i].min == shape.dims[i].max ? shape.dims[i].min : -1;
    plo_ov.partial_shape_free(&shape);
}

void plo_openvino_describe_model(struct plo_engine_ports *out, const ov_model_t *model)
{
    *out = (struct plo_engine_ports){ 0 };
    plo_ov.inputs_size(model, &out->input_count);
    plo_ov.outputs_size(model, &out->output_count);
    for (size_t i = 0; i < PLO_ENGINE_PORTS; i++) {
        ov_output_const_port_t *port = NULL;
        if (i < out->input_count && plo_ov.input_at(model, i, &port) == OK) {
            plo_openvino_describe_port(&out->inputs[i], port);
            plo_ov.port_free(port);
        }
        if (i < out->output_count && plo_ov.output_at(model, i, &port) == OK) {
            plo_openvino_describe_port(&out->outputs[i], port);
            plo_ov.port_free(port);
        }
    }
}

void plo_openvino_describe_compiled(struct plo_engine_ports *out,
                                    const ov_compiled_model_t *compiled)
{
    *out = (struct plo_engine_ports){ 0 };
    plo_ov.compiled_inputs(compiled, &out->input_count);
    plo_ov.compiled_outputs(compiled, &out->output_count);
    for (size_t i = 0; i < PLO_ENGINE_PORTS; i++) {
        ov_output_const_port_t *port = NULL;
        if (i < out->input_count && plo_ov.compiled_input_at(compiled, i, &port) == OK) {
            plo_openvino_describe_port(&out->inputs[i], port);
            plo_ov.port_free(port);
        }
        if (i < out->output_count && plo_ov.compiled_output_at(compiled, i, &port) == OK) {
            plo_openvino_describe_port(&out->outputs[i], port);
            plo_ov.port_free(port);
        }
    }
}

int plo_openvino_check_input(const struct plo_engine_ports *ports, const struct plo_engine_load *l,
                             int64_t *shape, struct pipilo_error *err)
{
    const struct plo_engine_port *port = &ports->inputs[0];
    char text[128];
    if (ports->input_count != 1)
        return plo_fail(err, PIPILO_EMODEL, "the model has %zu inputs, a picture fills one",
                        ports->input_count);
    plo_engine_port_text(port, text, sizeof text);
    if (strcmp(port->name, l->card->input.name) != 0)
        return plo_fail(err, PIPILO_EMODEL, "the card's input is '%s', the model's '%s', %s",
                        l->card->input.name, port->name, text);
    bool nchw = l->card->preprocess.layout == PLO_LAYOUT_NCHW;
    int64_t h = (int64_t)l->height, w = (int64_t)l->width;
    const int64_t wanted[4] = { (int64_t)l->batch, nchw ? 3 : h, nchw ? h : w, nchw ? w : 3 };
    memcpy(shape, wanted, sizeof wanted);
    bool fits = strcmp(port->dtype, "f32") == 0 && (port->count == 4 || port->count == 0);
    for (size_t i = 1; fits && i < port->count; i++)
        fits = port->shape[i] < 0 || port->shape[i] == wanted[i];
    if (!fits)
        return plo_fail(err, PIPILO_EMODEL,
                        "input '%s' is %s, the card gives f32 [n, %lld, %lld, %lld]", port->name,
                        text, (long long)wanted[1], (long long)wanted[2], (long long)wanted[3]);
    return 0;
}

int plo_openvino_find_output(const struct plo_engine_ports *ports, const char *name, size_t *out,
                             struct pipilo_error *err)
{
    const char *names[PLO_ENGINE_PORTS + 1] = { NULL };
    struct plo_str all = PLO_STR_INIT;
    for (size_t i = 0; i < ports->output_count && i < PLO_ENGINE_PORTS; i++) {
        names[i] = ports->outputs[i].name;
        plo_str_addf(&all, "%s%s", i > 0 ? ", " : "", names[i]);
        if (strcmp(names[i], name) == 0) {
            plo_str_reset(&all);
            *out = i;
            return 0;
        }
    }
    const char *nearest = plo_str_nearest(name, names);
    plo_fail(err, PIPILO_EMODEL, "the model has no output '%s'%s%s%s; it has %s", name,
             nearest != NULL ? " (did you mean " : "", nearest != NULL ? nearest : "",
             nearest != NULL ? ")" : "", all.data != NULL ? all.data : "none");
    plo_str_reset(&all);
    return PIPILO_EMODEL;
}

int plo_openvino_check_output(const struct plo_engine_port *output, const struct plo_card *card,
                              struct pipilo_error *err)
{
    if (strcmp(output->dtype, "f32") != 0)
        return plo_fail(err, PIPILO_EMODEL, "output '%s' is %s, f32 is needed", card->output.name,
                        output->dtype);
    size_t shape[PLO_ENGINE_DIMENSIONS];
    for (size_t i = 0; i < output->count; i++) {
        if (output->shape[i] < 0)
            return 0;
        shape[i] = (size_t)output->shape[i];
    }
    return output->count == 0 ? 0 : plo_pooling_check(card, shape, output->count, err);
}
