// json.c: the JSON reader. What it reads, written and read again, is the same text.
#include <string.h>

#include "base/json.h"
#include "fuzz.h"

static int count_member(void *cookie, const char *key, const struct plo_json *value)
{
    fuzz_require(key != NULL && value != NULL, "a member has a key and a value");
    ++*(size_t *)cookie;
    return 0;
}

// Walks over everything, through every accessor.
static void look(const struct plo_json *node, int depth)
{
    size_t members = 0;
    fuzz_require(depth <= PLO_JSON_DEPTH + 1, "no deeper than it may be");
    fuzz_require(plo_json_kind_name(plo_json_kind(node)) != NULL, "a kind has a name");
    (void)plo_json_number(node);
    (void)plo_json_int(node);
    (void)plo_json_bool(node);
    (void)plo_json_get(node, "size");
    if (plo_json_kind(node) == PLO_JSON_STRING)
        fuzz_require(plo_json_string(node) != NULL, "a string has a text");
    plo_json_each(node, &members, count_member);
    if (plo_json_kind(node) == PLO_JSON_OBJECT)
        fuzz_require(members == plo_json_count(node), "every member is given");
    for (size_t i = 0; plo_json_kind(node) == PLO_JSON_ARRAY && i < plo_json_count(node); i++)
        look(plo_json_item(node, i), depth + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char why[128] = "";
    struct plo_json *root = NULL, *again = NULL;
    struct plo_str first = PLO_STR_INIT, second = PLO_STR_INIT;
    if (plo_json_parse(&root, (const char *)data, size, why, sizeof why) < 0) {
        fuzz_require(root == NULL && why[0] != '\0', "a refusal says why");
        fuzz_require(strchr(why, '\n') == NULL, "in one line");
        return 0;
    }
    look(root, 0);
    plo_json_write(root, &first);
    fuzz_require(plo_json_parse(&again, first.data, first.length, why, sizeof why) == 0,
                 "what was written can be read");
    plo_json_write(again, &second);
    fuzz_require(first.length == second.length &&
                     memcmp(first.data, second.data, first.length) == 0,
                 "and is the same");
    plo_str_reset(&first);
    plo_str_reset(&second);
    plo_json_free(again);
    plo_json_free(root);
    return 0;
}
