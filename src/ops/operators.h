// operators.h: the descriptors of pipilo's own operators, as operators.def lists them.
#ifndef PLO_OPS_OPERATORS_H
#define PLO_OPS_OPERATORS_H

#include <pipilo/sys/op.h>

#define PLO_OPERATOR(name) extern const struct pipilo_operator plo_op_##name;
#include "ops/operators.def"
#undef PLO_OPERATOR

#endif
