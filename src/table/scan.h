// scan.h: reading back the JSON that this folder writes, without a tree: the fields of one object,
// as pieces of its text. Names and texts that are not UTF-8 come back as they went in, which JSON
// libraries refuse. Threads: any.
#ifndef PLO_TABLE_SCAN_H
#define PLO_TABLE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

// A piece of JSON; text NULL where there is none.
struct plo_scan_value {
    const char *text;
    size_t length;
};

// Where to put the value of a field.
struct plo_scan_field {
    const char *name;
    struct plo_scan_value *value;
};

// Finds the named fields of the object that `text` is; one that is missing stays as it was. Names
// that hold escapes are not found. False where `text` is not exactly one well-formed JSON object,
// is nested deeper than 64 levels, or names a wanted field twice.
bool plo_scan_object(const char *text, size_t length, const struct plo_scan_field *fields,
                     size_t count);

// What a value holds; false where it is of another type. The text is added to `out`, \udc80..\udcff
// as the bytes they stand for; one with \u0000 is refused.
bool plo_scan_text(struct plo_scan_value value, struct plo_str *out);
bool plo_scan_int(struct plo_scan_value value, int64_t *out);
bool plo_scan_is_null(struct plo_scan_value value);

#endif
