// tar.c: an archive as a source of pictures. The first byte says how it is compressed.
#include <string.h>

#include "fuzz.h"
#include "source/source.h"

// An item is a picture's bytes or a failure, and what stands in it is there.
static void look(const struct plo_item *item)
{
    struct pipilo_error err = item->error;
    fuzz_require(item->source != NULL, "an item has a name");
    if (fuzz_result(err.code, &err) == 0)
        fuzz_require(item->bytes != NULL && item->bytes->size == item->size && item->key != NULL,
                     "a picture has its bytes and its key");
    for (size_t i = 0; item->members != NULL && i < item->members->count; i++)
        fuzz_require(item->members->list[i].name != NULL, "a member has a name");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = { "a.tar", "a.tar.gz", "a.tar.bz2", "a.tar.xz",
                                         "a.tar.zst" };
    struct pipilo_error err = { 0 };
    struct plo_source *source = NULL;
    struct plo_item item;
    fuzz_enter();
    struct fuzz_bytes bytes = { data, data + size };
    const char *name = names[fuzz_below(&bytes, 5)];
    fuzz_put(name, bytes.at, (size_t)(bytes.end - bytes.at));
    struct plo_source_options options = { .inputs = &name, .count = 1, .picture_limit = 1 << 20 };
    fuzz_require(plo_source_open(&source, &options, &err) == 0, "a source can be opened");
    int result = 0;
    while ((result = plo_source_next(source, &item, &err)) > 0) {
        look(&item);
        plo_item_reset(&item);
    }
    fuzz_require(fuzz_result(result, &err) == 0, "a damaged archive is an item, no failure");
    plo_source_close(source);
    return 0;
}
