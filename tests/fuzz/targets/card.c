// card.c: a model card. One that is accepted, written and read again, is the same card.
#include "model/card.h"

#include <string.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pipilo_error err = { 0 };
    struct plo_card card, again;
    struct plo_str first = PLO_STR_INIT, second = PLO_STR_INIT;
    if (fuzz_result(plo_card_parse(&card, (const char *)data, size, &err), &err) < 0)
        return 0;
    fuzz_require(plo_card_check(&card, &err) == 0, "a card that is accepted is one");
    plo_card_format(&card, &first);
    fuzz_require(plo_card_parse(&again, first.data, first.length, &err) == 0,
                 "a card that was written can be read");
    plo_card_format(&again, &second);
    fuzz_require(strcmp(first.data, second.data) == 0, "and is the same");
    plo_str_reset(&first);
    plo_str_reset(&second);
    return 0;
}
