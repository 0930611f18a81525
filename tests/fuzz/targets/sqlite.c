// sqlite.c: a store that is one SQLite file.
#include "fuzz.h"
#include "store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_enter();
    fuzz_clear();
    fuzz_put("s.db", data, size);
    fuzz_store("s.db");
    return 0;
}
