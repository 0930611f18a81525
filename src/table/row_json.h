// row_json.h: a row as a line of JSON, and back. Threads: any.
#ifndef PLO_TABLE_ROW_JSON_H
#define PLO_TABLE_ROW_JSON_H

#include "base/str.h"
#include "table/table.h"

// Adds one object and a line end. `dim` 0 leaves the vector out. A failed allocation shows in
// `str`.
void plo_row_json_add(struct plo_str *str, int64_t number, const struct plo_row *row, size_t dim);

// The row number that a line of ours begins with, or -1.
int64_t plo_row_json_number(const char *text, size_t length);

// What a line says. The texts lie in `texts`, which is used up: reset it when done with the row.
// `*ok` is the status. Vector, members and thumbnail are left out. False where the line is not a
// row.
bool plo_row_json_read(struct plo_row *row, bool *ok, struct plo_str *texts, const char *text,
                       size_t length);

#endif
