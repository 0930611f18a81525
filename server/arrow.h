// arrow.h: vectors as an Arrow stream: one batch with the columns index, name, vector and error.
// Threads: any.
#ifndef SERVER_ARROW_H
#define SERVER_ARROW_H

#include "pictures.h"
#include "text.h"

extern const char arrow_type[]; // of the content

void arrow_write(struct text *text, const struct pictures *pictures);

#endif
