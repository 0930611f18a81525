// openvino_api.h: OpenVINO's C API as it is once its library is open: the functions, and the cores
// that models are loaded by. The one header that has OpenVINO's types: for openvino*.c alone.
//
// Threads: any.
#ifndef PLO_MODEL_ENGINES_OPENVINO_API_H
#define PLO_MODEL_ENGINES_OPENVINO_API_H

#include <stddef.h>

#include <openvino/c/openvino.h>

#include <pipilo/error.h>

struct plo_openvino_functions {
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
};

// Filled once a core or the version was asked for, and fixed from then on.
extern struct plo_openvino_functions plo_ov;

// A folder where the library is looked for first; copied. Errors: PIPILO_EINVALID for a name too
// long.
int plo_openvino_look_in(const char *folder, struct pipilo_error *err);

// OpenVINO's version, or "" where it cannot be opened; static.
const char *plo_openvino_version(void);

// Says what OpenVINO could not do, and why by its own words; returns `code`.
int plo_openvino_fail(struct pipilo_error *err, int code, ov_status_e status, const char *what);

// The process's core, for questions; not the caller's. Errors: those of plo_openvino_open,
// PIPILO_EENGINE.
int plo_openvino_shared_core(ov_core_t **out, struct pipilo_error *err);

// A new core, for one model: plo_ov.core_free. Errors: as above.
int plo_openvino_own_core(ov_core_t **out, struct pipilo_error *err);

#endif
