// vectors.c: a vector in an answer (see vectors.h).
#include "vectors.h"

#include "base64.h"

void add_vector(struct text *text, const float *vector, size_t dim, bool base64)
{
    if (base64) {
        text_add(text, "\"");
        size_t size = dim * sizeof *vector;
        char *room = text_room(text, base64_encoded(size));
        if (room != NULL)
            base64_encode(room, vector, size);
        text_add(text, "\"");
        return;
    }
    text_add(text, "[");
    for (size_t i = 0; i < dim; i++) {
        if (i > 0)
            text_add_bytes(text, ", ", 2);
        text_add_float(text, vector[i]);
    }
    text_add(text, "]");
}
