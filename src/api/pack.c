// pack.c: many strings in one block (see pack.h).
#include "api/pack.h"

#include <stdalign.h>
#include <string.h>

#include "core/fail.h"

void *plo_pack_room(struct plo_pack *pack, size_t size)
{
    size_t step = alignof(max_align_t);
    size_t start = (pack->used + step - 1) / step * step;
    pack->used = start + size;
    return pack->block != NULL ? memset(pack->block + start, 0, size) : NULL;
}

const char *plo_pack_text(struct plo_pack *pack, const char *text)
{
    if (text == NULL)
        return NULL;
    size_t start = pack->used, size = strlen(text) + 1;
    pack->used = start + size;
    return pack->block != NULL ? memcpy(pack->block + start, text, size) : NULL;
}

int plo_pack_begin(struct plo_pack *pack, struct pipilo_error *err)
{
    pack->block = plo_alloc(pack->used);
    if (pack->block == NULL)
        return plo_fail_nomem(err, pack->used);
    pack->used = 0;
    return 0;
}

void *plo_pack_result(const struct plo_pack *pack)
{
    return pack->block;
}
