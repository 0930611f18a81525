// row_json.c: rows as JSON lines (see row_json.h; docs/file-formats.md lists the fields).
#include "table/row_json.h"

#include <string.h>

#include "table/float_text.h"
#include "table/kinds.h"
#include "table/scan.h"

static void add_text(struct plo_str *str, const char *name, const char *text)
{
    plo_str_addf(str, ", \"%s\": ", name);
    if (text != NULL)
        plo_str_add_json(str, text);
    else
        plo_str_add(str, "null");
}

static void add_size(struct plo_str *str, const char *name, uint32_t size)
{
    if (size > 0)
        plo_str_addf(str, ", \"%s\": %u", name, size);
    else
        plo_str_addf(str, ", \"%s\": null", name);
}

static void add_base64(struct plo_str *str, const uint8_t *data, size_t size)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t bits = (uint32_t)data[i] << 16 | (left > 1 ? (uint32_t)data[i + 1] << 8 : 0) |
                        (left > 2 ? data[i + 2] : 0);
        char four[4] = { letters[bits >> 18], letters[bits >> 12 & 63],
                         left > 1 ? letters[bits >> 6 & 63] : '=',
                         left > 2 ? letters[bits & 63] : '=' };
        plo_str_add_bytes(str, four, sizeof four);
    }
}

static void add_member(struct plo_str *str, const struct plo_table_member *member)
{
    plo_str_add_json(str, member->name);
    plo_str_add(str, ": ");
    if (member->bytes == NULL) {
        plo_str_add(str, "null");
        return;
    }
    char *text = plo_table_is_text(member->bytes, (size_t)member->size)
                     ? plo_strndup(member->bytes, (size_t)member->size)
                     : NULL;
    if (text != NULL) {
        plo_str_add_json(str, text);
    } else {
        plo_str_add(str, "{\"base64\": \"");
        add_base64(str, member->bytes, (size_t)member->size);
        plo_str_add(str, "\"}");
    }
    plo_free(text);
}

static void add_vector(struct plo_str *str, const float *vector, size_t dim)
{
    plo_str_add(str, ", \"vector\": ");
    if (vector == NULL) {
        plo_str_add(str, "null");
        return;
    }
    for (size_t i = 0; i < dim; i++) {
        char text[PLO_FLOAT_TEXT];
        size_t length = plo_float_text(text, vector[i]);
        plo_str_add(str, i == 0 ? "[" : ", ");
        plo_str_add_bytes(str, text, length);
    }
    plo_str_add(str, "]");
}

void plo_row_json_add(struct plo_str *str, int64_t number, const struct plo_row *row, size_t dim)
{
    plo_str_addf(str, "{\"row\": %lld", (long long)number);
    add_text(str, "source", row->source);
    add_text(str, "status", row->code == NULL ? "ok" : "error");
    add_text(str, "code", row->code);
    add_text(str, "message", row->message);
    add_size(str, "width", row->width);
    add_size(str, "height", row->height);
    if (row->key != NULL) {
        add_text(str, "key", row->key);
        plo_str_add(str, ", \"members\": {");
        for (size_t i = 0; i < row->member_count; i++) {
            plo_str_add(str, i == 0 ? "" : ", ");
            add_member(str, &row->members[i]);
        }
        plo_str_add(str, "}");
    }
    if (dim > 0)
        add_vector(str, row->code == NULL ? row->vector : NULL, dim);
    plo_str_add(str, "}\n");
}

int64_t plo_row_json_number(const char *text, size_t length)
{
    static const char start[] = "{\"row\": ";
    size_t at = sizeof start - 1;
    if (length <= at || memcmp(text, start, at) != 0)
        return -1;
    struct plo_scan_value value = { text + at, 0 };
    while (at < length && text[at] >= '0' && text[at] <= '9') {
        value.length++;
        at++;
    }
    int64_t number = -1;
    return plo_scan_int(value, &number) ? number : -1;
}

// Adds a text to `texts` with its NUL and says where it begins.
static bool keep_text(struct plo_scan_value value, struct plo_str *texts, size_t *at)
{
    *at = texts->length;
    bool good = plo_scan_text(value, texts);
    plo_str_add_bytes(texts, "", 1);
    return good && !texts->failed;
}

static bool pixels(struct plo_scan_value value, uint32_t *out)
{
    int64_t number = 0;
    if (plo_scan_is_null(value))
        return true;
    if (!plo_scan_int(value, &number) || number < 0 || number > UINT32_MAX)
        return false;
    *out = (uint32_t)number;
    return true;
}

bool plo_row_json_read(struct plo_row *row, bool *ok, struct plo_str *texts, const char *text,
                       size_t length)
{
    struct plo_scan_value number = { 0 }, source = { 0 }, status = { 0 }, code = { 0 },
                          message = { 0 }, width = { 0 }, height = { 0 }, key = { 0 };
    const struct plo_scan_field fields[] = {
        { "row", &number },      { "source", &source }, { "status", &status }, { "code", &code },
        { "message", &message }, { "width", &width },   { "height", &height }, { "key", &key },
    };
    memset(row, 0, sizeof *row);
    if (!plo_scan_object(text, length, fields, PLO_COUNT(fields)))
        return false;
    *ok = status.length == 4 && memcmp(status.text, "\"ok\"", 4) == 0;
    bool failed = status.length == 7 && memcmp(status.text, "\"error\"", 7) == 0;
    size_t at[4] = { 0 };
    bool has_code = !plo_scan_is_null(code), has_message = !plo_scan_is_null(message),
         has_key = !plo_scan_is_null(key);
    // First all the texts, which may move while they grow, then the pointers.
    if (!plo_scan_int(number, &row->row) || row->row < 0 || *ok == failed || has_code == *ok ||
        !pixels(width, &row->width) || !pixels(height, &row->height) ||
        !keep_text(source, texts, &at[0]) || (has_code && !keep_text(code, texts, &at[1])) ||
        (has_message && !keep_text(message, texts, &at[2])) ||
        (has_key && !keep_text(key, texts, &at[3])))
        return false;
    row->source = texts->data + at[0];
    row->code = has_code ? texts->data + at[1] : NULL;
    row->message = has_message ? texts->data + at[2] : NULL;
    row->key = has_key ? texts->data + at[3] : NULL;
    return true;
}
