// openvino.c: OpenVINO behind engine.h, through its C API, opened at first use. It reads ONNX
// itself.
//
// Every model is compiled with a fixed batch: a dynamic one keeps memory for each size it ever saw.
// Precision is always asked for by name, because the default is bf16 where the CPU has it, and
// cores are never pinned, because two processes would pin to the same one.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openvino/c/openvino.h>

#include "base/cores.h"
#include "core/fail.h"
#include "model/engines/engines.h"
#include "model/engines/fork_gate.h"
#include "model/engines/openvino_library.h"
#include "model/pooling.h"

// --- the library and its cores -------------------------------------------------------------------

static struct {
    ov_status_e (*get_version)(ov_version_t *);
    void (*version_free)(ov_version_t *);
    const char *(*error_info)(ov_status_e);
    const char *(*last_error)(void);
    void (*text_free)(const char *);
    ov_status_e (*core_create)(ov_core_t **);
    void (*core_free)(ov_core_t *);
    ov_status_e (*core_devices)(const ov_core_t *, ov_available_devices_t *);
    void (*devices_free)(ov_available_devices_t *);
    ov_status_e (*core_property)(const ov_core_t *, const char *, const char *, char **);
    ov_status_e (*core_set)(const ov_core_t *, const char *, ...);
    ov_status_e (*core_import)(const ov_core_t *, const char *, size_t, const char *,
                               ov_compiled_model_t **);
    ov_status_e (*read_model)(const ov_core_t *, const char *, const char *, ov_model_t **);
    ov_status_e (*compile)(const ov_core_t *, const ov_model_t *, const char *, size_t,
                           ov_compiled_model_t **, ...);
    void (*model_free)(ov_model_t *);
    ov_status_e (*inputs_size)(const ov_model_t *, size_t *);
    ov_status_e (*outputs_size)(const ov_model_t *, size_t *);
    ov_status_e (*input_at)(const ov_model_t *, size_t, ov_output_const_port_t **);
    ov_status_e (*output_at)(const ov_model_t *, size_t, ov_output_const_port_t **);
    ov_status_e (*reshape)(const ov_model_t *, const ov_partial_shape_t);
    ov_status_e (*port_name)(const ov_output_const_port_t *, char **);
    ov_status_e (*port_shape)(const ov_output_const_port_t *, ov_partial_shape_t *);
    ov_status_e (*port_type)(const ov_output_const_port_t *, ov_element_type_e *);
    void (*port_free)(ov_output_const_port_t *);
    ov_status_e (*shape_static)(int64_t, const int64_t *, ov_partial_shape_t *);
    void (*partial_shape_free)(ov_partial_shape_t *);
    void (*compiled_free)(ov_compiled_model_t *);
    ov_status_e (*compiled_export)(const ov_compiled_model_t *, const char *);
    ov_status_e (*compiled_property)(const ov_compiled_model_t *, const char *, char **);
    ov_status_e (*compiled_inputs)(const ov_compiled_model_t *, size_t *);
    ov_status_e (*compiled_outputs)(const ov_compiled_model_t *, size_t *);
    ov_status_e (*compiled_input_at)(const ov_compiled_model_t *, size_t,
                                     ov_output_const_port_t **);
    ov_status_e (*compiled_output_at)(const ov_compiled_model_t *, size_t,
                                      ov_output_const_port_t **);
    ov_status_e (*request_create)(const ov_compiled_model_t *, ov_infer_request_t **);
    void (*request_free)(ov_infer_request_t *);
    ov_status_e (*set_input)(ov_infer_request_t *, size_t, const ov_tensor_t *);
    ov_status_e (*get_output)(const ov_infer_request_t *, size_t, ov_tensor_t **);
    ov_status_e (*infer)(ov_infer_request_t *);
    ov_status_e (*tensor_create)(ov_element_type_e, const ov_shape_t, void *, ov_tensor_t **);
    ov_status_e (*tensor_shape)(const ov_tensor_t *, ov_shape_t *);
    ov_status_e (*tensor_bytes)(const ov_tensor_t *, size_t *);
    ov_status_e (*tensor_data)(const ov_tensor_t *, void **);
    void (*tensor_free)(ov_tensor_t *);
    ov_status_e (*shape_free)(ov_shape_t *);
} ov;

#define SYMBOL(slot, name)              \
    {                                   \
        name, (void **)(void *)&ov.slot \
    }

static const struct plo_dynlib_symbol symbols[] = {
    SYMBOL(get_version, "ov_get_openvino_version"),
    SYMBOL(version_free, "ov_version_free"),
    SYMBOL(error_info, "ov_get_error_info"),
    SYMBOL(last_error, "ov_get_last_err_msg"),
    SYMBOL(text_free, "ov_free"),
    SYMBOL(core_create, "ov_core_create"),
    SYMBOL(core_free, "ov_core_free"),
    SYMBOL(core_devices, "ov_core_get_available_devices"),
    SYMBOL(devices_free, "ov_available_devices_free"),
    SYMBOL(core_property, "ov_core_get_property"),
    SYMBOL(core_set, "ov_core_set_property"),
    SYMBOL(core_import, "ov_core_import_model"),
    SYMBOL(read_model, "ov_core_read_model"),
    SYMBOL(compile, "ov_core_compile_model"),
    SYMBOL(model_free, "ov_model_free"),
    SYMBOL(inputs_size, "ov_model_inputs_size"),
    SYMBOL(outputs_size, "ov_model_outputs_size"),
    SYMBOL(input_at, "ov_model_const_input_by_index"),
    SYMBOL(output_at, "ov_model_const_output_by_index"),
    SYMBOL(reshape, "ov_model_reshape_single_input"),
    SYMBOL(port_name, "ov_port_get_any_name"),
    SYMBOL(port_shape, "ov_port_get_partial_shape"),
    SYMBOL(port_type, "ov_port_get_element_type"),
    SYMBOL(port_free, "ov_output_const_port_free"),
    SYMBOL(shape_static, "ov_partial_shape_create_static"),
    SYMBOL(partial_shape_free, "ov_partial_shape_free"),
    SYMBOL(compiled_free, "ov_compiled_model_free"),
    SYMBOL(compiled_export, "ov_compiled_model_export_model"),
    SYMBOL(compiled_property, "ov_compiled_model_get_property"),
    SYMBOL(compiled_inputs, "ov_compiled_model_inputs_size"),
    SYMBOL(compiled_outputs, "ov_compiled_model_outputs_size"),
    SYMBOL(compiled_input_at, "ov_compiled_model_input_by_index"),
    SYMBOL(compiled_output_at, "ov_compiled_model_output_by_index"),
    SYMBOL(request_create, "ov_compiled_model_create_infer_request"),
    SYMBOL(request_free, "ov_infer_request_free"),
    SYMBOL(set_input, "ov_infer_request_set_input_tensor_by_index"),
    SYMBOL(get_output, "ov_infer_request_get_output_tensor_by_index"),
    SYMBOL(infer, "ov_infer_request_infer"),
    SYMBOL(tensor_create, "ov_tensor_create_from_host_ptr"),
    SYMBOL(tensor_shape, "ov_tensor_get_shape"),
    SYMBOL(tensor_bytes, "ov_tensor_get_byte_size"),
    SYMBOL(tensor_data, "ov_tensor_data"),
    SYMBOL(tensor_free, "ov_tensor_free"),
    SYMBOL(shape_free, "ov_shape_free"),
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; // guards what follows
static ov_core_t *core; // for questions; a model has one of its own
static pid_t core_pid;  // a core does not survive fork()
static bool opened;
static char version_text[96];

// The numbers of the element types changed between versions; a wrong one would read as noise.
static bool same_numbers(void)
{
    double place = 0;
    int64_t dims[] = { 1 };
    const ov_element_type_e types[] = { F32, F64 };
    const size_t sizes[] = { 4, 8 };
    for (size_t i = 0; i < 2; i++) {
        ov_tensor_t *tensor = NULL;
        size_t bytes = 0;
        if (ov.tensor_create(types[i], (ov_shape_t){ 1, dims }, &place, &tensor) == OK)
            ov.tensor_bytes(tensor, &bytes);
        if (tensor != NULL)
            ov.tensor_free(tensor);
        if (bytes != sizes[i])
            return false;
    }
    return true;
}

// In a child of fork() the lock may be held by a thread that is not there.
static void after_fork(void)
{
    lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
}

static int set_folder(const char *folder, struct pipilo_error *err)
{
    pthread_mutex_lock(&lock);
    int code = plo_openvino_set_folder(folder, err);
    pthread_mutex_unlock(&lock);
    return code;
}

static int open_library(struct pipilo_error *err)
{
    PLO_TRY(plo_openvino_open(symbols, PLO_COUNT(symbols), err));
    ov_version_t version = { 0 };
    if (ov.get_version(&version) == OK)
        snprintf(version_text, sizeof version_text, "%s", version.buildNumber);
    ov.version_free(&version);
    if (!same_numbers())
        return plo_fail(err, PIPILO_EENGINE,
                        "OpenVINO %s is of a version whose element types are numbered otherwise",
                        version_text);
    pthread_atfork(NULL, NULL, after_fork);
    opened = true;
    return 0;
}

static int fail_status(struct pipilo_error *err, int code, ov_status_e status, const char *what)
{
    const char *text = ov.last_error();
    const char *general = ov.error_info(status);
    // The first lines of OpenVINO's messages are places in its own source.
    const char *said = text != NULL && *text != '\0' ? text : general;
    plo_fail(err, code, "%s: %s", what, said);
    if (text != NULL)
        ov.text_free(text);
    return code;
}

static int create_core(ov_core_t **out, struct pipilo_error *err)
{
    plo_fork_gate_enter();
    ov_status_e status = ov.core_create(out);
    plo_fork_gate_leave();
    if (status != OK)
        return fail_status(err, PIPILO_EENGINE, status, "OpenVINO does not start");
    // Weights beside a model would stay mapped as long as it: whoever cut their file would end the
    // process, whoever wrote to it would change vectors.
    status = ov.core_set(*out, "", "ENABLE_MMAP", "NO");
    if (status == OK)
        return 0;
    ov.core_free(*out);
    *out = NULL;
    return fail_status(err, PIPILO_EENGINE, status, "OpenVINO does not start");
}

static int get_core(ov_core_t **out, struct pipilo_error *err)
{
    int code = 0;
    pthread_mutex_lock(&lock);
    if (!opened)
        code = open_library(err);
    if (code == 0 && (core == NULL || core_pid != getpid())) {
        core = NULL;
        code = create_core(&core, err);
        core_pid = getpid();
    }
    *out = core;
    pthread_mutex_unlock(&lock);
    return code;
}

// OpenVINO keeps a dropped model's threads for the next of its layout, until the core it was of is
// freed. In a child of fork() they are not there, and a model that got them would wait for them for
// good. So each model has a core of its own: less than a millisecond, and nothing stays behind it.
static int get_own_core(ov_core_t **out, struct pipilo_error *err)
{
    *out = NULL;
    pthread_mutex_lock(&lock);
    int code = opened ? 0 : open_library(err);
    pthread_mutex_unlock(&lock);
    return code == 0 ? create_core(out, err) : code;
}

// --- what there is -------------------------------------------------------------------------------

static int devices(char *out, size_t out_size, struct pipilo_error *err)
{
    ov_core_t *c;
    PLO_TRY(get_core(&c, err));
    ov_available_devices_t all = { 0 };
    ov_status_e status = ov.core_devices(c, &all);
    if (status != OK)
        return fail_status(err, PIPILO_EENGINE, status, "OpenVINO lists no devices");
    size_t used = 0;
    *out = '\0';
    for (size_t i = 0; i < all.size && used < out_size; i++)
        used += (size_t)snprintf(out + used, out_size - used, "%s%s", i > 0 ? ", " : "",
                                 all.devices[i]);
    ov.devices_free(&all);
    return 0;
}

// A core's first question to a device opens the library of its plug-in.
static ov_status_e ask_device(ov_core_t *c, const char *device, const char *key, char **text)
{
    plo_fork_gate_enter();
    ov_status_e status = ov.core_property(c, device, key, text);
    plo_fork_gate_leave();
    return status;
}

static bool has_bf16(const char *device)
{
    ov_core_t *c;
    char *text = NULL;
    if (get_core(&c, NULL) < 0 || ask_device(c, device, "OPTIMIZATION_CAPABILITIES", &text) != OK)
        return false;
    bool has = strstr(text, "BF16") != NULL;
    ov.text_free(text);
    return has;
}

static const char *version(void)
{
    pthread_mutex_lock(&lock);
    if (!opened)
        (void)open_library(NULL);
    pthread_mutex_unlock(&lock);
    return version_text;
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
        ov.text_free(text);
        return 0;
    }
    char all[256];
    PLO_TRY(devices(all, sizeof all, err));
    return plo_fail(err, PIPILO_ENOTFOUND, "there is no device '%s'; there is %s", device, all);
}

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

static void describe(struct plo_engine_port *out, const ov_output_const_port_t *port)
{
    *out = (struct plo_engine_port){ 0 };
    char *name = NULL;
    if (ov.port_name(port, &name) == OK && name != NULL) {
        snprintf(out->name, sizeof out->name, "%s", name);
        ov.text_free(name);
    }
    ov_element_type_e type = DYNAMIC;
    ov.port_type(port, &type);
    snprintf(out->dtype, sizeof out->dtype, "%s", type_name(type));
    ov_partial_shape_t shape = { 0 };
    if (ov.port_shape(port, &shape) != OK)
        return;
    if (shape.rank.min == shape.rank.max && shape.rank.min <= PLO_ENGINE_DIMENSIONS)
        out->count = (size_t)shape.rank.min;
    for (size_t i = 0; i < out->count; i++)
        out->shape[i] = shape.dims[i].min == shape.dims[i].max ? shape.dims[i].min : -1;
    ov.partial_shape_free(&shape);
}

static void describe_all(struct plo_engine_ports *out, const ov_model_t *model)
{
    *out = (struct plo_engine_ports){ 0 };
    ov.inputs_size(model, &out->input_count);
    ov.outputs_size(model, &out->output_count);
    for (size_t i = 0; i < PLO_ENGINE_PORTS; i++) {
        ov_output_const_port_t *port = NULL;
        if (i < out->input_count && ov.input_at(model, i, &port) == OK) {
            describe(&out->inputs[i], port);
            ov.port_free(port);
        }
        if (i < out->output_count && ov.output_at(model, i, &port) == OK) {
            describe(&out->outputs[i], port);
            ov.port_free(port);
        }
    }
}

static int read_file(ov_model_t **out, ov_core_t *c, const char *path, struct pipilo_error *err)
{
    plo_fork_gate_enter();
    ov_status_e status = ov.read_model(c, path, NULL, out);
    plo_fork_gate_leave();
    if (status == OK)
        return 0;
    char what[200];
    snprintf(what, sizeof what, "OpenVINO cannot read %.160s", path);
    return fail_status(err, PIPILO_EMODEL, status, what);
}

static int fix_shape(const ov_model_t *model, const int64_t *sizes, struct pipilo_error *err)
{
    ov_partial_shape_t shape = { 0 };
    ov_status_e status = ov.shape_static(4, sizes, &shape);
    if (status == OK) {
        status = ov.reshape(model, shape);
        ov.partial_shape_free(&shape);
    }
    if (status == OK)
        return 0;
    char what[128];
    snprintf(what, sizeof what, "the model does not take f32 [%lld, %lld, %lld, %lld]",
             (long long)sizes[0], (long long)sizes[1], (long long)sizes[2], (long long)sizes[3]);
    return fail_status(err, PIPILO_EMODEL, status, what);
}

static int inspect(struct plo_engine_ports *out, const char *path, const int64_t *shape,
                   struct pipilo_error *err)
{
    ov_core_t *c;
    ov_model_t *model = NULL;
    PLO_TRY(get_core(&c, err));
    PLO_TRY(read_file(&model, c, path, err));
    int code = shape != NULL ? fix_shape(model, shape, err) : 0;
    if (code == 0)
        describe_all(out, model);
    ov.model_free(model);
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

static int check_input(const struct plo_engine_ports *ports, const struct plo_engine_load *l,
                       struct loaded *m, struct pipilo_error *err)
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
    memcpy(m->input_shape, wanted, sizeof wanted);
    bool fits = strcmp(port->dtype, "f32") == 0 && (port->count == 4 || port->count == 0);
    for (size_t i = 1; fits && i < port->count; i++)
        fits = port->shape[i] < 0 || port->shape[i] == wanted[i];
    if (!fits)
        return plo_fail(err, PIPILO_EMODEL,
                        "input '%s' is %s, the card gives f32 [n, %lld, %lld, %lld]", port->name,
                        text, (long long)wanted[1], (long long)wanted[2], (long long)wanted[3]);
    return 0;
}

static int find_output(const struct plo_engine_ports *ports, const char *name, size_t *out,
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

// Before the work of compiling, where the shape is known without running.
static int check_output(const struct plo_engine_port *output, const struct plo_card *card,
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

// The output as it is with the input's shape fixed.
static int check_model_output(const ov_model_t *model, const struct loaded *m,
                              const struct plo_card *card, struct pipilo_error *err)
{
    ov_output_const_port_t *port = NULL;
    struct plo_engine_port output = { 0 };
    if (ov.output_at(model, m->output, &port) != OK)
        return plo_fail(err, PIPILO_EENGINE, "OpenVINO does not describe the output");
    describe(&output, port);
    ov.port_free(port);
    return check_output(&output, card, err);
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
        status = ov.compile(m->core, model, l->device, 8, &m->compiled, "INFERENCE_PRECISION_HINT",
                            layout.precision, "NUM_STREAMS", layout.streams,
                            "INFERENCE_NUM_THREADS", layout.threads, "ENABLE_CPU_PINNING", "NO");
    else
        status = ov.compile(m->core, model, l->device, 4, &m->compiled, "INFERENCE_PRECISION_HINT",
                            layout.precision, "NUM_STREAMS", layout.streams);
    plo_fork_gate_leave();
    if (status != OK)
        return fail_status(err, PIPILO_EENGINE, status, "OpenVINO cannot compile the model");
    return 0;
}

static void unload(void *model)
{
    struct loaded *m = model;
    if (m == NULL)
        return;
    plo_fork_gate_enter();
    if (m->compiled != NULL)
        ov.compiled_free(m->compiled);
    if (m->core != NULL)
        ov.core_free(m->core);
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
    int code = get_own_core(&m->core, err);
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
    describe_all(ports, file);
    int code = check_input(ports, l, m, err);
    if (code == 0)
        code = find_output(ports, l->card->output.name, &m->output, err);
    if (code == 0)
        code = fix_shape(file, m->input_shape, err);
    if (code == 0)
        code = check_model_output(file, m, l->card, err);
    if (code == 0)
        code = compile(m, file, l, err);
    ov.model_free(file);
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
    ov_status_e status = ov.compiled_export(m->compiled, path);
    plo_fork_gate_leave();
    return status == OK ? 0 : fail_status(err, PIPILO_EENGINE, status, "OpenVINO keeps nothing");
}

static void describe_compiled(struct plo_engine_ports *out, const ov_compiled_model_t *compiled)
{
    *out = (struct plo_engine_ports){ 0 };
    ov.compiled_inputs(compiled, &out->input_count);
    ov.compiled_outputs(compiled, &out->output_count);
    for (size_t i = 0; i < PLO_ENGINE_PORTS; i++) {
        ov_output_const_port_t *port = NULL;
        if (i < out->input_count && ov.compiled_input_at(compiled, i, &port) == OK) {
            describe(&out->inputs[i], port);
            ov.port_free(port);
        }
        if (i < out->output_count && ov.compiled_output_at(compiled, i, &port) == OK) {
            describe(&out->outputs[i], port);
            ov.port_free(port);
        }
    }
}

static bool has_property(const struct loaded *m, const char *key, const char *wanted)
{
    char *text = NULL;
    if (ov.compiled_property(m->compiled, key, &text) != OK)
        return false;
    bool same = strcmp(text, wanted) == 0;
    ov.text_free(text);
    return same;
}

// Where there are fewer cores the engine makes fewer streams and threads than it is asked for.
static bool has_number(const struct loaded *m, const char *key, int wanted)
{
    char *text = NULL;
    if (ov.compiled_property(m->compiled, key, &text) != OK)
        return false;
    long number = strtol(text, NULL, 10);
    ov.text_free(text);
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
        status = ov.core_set(m->core, l->device, properties[i][0], properties[i][1]);
    if (status == OK)
        status = ov.core_import(m->core, blob, size, l->device, &m->compiled);
    plo_fork_gate_leave();
    if (status != OK)
        return fail_status(err, PIPILO_EENGINE, status, "OpenVINO does not take what it gave");
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
    describe_compiled(ports, m->compiled);
    PLO_TRY(check_input(ports, l, m, err));
    PLO_TRY(find_output(ports, l->card->output.name, &m->output, err));
    return check_output(&ports->outputs[m->output], l->card, err);
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
    ov_status_e status = ov.request_create(m->compiled, &r->request);
    plo_fork_gate_leave();
    if (status != OK) {
        plo_free(r);
        return fail_status(err, PIPILO_EENGINE, status, "OpenVINO gives no inference request");
    }
    *request = r;
    return 0;
}

static void request_destroy(void *request)
{
    struct request *r = request;
    if (r->output != NULL)
        ov.tensor_free(r->output);
    plo_fork_gate_enter();
    ov.request_free(r->request);
    plo_fork_gate_leave();
    plo_free(r);
}

static int take_output(struct request *r, struct plo_engine_output *out, struct pipilo_error *err)
{
    if (r->output != NULL)
        ov.tensor_free(r->output);
    r->output = NULL;
    ov_shape_t shape = { 0 };
    void *data = NULL;
    size_t bytes = 0;
    ov_status_e status = ov.get_output(r->request, r->model->output, &r->output);
    if (status == OK)
        status = ov.tensor_data(r->output, &data);
    if (status == OK)
        status = ov.tensor_bytes(r->output, &bytes);
    if (status == OK)
        status = ov.tensor_shape(r->output, &shape);
    if (status != OK)
        return fail_status(err, PIPILO_EENGINE, status, "OpenVINO gives no output");
    *out = (struct plo_engine_output){ .data = data };
    size_t floats = 1;
    if (shape.rank <= PLO_ENGINE_DIMENSIONS)
        out->count = (size_t)shape.rank;
    for (size_t i = 0; i < out->count; i++) {
        out->shape[i] = (size_t)shape.dims[i];
        floats *= out->shape[i];
    }
    ov.shape_free(&shape);
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
    ov_status_e status = ov.tensor_create(F32, (ov_shape_t){ 4, dims }, input, &tensor);
    if (status == OK)
        status = ov.set_input(r->request, 0, tensor);
    plo_fork_gate_enter();
    if (status == OK)
        status = ov.infer(r->request);
    plo_fork_gate_leave();
    if (tensor != NULL)
        ov.tensor_free(tensor);
    if (status != OK)
        return fail_status(err, PIPILO_EENGINE, status, "inference failed");
    return take_output(r, out, err);
}

const struct plo_engine plo_engine_openvino = {
    .name = "openvino",
    .set_folder = set_folder,
    .devices = devices,
    .has_bf16 = has_bf16,
    .version = version,
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
