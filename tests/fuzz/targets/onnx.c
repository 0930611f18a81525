// onnx.c: the walk over an ONNX file for the files it names: none outside of its folder.
#include <string.h>

#include "fuzz.h"
#include "model/external.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct plo_external found;
    struct pipilo_error err = { 0 };
    fuzz_enter();
    fuzz_put("model.onnx", data, size);
    if (fuzz_result(plo_external_names(&found, "model.onnx", &err), &err) < 0)
        return 0;
    fuzz_require(found.count <= PLO_EXTERNAL_FILES, "no more files than there may be");
    for (size_t i = 0; i < found.count; i++) {
        const char *name = found.names[i];
        fuzz_require(memchr(name, '\0', PLO_EXTERNAL_NAME) != NULL && name[0] != '\0', "a name");
        fuzz_require(name[0] != '/' && strcmp(name, "..") != 0 && strncmp(name, "../", 3) != 0 &&
                         strstr(name, "/../") == NULL,
                     "inside the folder");
    }
    (void)fuzz_result(plo_external_find(&found, "model.onnx", &err), &err);
    return 0;
}
