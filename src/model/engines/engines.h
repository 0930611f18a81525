// engines.h: the engines there are; engine.c lists them.
#ifndef PLO_MODEL_ENGINES_H
#define PLO_MODEL_ENGINES_H

#include "model/engine.h"

extern const struct plo_engine plo_engine_openvino; // CPU and other devices by OpenVINO's C API
extern const struct plo_engine plo_engine_null;     // plain C, for tests and sanitizers

#endif
