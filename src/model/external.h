// external.h: the files an ONNX model keeps its weights in beside itself. A model may not read
// outside its own folder.
// Threads: any.
#ifndef PLO_MODEL_EXTERNAL_H
#define PLO_MODEL_EXTERNAL_H

#include <stddef.h>

#include <pipilo/error.h>

enum { PLO_EXTERNAL_FILES = 64, PLO_EXTERNAL_NAME = 256 };

struct plo_external {
    size_t count;
    char names[PLO_EXTERNAL_FILES][PLO_EXTERNAL_NAME]; // relative to the model's folder, each once
};

// Finds them by reading the protobuf's structure, not its tensors: a 300 MB model takes
// milliseconds. Errors: PIPILO_EMODEL for a file that is no ONNX model, that names a path which is
// absolute or has "..", or that names more than 64 files; for one of these that is no regular file,
// or that lies, all links followed, outside the folder the model is named in; PIPILO_ENOTFOUND for
// one that is missing; PIPILO_EIO.
int plo_external_find(struct plo_external *out, const char *onnx, struct pipilo_error *err);

// The same without looking at the files it names.
int plo_external_names(struct plo_external *out, const char *onnx, struct pipilo_error *err);

#endif
