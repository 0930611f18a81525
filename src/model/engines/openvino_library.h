// openvino_library.h: where OpenVINO's C library is, and opening it. Threads: one at
// a time.
#ifndef PLO_MODEL_ENGINES_OPENVINO_LIBRARY_H
#define PLO_MODEL_ENGINES_OPENVINO_LIBRARY_H

#include <stddef.h>

#include <pipilo/error.h>

#include "base/dynlib.h"

// A folder that is looked into first; copied. Errors: PIPILO_EINVALID for a name too long.
int plo_openvino_set_folder(const char *folder, struct pipilo_error *err);

// Fills the symbols from the library in $PIPILO_OPENVINO, in the folder above, beside pipilo, in
// the build's folder, or the system's. Errors: PIPILO_ENOTFOUND saying why, PIPILO_EIO where it
// cannot be looked for (no descriptor left, a folder that may not be read), PIPILO_ENOMEM.
int plo_openvino_open(const struct plo_dynlib_symbol *symbols, size_t count,
                      struct pipilo_error *err);

#endif
