// json.c: JSON read in place (see json.h).
#include "json.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 256 };

struct json_nodes {
    struct json_nodes *next;
    size_t used;
    struct json list[CHUNK];
};

struct reader {
    struct json_document *document;
    char *at, *start, *end;
    int depth;
    char *why;
    size_t why_size;
};

static int wrong(const struct reader *reader, const char *what)
{
    if (reader->why[0] == '\0')
        snprintf(reader->why, reader->why_size, "%s at byte %zu", what,
                 (size_t)(reader->at - reader->start));
    return -1;
}

static struct json *new_node(struct reader *reader, enum json_kind kind)
{
    struct json_document *document = reader->document;
    if (document->count == JSON_NODES) {
        wrong(reader, "too many values");
        return NULL;
    }
    if (document->nodes == NULL || document->nodes->used == CHUNK) {
        struct json_nodes *nodes = malloc(sizeof *nodes);
        if (nodes == NULL) {
            document->no_memory = true;
            wrong(reader, "no memory");
            return NULL;
        }
        nodes->next = document->nodes;
        nodes->used = 0;
        document->nodes = nodes;
    }
    document->count++;
    struct json *node = &document->nodes->list[document->nodes->used++];
    *node = (struct json){ .kind = kind };
    return node;
}

static void skip(struct reader *reader)
{
    while (*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\n' || *reader->at == '\r')
        reader->at++;
}

// --- strings -------------------------------------------------------------------------------------

static int hex4(const char *at, unsigned *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                                : 16;
        if (digit == 16)
            return -1;
        *out = *out << 4 | digit;
    }
    return 0;
}

static char *put_utf8(char *to, unsigned code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

// "\uXXXX", also a pair of surrogates; reader->at is behind the 'u'.
static int read_unicode(struct reader *reader, char **to)
{
    unsigned code, low;
    if (hex4(reader->at, &code) < 0)
        return wrong(reader, "a wrong escape");
    reader->at += 4;
    if (code >= 0xd800 && code <= 0xdbff) {
        bool pair = reader->at[0] == '\\' && reader->at[1] == 'u' &&
                    hex4(reader->at + 2, &low) == 0 && low >= 0xdc00 && low <= 0xdfff;
        if (!pair)
            return wrong(reader, "half of a surrogate pair");
        reader->at += 6;
        code = 0x10000 + ((code - 0xd800) << 10 | (low - 0xdc00));
    }
    if (code == 0 || (code >= 0xdc00 && code <= 0xdfff))
        return wrong(reader, code == 0 ? "a NUL in a string" : "half of a surrogate pair");
    *to = put_utf8(*to, code);
    return 0;
}

static int read_escape(struct reader *reader, char **to)
{
    static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    char c = *++reader->at;
    const char *found = c != '\0' ? strchr(names, c) : NULL;
    if (c != 'u' && found == NULL)
        return wrong(reader, "a wrong escape");
    reader->at++;
    if (c == 'u')
        return read_unicode(reader, to);
    *(*to)++ = meant[found - names];
    return 0;
}

// The string whose quote is at reader->at; it ends in a NUL afterwards, in place of a quote.
static int read_string(struct reader *reader, const char **out, size_t *length)
{
    char *from = ++reader->at, *to = from;
    for (;;) {
        char *run = reader->at;
        while ((unsigned char)*reader->at >= 0x20 && *reader->at != '"' && *reader->at != '\\')
            reader->at++;
        if (to != run)
            memmove(to, run, (size_t)(reader->at - run));
        to += reader->at - run;
        if (*reader->at == '"')
            break;
        if (*reader->at != '\\')
            return wrong(reader, "a string that does not end");
        if (read_escape(reader, &to) < 0)
            return -1;
    }
    reader->at++;
    *to = '\0';
    *out = from;
    *length = (size_t)(to - from);
    return 0;
}

// --- values --------------------------------------------------------------------------------------

static char *digits(char *at)
{
    while (*at >= '0' && *at <= '9')
        at++;
    return at;
}

static int read_number(struct reader *reader, struct json *node)
{
    char *start = reader->at, *at = start + (*start == '-'), *whole = at;
    at = digits(at);
    bool good = at > whole && (*whole != '0' || at == whole + 1);
    if (good && *at == '.') {
        char *fraction = ++at;
        at = digits(at);
        good = at > fraction;
    }
    if (good && (*at == 'e' || *at == 'E')) {
        at += 1 + (at[1] == '+' || at[1] == '-');
        char *exponent = at;
        at = digits(at);
        good = at > exponent;
    }
    if (!good)
        return wrong(reader, "a wrong value");
    node->number = strtod(start, NULL);
    reader->at = at;
    return 0;
}

static int read_value(struct reader *reader, struct json **out);

// What stands between brackets; `node` is the array or object.
static int read_children(struct reader *reader, struct json *node, char close)
{
    struct json **link = &node->first;
    reader->at++;
    skip(reader);
    if (*reader->at == close) {
        reader->at++;
        return 0;
    }
    for (;;) {
        const char *key = NULL;
        size_t length;
        skip(reader);
        if (node->kind == JSON_OBJECT) {
            if (*reader->at != '"')
                return wrong(reader, "a member without a name");
            if (read_string(reader, &key, &length) < 0)
                return -1;
            skip(reader);
            if (*reader->at++ != ':')
                return wrong(reader, "a member without a value");
        }
        if (read_value(reader, link) < 0)
            return -1;
        (*link)->key = key;
        link = &(*link)->next;
        node->length++;
        skip(reader);
        char c = *reader->at++;
        if (c == close)
            return 0;
        if (c != ',')
            return wrong(reader, "neither ',' nor the end of a list");
    }
}

static int read_word(struct reader *reader, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(reader->at, word, length) != 0)
        return wrong(reader, "a wrong value");
    reader->at += length;
    return 0;
}

static int read_value(struct reader *reader, struct json **out)
{
    skip(reader);
    char c = *reader->at;
    enum json_kind kind = c == '{'               ? JSON_OBJECT
                          : c == '['             ? JSON_ARRAY
                          : c == '"'             ? JSON_STRING
                          : c == 't' || c == 'f' ? JSON_BOOL
                          : c == 'n'             ? JSON_NULL
                                                 : JSON_NUMBER;
    struct json *node = new_node(reader, kind);
    *out = node;
    if (node == NULL)
        return -1;
    if (kind == JSON_NUMBER)
        return read_number(reader, node);
    if (kind == JSON_STRING)
        return read_string(reader, &node->string, &node->length);
    if (kind == JSON_NULL)
        return read_word(reader, "null");
    if (kind == JSON_BOOL) {
        node->number = c == 't';
        return read_word(reader, c == 't' ? "true" : "false");
    }
    if (++reader->depth > JSON_DEPTH)
        return wrong(reader, "too many brackets within brackets");
    int result = read_children(reader, node, kind == JSON_OBJECT ? '}' : ']');
    reader->depth--;
    return result;
}

int json_parse(struct json_document *document, char *text, size_t size, char *why, size_t why_size)
{
    struct reader reader = { .document = document,
                             .at = text,
                             .start = text,
                             .end = text + size,
                             .why = why,
                             .why_size = why_size };
    *document = (struct json_document){ 0 };
    why[0] = '\0';
    int result = read_value(&reader, &document->root);
    if (result == 0) {
        skip(&reader);
        // A NUL inside the text ends it early.
        if (reader.at != reader.end)
            result = wrong(&reader, "something behind the end");
    }
    // What was read until then is not whole: nobody may look at it.
    if (result < 0)
        document->root = NULL;
    return result;
}

void json_free(struct json_document *document)
{
    while (document->nodes != NULL) {
        struct json_nodes *next = document->nodes->next;
        free(document->nodes);
        document->nodes = next;
    }
    *document = (struct json_document){ 0 };
}

// --- asking --------------------------------------------------------------------------------------

enum json_kind json_kind(const struct json *node)
{
    return node != NULL ? node->kind : JSON_MISSING;
}

const char *json_kind_name(enum json_kind kind)
{
    static const char *const names[] = { "nothing",  "null",     "true or false", "a number",
                                         "a string", "an array", "an object" };
    return names[kind];
}

const struct json *json_get(const struct json *object, const char *key)
{
    const struct json *found = NULL;
    if (json_kind(object) != JSON_OBJECT)
        return NULL;
    for (const struct json *child = object->first; child != NULL; child = child->next)
        if (strcmp(child->key, key) == 0)
            found = child;
    return found;
}

const char *json_text(const struct json *node)
{
    return json_kind(node) == JSON_STRING ? node->string : NULL;
}

bool json_is_set(const struct json *node)
{
    return json_kind(node) == JSON_BOOL && node->number != 0;
}

bool json_int(const struct json *node, long long least, long long most, long long *out)
{
    if (json_kind(node) != JSON_NUMBER || !(node->number >= (double)least) ||
        !(node->number <= (double)most) || node->number != (double)(long long)node->number)
        return false;
    *out = (long long)node->number;
    return true;
}
