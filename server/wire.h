// wire.h: values of pipelines as JSON, both ways, in Towhee's wire form: a tensor is {"_NP": true,
// "dtype": 1..11, "data": nested}, Empty is {"_EMP": true}. Threads: any.
#ifndef SERVER_WIRE_H
#define SERVER_WIRE_H

#include <pipilo/pipilo.h>

#include "json.h"
#include "text.h"

// A value from a request: numbers, true, false, null, arrays, tensors, and pictures in the shapes
// that POST /v1/embeddings takes. A string that is no picture is refused: it would be a path to an
// operator, and no path of a request is opened. Errors: PIPILO_EINVALID, PIPILO_ENOMEM.
int wire_read(pipilo_value **out, const struct json *node, struct pipilo_error *err);

// Appends a value; what has no form of its own (a picture, an object) as pipilo_value_to_json does.
void wire_write(struct text *text, const pipilo_value *value);

#endif
