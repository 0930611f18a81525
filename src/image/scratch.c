// scratch.c: buffers that only grow while pictures are ordinary and shrink after a large one, so
// that what a worker keeps is bounded (see scratch.h).
#include "image/scratch.h"

#include "base/alloc.h"

enum { KEEP_BYTES = 4 << 20, GRAIN = 4096 };

struct plo_image_scratch *plo_image_scratch_create(void)
{
    return plo_alloc0(1, sizeof(struct plo_image_scratch));
}

void plo_image_scratch_destroy(struct plo_image_scratch *scratch)
{
    if (scratch == NULL)
        return;
    for (int i = 0; i < PLO_SCRATCH_SLOTS; i++)
        plo_free(scratch->slots[i].data);
    plo_free(scratch);
}

void *plo_scratch_get(struct plo_image_scratch *scratch, enum plo_scratch_slot slot, size_t size)
{
    scratch->slots[slot].kept = false;
    if (scratch->slots[slot].size >= size && scratch->slots[slot].data != NULL)
        return scratch->slots[slot].data;
    plo_free(scratch->slots[slot].data);
    scratch->slots[slot].size = 0;
    // A little more than asked: the next picture is rarely of just the same size.
    size_t room = size <= KEEP_BYTES / 2 ? size + size / 4 : size;
    room = (room + GRAIN - 1) / GRAIN * GRAIN;
    scratch->slots[slot].data = plo_alloc_aligned(room);
    if (scratch->slots[slot].data != NULL)
        scratch->slots[slot].size = room;
    return scratch->slots[slot].data;
}

void plo_scratch_keep(struct plo_image_scratch *scratch, enum plo_scratch_slot slot)
{
    scratch->slots[slot].kept = true;
}

const void *plo_scratch_kept(const struct plo_image_scratch *scratch, enum plo_scratch_slot slot)
{
    return scratch->slots[slot].kept ? scratch->slots[slot].data : NULL;
}

void plo_scratch_trim(struct plo_image_scratch *scratch)
{
    for (int i = 0; i < PLO_SCRATCH_SLOTS; i++) {
        if (scratch->slots[i].size > KEEP_BYTES) {
            plo_free(scratch->slots[i].data);
            scratch->slots[i].data = NULL;
            scratch->slots[i].size = 0;
            scratch->slots[i].kept = false;
        }
    }
}
