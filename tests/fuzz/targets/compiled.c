// compiled.c: a compiled model's file. Its checksums are made to fit, for who could get past them
// by chance alone would never be seen behind them; the first byte says which are.
#include "model/compiled/compiled_file.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checksum.h"
#include "fuzz.h"

enum { FOOTER = 48, BLOB_SIZE = 8, TEXT_SIZE = 16, BLOB_SUM = 24, TEXT_SUM = 32, OWN_SUM = 40 };

static void put_sum(uint8_t *to, const uint8_t *data, uint64_t size)
{
    uint64_t sum = plo_checksum(data, size);
    memcpy(to, &sum, sizeof sum);
}

// Writes the checksums into the footer that `file` ends with, as far as its sizes lie inside.
static void make_fit(uint8_t *file, size_t size, unsigned which)
{
    uint8_t *footer = file + size - FOOTER;
    uint64_t blob_size = 0, text_size = 0, rest = size - FOOTER;
    memcpy(&blob_size, footer + BLOB_SIZE, sizeof blob_size);
    memcpy(&text_size, footer + TEXT_SIZE, sizeof text_size);
    if ((which & 1) != 0 && blob_size <= rest)
        put_sum(footer + BLOB_SUM, file, blob_size);
    if ((which & 2) != 0 && text_size <= rest)
        put_sum(footer + TEXT_SUM, footer - text_size, text_size);
    if ((which & 4) != 0)
        put_sum(footer + OWN_SUM, footer, OWN_SUM);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct plo_compiled_file file;
    struct fuzz_bytes bytes = { data, data + size };
    char *identity = NULL;
    fuzz_enter();
    unsigned which = fuzz_take(&bytes, 1);
    size_t left = (size_t)(bytes.end - bytes.at);
    uint8_t *copy = plo_memdup(bytes.at, left);
    fuzz_require(copy != NULL, "there is memory");
    if (left >= FOOTER)
        make_fit(copy, left, which);
    fuzz_put("blob", copy, left);
    int result = plo_compiled_file_open(&file, "blob", "identity");
    fuzz_require(result == 0 || result == -EBADMSG || result == -ESTALE, "whole, damaged or stale");
    if (result == 0) {
        fuzz_require(file.blob_size > 0 && file.blob_size < left, "the blob lies in the file");
        fuzz_require(memcmp(file.blob, copy, file.blob_size) == 0, "and is what was written");
        plo_compiled_file_close(&file);
    }
    if (plo_compiled_file_identity("blob", &identity) == 0)
        fuzz_require(strlen(identity) < left, "so does the identity");
    plo_free(identity);
    plo_free(copy);
    return 0;
}
