// json.h: reading JSON texts (jansson behind it) and writing numbers so that they read back the
// same.
//
//     struct plo_json *root = NULL;
//     if (plo_json_parse(&root, text, strlen(text), why, sizeof why) < 0) ...
//     double scale = plo_json_number(plo_json_get(root, "scale"));
//     plo_json_free(root);
//
// Ownership: plo_json_free frees the root; every other node and string belongs to it. All accessors
// take NULL (something missing) and a node of another kind, and answer with nothing.
// Threads: a parsed text may be read by several threads.
#ifndef PLO_BASE_JSON_H
#define PLO_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct plo_json;

enum plo_json_kind {
    PLO_JSON_MISSING, // the kind of a NULL pointer
    PLO_JSON_NULL,
    PLO_JSON_BOOL,
    PLO_JSON_INT,
    PLO_JSON_REAL,
    PLO_JSON_STRING,
    PLO_JSON_ARRAY,
    PLO_JSON_OBJECT,
};

enum { PLO_JSON_DEPTH = 32 }; // brackets within brackets

// Parses a whole text, strictly (RFC 8259; a key given twice is an error). Returns 0, -ENOMEM, or
// -EINVAL with a one-line reason in `why`: a syntax error with its line, or too deep.
int plo_json_parse(struct plo_json **out, const char *text, size_t size, char *why,
                   size_t why_size);
void plo_json_free(struct plo_json *root);

enum plo_json_kind plo_json_kind(const struct plo_json *node);
const char *plo_json_kind_name(enum plo_json_kind kind); // "an object", "a number", ..

const struct plo_json *plo_json_get(const struct plo_json *object, const char *key);
const char *plo_json_string(const struct plo_json *node);
double plo_json_number(const struct plo_json *node); // of an int or a real
int64_t plo_json_int(const struct plo_json *node);
bool plo_json_bool(const struct plo_json *node);
bool plo_json_is_number(const struct plo_json *node);

// Elements of an array or members of an object, 0 for all else.
size_t plo_json_count(const struct plo_json *node);
const struct plo_json *plo_json_item(const struct plo_json *array, size_t index);

// Calls `each` for every member in the order of the text, until it returns other than 0, which is
// then returned.
int plo_json_each(const struct plo_json *object, void *cookie,
                  int (*each)(void *cookie, const char *key, const struct plo_json *value));

// Appends the node as one line of JSON, members sorted by key, numbers as plo_str_add_number.
void plo_json_write(const struct plo_json *node, struct plo_str *str);

// Appends the shortest of %.15g, %.16g and %.17g that reads back as the same double, with a '.'
// whatever the locale; a value that is not finite as null.
void plo_str_add_number(struct plo_str *str, double number);

#endif
