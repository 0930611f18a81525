// jpeg_memory.c: the functions libjpeg calls for memory, over a worker's buffer (see
// jpeg_memory.h). All pools are one: none outlives the picture.
#include "image/codecs/jpeg_memory.h"

#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "core/fail.h"

enum {
    ALIGN = 64,               // what the library's vector code asks of rows, and more
    FIRST_BUFFER = 96 << 10,  // enough for a picture of 500x375
    LARGEST_BUFFER = 2 << 20, // what scratch keeps, less what it adds
};

struct plo_jpeg_chunk {
    _Alignas(ALIGN) struct plo_jpeg_chunk *next;
};

static struct plo_jpeg_memory *memory_of(j_common_ptr jpeg)
{
    return jpeg->client_data;
}

static void *out_of_memory(j_common_ptr jpeg)
{
    jpeg->err->msg_code = JERR_OUT_OF_MEMORY;
    jpeg->err->msg_parm.i[0] = 0;
    jpeg->err->error_exit(jpeg); // does not come back
    return NULL;
}

static void *take(j_common_ptr jpeg, size_t size)
{
    struct plo_jpeg_memory *memory = memory_of(jpeg);
    if (size > SIZE_MAX / 2)
        return out_of_memory(jpeg);
    size = (size + ALIGN - 1) / ALIGN * ALIGN;
    memory->wanted += size;
    if (size <= memory->size - memory->used) {
        memory->used += size;
        return memory->buffer + memory->used - size;
    }
    struct plo_jpeg_chunk *chunk = plo_alloc_aligned(sizeof *chunk + size);
    if (chunk == NULL)
        return out_of_memory(jpeg);
    chunk->next = memory->beside;
    memory->beside = chunk;
    return chunk + 1;
}

// `rows` rows of `bytes` each, aligned, and the list of them.
static void *take_rows(j_common_ptr jpeg, size_t bytes, size_t rows)
{
    size_t stride = (bytes + ALIGN - 1) / ALIGN * ALIGN, total;
    if (bytes > SIZE_MAX / 2 || __builtin_mul_overflow(stride, rows, &total))
        return out_of_memory(jpeg);
    uint8_t **list = take(jpeg, rows * sizeof *list);
    uint8_t *data = take(jpeg, total);
    for (size_t i = 0; i < rows; i++)
        list[i] = data + i * stride;
    return list;
}

// --- what the library calls ----------------------------------------------------------------------

static void *alloc_block(j_common_ptr jpeg, int pool, size_t size)
{
    (void)pool;
    return take(jpeg, size);
}

static JSAMPARRAY alloc_samples(j_common_ptr jpeg, int pool, JDIMENSION per_row, JDIMENSION rows)
{
    (void)pool;
    return take_rows(jpeg, per_row * sizeof(JSAMPLE), rows);
}

static JBLOCKARRAY alloc_coefficients(j_common_ptr jpeg, int pool, JDIMENSION per_row,
                                      JDIMENSION rows)
{
    (void)pool;
    return take_rows(jpeg, per_row * sizeof(JBLOCK), rows);
}

// An array of coefficients of the whole picture: progressive ones have one a channel.
struct jvirt_barray_control {
    JBLOCKARRAY rows;
    JDIMENSION count, per_row;
    bool zero;
    struct jvirt_barray_control *next;
};

static jvirt_barray_ptr request_coefficients(j_common_ptr jpeg, int pool, boolean zero,
                                             JDIMENSION per_row, JDIMENSION rows,
                                             JDIMENSION at_once)
{
    struct plo_jpeg_memory *memory = memory_of(jpeg);
    struct jvirt_barray_control *array = take(jpeg, sizeof *array);
    (void)pool;
    (void)at_once;
    *array = (struct jvirt_barray_control){
        .count = rows, .per_row = per_row, .zero = zero, .next = memory->arrays
    };
    memory->arrays = array;
    return array;
}

static void realize_arrays(j_common_ptr jpeg)
{
    struct plo_jpeg_memory *memory = memory_of(jpeg);
    for (struct jvirt_barray_control *a = memory->arrays; a != NULL; a = a->next) {
        a->rows = take_rows(jpeg, a->per_row * sizeof(JBLOCK), a->count);
        if (a->zero && a->count > 0)
            memset(a->rows[0], 0, a->per_row * sizeof(JBLOCK) * a->count);
    }
    memory->arrays = NULL;
}

static JBLOCKARRAY access_coefficients(j_common_ptr jpeg, jvirt_barray_ptr array, JDIMENSION first,
                                       JDIMENSION rows, boolean writable)
{
    (void)writable;
    if (array->rows == NULL || first > array->count || rows > array->count - first) {
        jpeg->err->msg_code = JERR_BAD_VIRTUAL_ACCESS;
        jpeg->err->error_exit(jpeg);
    }
    return array->rows + first;
}

static void keep_pool(j_common_ptr jpeg, int pool)
{
    (void)jpeg;
    (void)pool;
}

// --- the frame -----------------------------------------------------------------------------------

int plo_jpeg_memory_init(struct plo_jpeg_memory *memory, void *jpeg,
                         struct plo_image_scratch *scratch, struct pipilo_error *err)
{
    struct jpeg_memory_mgr *manager = ((j_common_ptr)jpeg)->mem;
    size_t size = scratch->codec_bytes > FIRST_BUFFER ? scratch->codec_bytes : FIRST_BUFFER;
    uint8_t *buffer = plo_scratch_get(scratch, PLO_SCRATCH_CODEC, size);
    if (buffer == NULL)
        return plo_fail_nomem(err, size);
    *memory = (struct plo_jpeg_memory){ .scratch = scratch, .buffer = buffer, .size = size };
    // Arrays of samples for a whole picture are asked for by two-pass quantization only, which is
    // never switched on: those functions stay the library's.
    manager->alloc_small = alloc_block;
    manager->alloc_large = alloc_block;
    manager->alloc_sarray = alloc_samples;
    manager->alloc_barray = alloc_coefficients;
    manager->request_virt_barray = request_coefficients;
    manager->realize_virt_arrays = realize_arrays;
    manager->access_virt_barray = access_coefficients;
    manager->free_pool = keep_pool;
    return 0;
}

void plo_jpeg_memory_reset(struct plo_jpeg_memory *memory)
{
    while (memory->beside != NULL) {
        struct plo_jpeg_chunk *chunk = memory->beside;
        memory->beside = chunk->next;
        plo_free(chunk);
    }
    if (memory->scratch != NULL && memory->wanted > memory->scratch->codec_bytes &&
        memory->wanted <= LARGEST_BUFFER)
        memory->scratch->codec_bytes = memory->wanted;
    *memory = (struct plo_jpeg_memory){ 0 };
}
