// openvino.c: OpenVINO behind engine.h: devices, loading, running. It reads ONNX itself.
//
// Every model is compiled with a fixed batch: a dynamic one keeps memory for each size it ever saw.
// Precision is always asked for by name, because the default is bf16 where the CPU has it, and
// cores are never pinned, because two processes would pin to the same one.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cores.h"
#include "core/fail.h"
#include "model/engines/engines.h"
#include "model/engines/fork_gate.h"
#include "model/engines/openvino_api.h"
#include "model/engines/openvino_ports.h"

// --- what there is -------------------------------------------------------------------------------

static int devices(char *out, size_t out_size, struct pipilo_error *err)
{
    ov_core_t *c;
    PLO_TRY(plo_openvino_shared_core(&c, err));
    ov_available_devices_t all = { 0 };
    ov_status_e status = plo_ov.core_devices(c, &all);
    if (status != OK)
        return plo_openvino_fail(err, PIPILO_EENGINE, status, "OpenVINO lists no devices");
    size_t used = 0;
    *out = '\0';
    for (size_t i = 0; i < all.size && used < out_size; i++)
        used += (size_t)snprintf(out + used, out_size - used, "%s%s", i > 0 ? ", " : "",
                                 all.devices[i]);
    plo_ov.devices_free(&all);
    return 0;
}

// A core's first question to a device opens the library of its plug-in.
static ov_status_e ask_device(ov_core_t *c, const char *device, const char *key, char **text)
{
    plo_fork_gate_enter();
    ov_status_e status = plo_ov.core_property(c, device, key, text);
    plo_fork_gate_leave();
    return status;
}

static bool has_bf16(const char *device)
{
    ov_core_t *c;
    char *text = NULL;
    if (plo_openvino_shared_core(&c, NULL) < 0 ||
        ask_device(c, device, "OPTIMIZATION_CAPABILITIES", &text) != OK)
        return false;
    bool has = strstr(text, "BF16") != NULL;
    plo_ov.text_free(text);
    return has;
}

// Measured: compiling peaks at about 70 MB + 2.3 times the file.
static uint64_t need(uint64_t file_size)
{
    return 70 * 1000000ULL + file_size * 23 / 10;
}

static int check_device(ov_core_t *c, const char *device, struct pipilo_error *err)
{
    // A plug-in that is asked what it is answers only where there is such a device.
    char *text = NULL;
    if (ask_device(c, device, "FULL_DEVICE_NAME", &text) == OK) {
        plo_ov.text_free(text);
        return 0;
    }
    char all[256];
    PLO_TRY(devices(all, sizeof all, err));
    return plo_fail(err, PIPILO_ENOTFOUND, "there is no device '%s'; there is %s", device, all);
}

static int read_file(ov_model_t **out, ov_core_t *c, const char *path, struct pipilo_error *err)
{
    plo_fork_gate_enter();
    ov_status_e status = plo_ov.read_model(c, path, NULL, out);
    plo_fork_gate_leave();
    if (status == OK)
        return 0;
    char what[200];
    snprintf(what, sizeof what, "OpenVINO cannot read %.160s", path);
    return plo_openvino_fail(err, PIPILO_EMODEL, status, what);
}

static int fix_shape(const ov_model_t *model, const int64_t *sizes, struct pipilo_error *err)
{
    ov_partial_shape_t shape = { 0 };
    ov_status_e status = plo_ov.shape_static(4, sizes, &shape);
    if (status == OK) {
        status = plo_ov.reshape(model, shape);
        plo_ov.partial_shape_free(&shape);
    }
    if (status == OK)
        return 0;
    char what[128];
    snprintf(what, sizeof what, "the model does not take f32 [%lld, %lld, %lld, %lld]",
             (long long)sizes[0], (long long)sizes[1], (long long)sizes[2], (long long)sizes[3]);
    return plo_openvino_fail(err, PIPILO_EMODEL, status, what);
}

static int inspect(struct plo_engine_ports *out, const char *path, const int64_t *shape,
                   struct pipilo_error *err)
{
    ov_core_t *c;
    ov_model_t *model = NULL;
    PLO_TRY(plo_openvino_shared_core(&c, err));
    PLO_TRY(read_file(&model, c, path, err));
    int code = shape != NULL ? fix_shape(model, shape, err) : 0;
    if (code == 0)
        plo_openvino_describe_model(out, model);
    plo_ov.model_free(model);
    return code;
}

// --- loading -------------------------------------------------------------------------------------

struct loaded {
    ov_core_t *core;
    ov_compiled_model_t *compiled;
    int64_t input_shape[4];
    size_t output; // index of the card's output
    bool on_cpu;
};

struct request {
    const struct loaded *model;
    ov_infer_request_t *request;
    ov_tensor_t *output; // of the last inference
};

// The output as it is with the input's shape fixed.
static int check_model_output(const ov_model_t *model, const struct loaded *m,
                              const struct plo_card *card, struct pipilo_error *err)
{
    ov_output_const_port_t *port = NULL;
    struct plo_engine_port output = { 0 };
    if (plo_ov.output_at(model, m->output, &port) != OK)
        return plo_fail(err, PIPILO_EENGINE, "OpenVINO does not describe the output");
    plo_openvino_describe_port(&output, port);
    plo_ov.port_free(port);
    return plo_openvino_check_output(&output, card, err);
}

// What a model is compiled with, as texts.
struct layout {
    char streams[16], threads[16];
    const char *precision;
};

static struct layout layout_of(const struct plo_engine_load *l)
{
    struct layout layout = { .precision = plo_precision_names[l->precision] };
    snprintf(layout.streams, sizeof layout.streams, "%d", l->streams);
    snprintf(layout.threads, sizeof layout.threads, "%d", l->threads);
    return layout;
}

static int compile(struct loaded *m, const ov_model_t *model, const struct plo_engine_load *l,
                   struct pipilo_error *err)
{
    struct layout layout = layout_of(l);
    ov_status_e status;
    plo_fork_gate_enter();
    if (strcmp(l->device, "CPU") == 0)
        status =
            plo_ov.compile(m->core, model, l->device, 8, &m->compiled, "INFERENCE_PRECISION_HINT",
                           layout.precision, "NUM_STREAMS", layout.streams, "INFERENCE_NUM_THREADS",
                           layout.threads, "ENABLE_CPU_PINNING", "NO");
    else
        status =
            plo_ov.compile(m->core, model, l->device, 4, &m->compiled, "INFERENCE_PRECISION_HINT",
                           layout.precision, "NUM_STREAMS", layout.streams);
    plo_fork_gate_leave();
    if (status != OK)
        return plo_openvino_fail(err, PIPILO_EENGINE, status, "OpenVINO cannot compile the model");
    return 0;
}

static void unload(void *model)
{
    struct loaded *m = model;
    if (m == NULL)
        return;
    plo_fork_gate_enter();
    if (m->compiled != NULL)
        plo_ov.compiled_free(m->compiled);
    if (m->core != NULL)
        plo_ov.core_free(m->core);
    plo_fork_gate_leave();
    plo_free(m);
}

static int create_loaded(struct loaded **out, const struct plo_engine_load *l,
                         struct pipilo_error *err)
{
    struct loaded *m = plo_alloc0(1, sizeof *m);
    if (m == NULL)
        return plo_fail_nomem(err, sizeof *m);
    m->on_cpu = strcmp(l->device, "CPU") == 0;
    int code = plo_openvino_own_core(&m->core, err);
    if (code == 0)
        *out = m;
    else
        unload(m);
    return code;
}

static int load_into(struct loaded *m, struct plo_engine_ports *ports,
                     const struct plo_engine_load *l, struct pipilo_error *err)
{
    ov_model_t *file = NULL;
    PLO_TRY(check_device(m->core, l->device, err));
    PLO_TRY(read_file(&file, m->core, l->path, err));
    plo_openvino_describe_model(ports, file);
    int code = plo_openvino_check_input(ports, l, m->input_shape, err);
    if (code == 0)
        code = plo_openvino_find_output(ports, l->card->output.name, &m->output, err);
    if (code == 0)
        code = fix_shape(file, m->input_shape, err);
    if (code == 0)
        code = check_model_output(file, m, l->card, err);
    if (code == 0)
        code = compile(m, file, l, err);
    plo_ov.model_free(file);
    return code;
}

static int load(void **model, const struct plo_engine_load *l, struct pipilo_error *err)
{
    struct loaded *m = NULL;
    PLO_TRY(create_loaded(&m, l, err));
    struct plo_engine_ports *ports = plo_alloc0(1, sizeof *ports);
    int code = ports != NULL ? load_into(m, ports, l, err) : plo_fail_nomem(err, sizeof *ports);
    plo_free(ports);
    if (code == 0)
        *model = m;
    else
        unload(m);
    return code;
}

// --- what was compiled before --------------------------------------------------------------------

static int export_blob(void *model, const char *path, struct pipilo_error *err)
{
    const struct loaded *m = model;
    if (!m->on_cpu)
        return plo_fail(err, PIPILO_EENGINE, "only what the CPU runs is kept");
    plo_fork_gate_enter();
    ov_status_e status = plo_ov.compiled_export(m->compiled, path);
    plo_fork_gate_leave();
    return status == OK ? 0
                        : plo_openvino_fail(err, PIPILO_EENGINE, status, "OpenVINO keeps nothing");
}

static bool has_property(const struct loaded *m, const char *key, const char *wanted)
{
    char *text = NULL;
    if (plo_ov.compiled_property(m->compiled, key, &text) != OK)
        return false;
    bool same = strcmp(text, wanted) == 0;
    plo_ov.text_free(text);
    return same;
}

// Where there are fewer cores the engine makes fewer streams and threads than it is asked for.
static bool has_number(const struct loaded *m, const char *key, int wanted)
{
    char *text = NULL;
    if (plo_ov.compiled_property(m->compiled, key, &text) != OK)
        return false;
    long number = strtol(text, NULL, 10);
    plo_ov.text_free(text);
    return number == wanted || (number > 0 && number < wanted && plo_cores() < wanted);
}

// A blob knows neither precision nor streams, and the C API's import takes no properties: they are
// set for the device of the model's own core.
static int import_as(struct loaded *m, const struct plo_engine_load *l, const void *blob,
                     size_t size, struct pipilo_error *err)
{
    struct layout layout = layout_of(l);
    const char *const properties[][2] = {
        { "INFERENCE_PRECISION_HINT", layout.precision },
        { "NUM_STREAMS", layout.streams },
        { "INFERENCE_NUM_THREADS", layout.threads },
        { "ENABLE_CPU_PINNING", "NO" },
    };
    ov_status_e status = OK;
    plo_fork_gate_enter();
    for (size_t i = 0; status == OK && i < PLO_COUNT(properties); i++)
        status = plo_ov.core_set(m->core, l->device, properties[i][0], properties[i][1]);
    if (status == OK)
        status = plo_ov.core_import(m->core, blob, size, l->device, &m->compiled);
    plo_fork_gate_leave();
    if (status != OK)
        return plo_openvino_fail(err, PIPILO_EENGINE, status,
                                 "OpenVINO does not take what it gave");
    const bool taken[] = { has_property(m, properties[0][0], layout.precision),
                           has_number(m, properties[1][0], l->streams),
                           has_number(m, properties[2][0], l->threads) };
    for (size_t i = 0; i < PLO_COUNT(taken); i++)
        if (!taken[i])
            return plo_fail(err, PIPILO_EENGINE, "OpenVINO does not take %s with a blob",
                            properties[i][0]);
    return 0;
}

static int import_into(struct loaded *m, struct plo_engine_ports *ports,
                       const struct plo_engine_load *l, const void *blob, size_t size,
                       struct pipilo_error *err)
{
    PLO_TRY(import_as(m, l, blob, size, err));
    plo_openvino_describe_compiled(ports, m->compiled);
    PLO_TRY(plo_openvino_check_input(ports, l, m->input_shape, err));
    PLO_TRY(plo_openvino_find_output(ports, l->card->output.name, &m->output, err));
    return plo_openvino_check_output(&ports->outputs[m->output], l->card, err);
}

static int import_blob(void **model, const struct plo_engine_load *l, const void *blob, size_t size,
                       struct pipilo_error *err)
{
    struct loaded *m = NULL;
    if (strcmp(l->device, "CPU") != 0)
        return plo_fail(err, PIPILO_EENGINE, "only what the CPU runs is kept");
    PLO_TRY(create_loaded(&m, l, err));
    struct plo_engine_ports *ports = plo_alloc0(1, sizeof *ports);
    int code = ports != NULL ? import_into(m, ports, l, blob, size, err)
                             : plo_fail_nomem(err, sizeof *ports);
    plo_free(ports);
    if (code == 0)
        *model = m;
    else
        unload(m);
    return code;
}

// --- running -------------------------------------------------------------------------------------

static int request_create(void **request, void *model, struct pipilo_error *err)
{
    const struct loaded *m = model;
    struct request *r = plo_alloc0(1, sizeof *r);
    if (r == NULL)
        return plo_fail_nomem(err, sizeof *r);
    r->model = m;
    plo_fork_gate_enter();
    ov_status_e status = plo_ov.request_create(m->compiled, &r->request);
    plo_fork_gate_leave();
    if (status != OK) {
        plo_free(r);
        return plo_openvino_fail(err, PIPILO_EENGINE, status,
                                 "OpenVINO gives no inference request");
    }
    *request = r;
    return 0;
}

static void request_destroy(void *request)
{
    struct request *r = request;
    if (r->output != NULL)
        plo_ov.tensor_free(r->output);
    plo_fork_gate_enter();
    plo_ov.request_free(r->request);
    plo_fork_gate_leave();
    plo_free(r);
}

static int take_output(struct request *r, struct plo_engine_output *out, struct pipilo_error *err)
{
    if (r->output != NULL)
        plo_ov.tensor_free(r->output);
    r->output = NULL;
    ov_shape_t shape = { 0 };
    void *data = NULL;
    size_t bytes = 0;
    ov_status_e status = plo_ov.get_output(r->request, r->model->output, &r->output);
    if (status == OK)
        status = plo_ov.tensor_data(r->output, &data);
    if (status == OK)
        status = plo_ov.tensor_bytes(r->output, &bytes);
    if (status == OK)
        status = plo_ov.tensor_shape(r->output, &shape);
    if (status != OK)
        return plo_openvino_fail(err, PIPILO_EENGINE, status, "OpenVINO gives no output");
    *out = (struct plo_engine_output){ .data = data };
    size_t floats = 1;
    if (shape.rank <= PLO_ENGINE_DIMENSIONS)
        out->count = (size_t)shape.rank;
    for (size_t i = 0; i < out->count; i++) {
        out->shape[i] = (size_t)shape.dims[i];
        floats *= out->shape[i];
    }
    plo_ov.shape_free(&shape);
    if (out->count == 0 || floats * sizeof(float) != bytes)
        return plo_fail(err, PIPILO_EMODEL,
                        "the model's output %zu is %zu bytes for %zu numbers of float32, the only "
                        "type read: export it with a float32 output",
                        r->model->output, bytes, floats);
    return 0;
}

static int infer(void *request, float *input, struct plo_engine_output *out,
                 struct pipilo_error *err)
{
    struct request *r = request;
    ov_tensor_t *tensor = NULL;
    // The request reads the caller's own memory: no copy of a picture is made.
    int64_t dims[4];
    memcpy(dims, r->model->input_shape, sizeof dims);
    ov_status_e status = plo_ov.tensor_create(F32, (ov_shape_t){ 4, dims }, input, &tensor);
    if (status == OK)
        status = plo_ov.set_input(r->request, 0, tensor);
    plo_fork_gate_enter();
    if (status == OK)
        status = plo_ov.infer(r->request);
    plo_fork_gate_leave();
    if (tensor != NULL)
        plo_ov.tensor_free(tensor);
    if (status != OK)
        return plo_openvino_fail(err, PIPILO_EENGINE, status, "inference failed");
    return take_output(r, out, err);
}

const struct plo_engine plo_engine_openvino = {
    .name = "openvino",
    .set_folder = plo_openvino_look_in,
    .devices = devices,
    .has_bf16 = has_bf16,
    .version = plo_openvino_version,
    .need = need,
    .inspect = inspect,
    .load = load,
    .unload = unload,
    .export_blob = export_blob,
    .import_blob = import_blob,
    .request_create = request_create,
    .request_destroy = request_destroy,
    .infer = infer,
};
