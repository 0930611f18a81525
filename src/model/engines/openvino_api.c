// openvino_api.c: OpenVINO's functions, opened at first use, and its cores (see openvino_api.h).
#include "model/engines/openvino_api.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "core/fail.h"
#include "model/engines/fork_gate.h"
#include "model/engines/openvino_library.h"

struct plo_openvino_functions plo_ov;

#define SYMBOL(slot, name)                  \
    {                                       \
        name, (void **)(void *)&plo_ov.slot \
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
static ov_core_t *core;                                  // the shared one
static pid_t core_pid;                                   // a core does not survive fork()
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
        if (plo_ov.tensor_create(types[i], (ov_shape_t){ 1, dims }, &place, &tensor) == OK)
            plo_ov.tensor_bytes(tensor, &bytes);
        if (tensor != NULL)
            plo_ov.tensor_free(tensor);
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

int plo_openvino_look_in(const char *folder, struct pipilo_error *err)
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
    if (plo_ov.get_version(&version) == OK)
        snprintf(version_text, sizeof version_text, "%s", version.buildNumber);
    plo_ov.version_free(&version);
    if (!same_numbers())
        return plo_fail(err, PIPILO_EENGINE,
                        "OpenVINO %s is of a version whose element types are numbered otherwise",
                        version_text);
    pthread_atfork(NULL, NULL, after_fork);
    opened = true;
    return 0;
}

int plo_openvino_fail(struct pipilo_error *err, int code, ov_status_e status, const char *what)
{
    const char *text = plo_ov.last_error();
    const char *general = plo_ov.error_info(status);
    // The first lines of OpenVINO's messages are places in its own source.
    const char *said = text != NULL && *text != '\0' ? text : general;
    plo_fail(err, code, "%s: %s", what, said);
    if (text != NULL)
        plo_ov.text_free(text);
    return code;
}

static int create_core(ov_core_t **out, struct pipilo_error *err)
{
    plo_fork_gate_enter();
    ov_status_e status = plo_ov.core_create(out);
    plo_fork_gate_leave();
    if (status != OK)
        return plo_openvino_fail(err, PIPILO_EENGINE, status, "OpenVINO does not start");
    // Weights beside a model would stay mapped as long as it: whoever cut their file would end the
    // process, whoever wrote to it would change vectors.
    status = plo_ov.core_set(*out, "", "ENABLE_MMAP", "NO");
    if (status == OK)
        return 0;
    plo_ov.core_free(*out);
    *out = NULL;
    return plo_openvino_fail(err, PIPILO_EENGINE, status, "OpenVINO does not start");
}

int plo_openvino_shared_core(ov_core_t **out, struct pipilo_error *err)
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
int plo_openvino_own_core(ov_core_t **out, struct pipilo_error *err)
{
    *out = NULL;
    pthread_mutex_lock(&lock);
    int code = opened ? 0 : open_library(err);
    pthread_mutex_unlock(&lock);
    return code == 0 ? create_core(out, err) : code;
}

const char *plo_openvino_version(void)
{
    pthread_mutex_lock(&lock);
    if (!opened)
        (void)open_library(NULL);
    pthread_mutex_unlock(&lock);
    return version_text;
}
