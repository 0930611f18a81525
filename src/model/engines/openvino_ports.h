// openvino_ports.h: the inputs and outputs of a model that OpenVINO has read, and whether they are
// those of its card.
//
// Threads: any.
#ifndef PLO_MODEL_ENGINES_OPENVINO_PORTS_H
#define PLO_MODEL_ENGINES_OPENVINO_PORTS_H

#include "model/engine.h"

// Opaque names keep OpenVINO's header out of this one.
struct ov_model;
struct ov_compiled_model;
struct ov_output_const_port;

// What OpenVINO does not say stays empty.
void plo_openvino_describe_port(struct plo_engine_port *out,
                                const struct ov_output_const_port *port);
void plo_openvino_describe_model(struct plo_engine_ports *out, const struct ov_model *model);
void plo_openvino_describe_compiled(struct plo_engine_ports *out,
                                    const struct ov_compiled_model *compiled);

// The four sizes that the one input is to have, from the card and the batch, into `shape`. Errors:
// PIPILO_EMODEL where the model takes no such input.
int plo_openvino_check_input(const struct plo_engine_ports *ports,
                             const struct plo_engine_load *load, int64_t *shape,
                             struct pipilo_error *err);

// The index of the output `name`. Errors: PIPILO_EMODEL with those there are.
int plo_openvino_find_output(const struct plo_engine_ports *ports, const char *name, size_t *out,
                             struct pipilo_error *err);

// Whether the card's vector comes of such an output, as far as its shape is known without running.
// Errors: PIPILO_EMODEL.
int plo_openvino_check_output(const struct plo_engine_port *output, const struct plo_card *card,
                              struct pipilo_error *err);

#endif
