// request.c: what the server reads of a request: JSON in place, values of pipelines in it, base64,
// and forms. The first byte says which.
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "fuzz.h"
#include "json.h"
#include "multipart.h"
#include "wire.h"

// A copy with a NUL behind it, as a body has.
static char *copy(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    fuzz_require(text != NULL, "there is memory");
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

static size_t look(const struct json *node, int depth)
{
    size_t count = 1, children = 0;
    fuzz_require(depth <= JSON_DEPTH, "no deeper than it may be");
    if (node->kind == JSON_STRING)
        fuzz_require(strlen(node->string) == node->length, "a string has no NUL inside");
    for (const struct json *child = node->first; child != NULL; child = child->next) {
        fuzz_require((node->kind == JSON_OBJECT) == (child->key != NULL), "members have names");
        count += look(child, depth + 1);
        children++;
    }
    if (node->kind == JSON_ARRAY || node->kind == JSON_OBJECT)
        fuzz_require(children == node->length, "all children are counted");
    return count;
}

// A value that was read can be written, and what was written is JSON again.
static void read_value(const struct json *root)
{
    struct pipilo_error err = { 0 };
    pipilo_value *value = NULL;
    struct text text = { 0 };
    if (fuzz_result(wire_read(&value, root, &err), &err) < 0)
        return;
    wire_write(&text, value);
    if (!text.failed) {
        struct json_document again;
        char why[128];
        fuzz_require(json_parse(&again, text.data, text.length, why, sizeof why) == 0,
                     "what was written is JSON");
        json_free(&again);
    }
    text_reset(&text);
    pipilo_value_unref(&value);
}

static void read_json(const uint8_t *data, size_t size)
{
    struct json_document document;
    char why[128], *text = copy(data, size);
    if (json_parse(&document, text, size, why, sizeof why) == 0) {
        fuzz_require(look(document.root, 0) == document.count, "all values are in the tree");
        fuzz_require(document.count <= JSON_NODES, "no more values than may be");
        read_value(document.root);
    } else {
        fuzz_require(why[0] != '\0' && strchr(why, '\n') == NULL, "a refusal says why");
        fuzz_require(document.root == NULL, "and gives nothing");
    }
    json_free(&document);
    free(text);
}

static void read_base64(const uint8_t *data, size_t size)
{
    // Any bytes, there and back.
    size_t length = base64_encoded(size);
    char *text = malloc(length + 1);
    uint8_t *back = malloc(base64_decoded_most(length));
    fuzz_require(text != NULL && back != NULL, "there is memory");
    base64_encode(text, data, size);
    fuzz_require(base64_decode(back, text, length) == size &&
                     (size == 0 || memcmp(back, data, size) == 0),
                 "what was encoded comes back");
    free(text);
    free(back);
    // Any text, decoded where it lies.
    text = copy(data, size);
    size_t got = base64_decode((uint8_t *)text, text, size);
    fuzz_require(got == SIZE_MAX || got <= base64_decoded_most(size), "no more than may come");
    free(text);
}

struct form {
    const char *body;
    size_t size, at;
};

static bool take_part(void *cookie, const struct multipart_part *part)
{
    struct form *form = cookie;
    size_t from = (size_t)(part->data - form->body);
    fuzz_require(from >= form->at && from <= form->size && part->size <= form->size - from,
                 "parts lie in the body, one behind the other");
    fuzz_require(strlen(part->name) < sizeof part->name &&
                     strlen(part->filename) < sizeof part->filename,
                 "names end");
    form->at = from + part->size;
    return true;
}

// Its first line is the type.
static void read_form(const uint8_t *data, size_t size)
{
    char *text = copy(data, size), *line = strchr(text, '\n');
    if (line != NULL) {
        *line = '\0';
        struct form form = { .body = line + 1, .size = size - (size_t)(line + 1 - text) };
        int result = multipart_read(text, form.body, form.size, &form, take_part);
        fuzz_require(result == 0 || result == -1, "a form is read to its end, or is none");
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return -1;
    switch (data[0]) {
    case 'j':
        read_json(data + 1, size - 1);
        return 0;
    case 'b':
        read_base64(data + 1, size - 1);
        return 0;
    case 'f':
        read_form(data + 1, size - 1);
        return 0;
    default:
        return -1;
    }
}
