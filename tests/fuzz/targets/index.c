// index.c: an index file. The first byte says whether the rest is the whole file, or what follows a
// header that fits it: its checksums would else be all that is ever tried.
#include "search/index.h"

#include <string.h>

#include "base/alloc.h"
#include "base/checksum.h"
#include "fuzz.h"

enum { MOST = 16, WIDEST = 8, ROWS = 32 };

// The file whose header fits what is left of the bytes; NULL where that is too short.
static uint8_t *make_file(struct fuzz_bytes *bytes, struct plo_index_store *store, size_t *size)
{
    struct plo_index_sizes sizes = { .count = 1 + fuzz_below(bytes, MOST) };
    sizes.rows = sizes.count + fuzz_below(bytes, ROWS);
    store->dim = 1 + fuzz_below(bytes, WIDEST);
    store->rows = fuzz_take(bytes, 1);
    size_t left = (size_t)(bytes->end - bytes->at);
    size_t vectors = (size_t)plo_index_vectors_size(sizes.count, store->dim);
    size_t numbers = (size_t)(sizes.count + sizes.rows) * sizeof(int64_t);
    if (left < vectors + numbers)
        return NULL;
    sizes.graph = left - vectors - numbers;
    uint8_t *file = plo_alloc(PLO_INDEX_HEADER + left);
    fuzz_require(file != NULL, "there is memory");
    plo_index_header(file, store, &sizes, plo_checksum(bytes->at + vectors, left - vectors));
    memcpy(file + PLO_INDEX_HEADER, bytes->at, left);
    *size = PLO_INDEX_HEADER + left;
    return file;
}

static void search(const struct plo_index *index, const struct plo_index_store *store)
{
    static const float query[WIDEST] = { 0.5f, -0.25f, 0.75f, 1.0f, -1.0f, 0.125f, 0.5f, 2.0f };
    struct pipilo_error err = { 0 };
    int64_t rows[12];
    size_t found = 0;
    int result = plo_index_search(index, query, 12, rows, &found, &err);
    fuzz_require(fuzz_result(result, &err) == 0 && found <= 12, "a search ends");
    for (size_t i = 0; i < found; i++)
        fuzz_require(rows[i] >= 0 && (uint64_t)rows[i] < store->rows, "a row of the store");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pipilo_error err = { 0 };
    struct plo_index_store store = { .fingerprint = "id", .rows = 3, .dim = 4 };
    struct plo_index *index = NULL;
    struct fuzz_bytes bytes = { data, data + size };
    fuzz_enter();
    if (fuzz_take(&bytes, 1) == 'w') {
        fuzz_put("index", bytes.at, (size_t)(bytes.end - bytes.at));
    } else {
        size_t file_size = 0;
        uint8_t *file = make_file(&bytes, &store, &file_size);
        if (file == NULL)
            return -1;
        fuzz_put("index", file, file_size);
        plo_free(file);
    }
    (void)fuzz_result(plo_index_is_one("index", &err), &err);
    if (fuzz_result(plo_index_open(&index, "index", &store, &err), &err) == 0)
        search(index, &store);
    plo_index_close(index);
    return 0;
}
