// json.h: reading the JSON of a request, in place: strings are unescaped where they lie, so that a
// picture in base64 is never copied.
//
//     struct json_document document;
//     if (json_parse(&document, body, size, why, sizeof why) < 0) ...
//     const char *model = json_text(json_get(document.root, "model"));
//     json_free(&document);
//
// Strict (RFC 8259), but for a key given twice: the last one counts. A text is refused past
// JSON_DEPTH brackets within brackets or JSON_NODES values, before they take memory.
// Ownership: every node and string belongs to the document and to the text it was read from.
// Accessors take NULL and nodes of another kind, and answer with nothing. Two of them are not
// called as one would expect: json_string and json_true are Jansson's, in the same process.
// Threads: one at a time.
#ifndef SERVER_JSON_H
#define SERVER_JSON_H

#include <stdbool.h>
#include <stddef.h>

enum { JSON_DEPTH = 32, JSON_NODES = 1 << 18 };

enum json_kind {
    JSON_MISSING, // of a NULL pointer
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

struct json {
    enum json_kind kind;
    const char *key;    // of a member, else NULL
    const char *string; // NUL-terminated
    size_t length;      // of the string; how many children
    double number;      // also 0 and 1 of a bool
    struct json *first; // child
    struct json *next;  // sibling
};

struct json_nodes;
struct json_document {
    struct json *root;
    struct json_nodes *nodes;
    size_t count;
    bool no_memory; // why it could not be parsed
};

// Parses `text`, which is changed and must stay; text[size] must be a NUL of the caller's. Returns
// 0, or -1 with one line in `why` and no root. The document may be freed either way.
int json_parse(struct json_document *document, char *text, size_t size, char *why, size_t why_size);
void json_free(struct json_document *document);

enum json_kind json_kind(const struct json *node);
const char *json_kind_name(enum json_kind kind); // "an object"
const struct json *json_get(const struct json *object, const char *key);
const char *json_text(const struct json *node);
bool json_is_set(const struct json *node);

// Whether it is a whole number from `least` to `most`, and which.
bool json_int(const struct json *node, long long least, long long most, long long *out);

#endif
