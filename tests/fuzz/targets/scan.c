// scan.c: the reader of the rows' own JSON lines.
#include "table/scan.h"

#include <string.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { FIELDS = 6 };
    static const char *const names[FIELDS] = {
        "row", "source", "status", "code", "message", "width"
    };
    struct plo_scan_value values[FIELDS] = { { 0 } };
    struct plo_scan_field fields[FIELDS];
    for (size_t i = 0; i < FIELDS; i++)
        fields[i] = (struct plo_scan_field){ names[i], &values[i] };
    const char *text = (const char *)data;
    if (!plo_scan_object(text, size, fields, FIELDS))
        return 0;
    for (size_t i = 0; i < FIELDS; i++) {
        struct plo_str str = PLO_STR_INIT;
        int64_t number = 0;
        if (values[i].text == NULL)
            continue;
        fuzz_require(values[i].text >= text && values[i].text + values[i].length <= text + size,
                     "a value is a piece of the text");
        (void)plo_scan_int(values[i], &number);
        if (plo_scan_text(values[i], &str))
            fuzz_require(str.data == NULL || strlen(str.data) == str.length, "a text ends once");
        (void)plo_scan_is_null(values[i]);
        plo_str_reset(&str);
    }
    return 0;
}
