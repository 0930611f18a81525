// npy.c: a store of three files: the array, the lines and the meta file, in this order, with a line
// "%%" between.
#include "fuzz.h"
#include "store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = { "s.npy", "s.jsonl", "s.meta.json" };
    struct fuzz_bytes bytes = { data, data + size };
    fuzz_enter();
    fuzz_clear();
    for (size_t i = 0; i < 3; i++) {
        struct fuzz_bytes part = fuzz_part(&bytes);
        fuzz_put(names[i], part.at, (size_t)(part.end - part.at));
    }
    fuzz_store("s.npy");
    return 0;
}
