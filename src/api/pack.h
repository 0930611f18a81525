// pack.h: results with several strings in one block, so that a caller frees one thing. The layout
// is written once and run twice: without memory it counts, with memory it copies.
//
//     struct plo_pack pack = { 0 };
//     for (int pass = 0; pass < 2; pass++) {
//         struct thing *thing = plo_pack_room(&pack, sizeof *thing);
//         const char *name = plo_pack_text(&pack, "name");
//         if (thing != NULL)
//             *thing = (struct thing){ .name = name };
//         if (pass == 0)
//             PLO_TRY(plo_pack_begin(&pack, err));
//     }
//     *out = plo_pack_result(&pack);
//
// Threads: one at a time.
#ifndef PLO_API_PACK_H
#define PLO_API_PACK_H

#include <stddef.h>

#include <pipilo/error.h>

struct plo_pack {
    char *block; // NULL while counting
    size_t used;
};

// Room for `size` bytes, cleared and aligned for any type; NULL while counting.
void *plo_pack_room(struct plo_pack *pack, size_t size);

// A copy of `text`; NULL while counting, and for NULL.
const char *plo_pack_text(struct plo_pack *pack, const char *text);

// Ends the counting: allocates the block. Errors: PIPILO_ENOMEM.
int plo_pack_begin(struct plo_pack *pack, struct pipilo_error *err);

// The block, which begins with what was given room first; the caller frees it with pipilo_free.
void *plo_pack_result(const struct plo_pack *pack);

#endif
