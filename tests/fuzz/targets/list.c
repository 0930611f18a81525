// list.c: a list of names, as --files-from reads it.
#include <string.h>

#include "fuzz.h"
#include "source/parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pipilo_error err = { 0 };
    struct plo_list *list = NULL;
    const char *name = NULL;
    bool cut = false;
    size_t length = 0;
    fuzz_enter();
    fuzz_put("list", data, size);
    fuzz_require(plo_list_open(&list, "list", &err) == 0, "a list can be opened");
    int result = 0;
    while ((result = plo_list_next(list, &name, &cut, &err)) > 0) {
        fuzz_require(strlen(name) <= PLO_SOURCE_NAME_LIMIT, "a name has its limit");
        length += strlen(name);
    }
    fuzz_require(fuzz_result(result, &err) == 0, "a file is read to its end");
    fuzz_require(length <= size, "no name is made up");
    plo_list_close(list);
    return 0;
}
