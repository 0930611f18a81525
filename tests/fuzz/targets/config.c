// config.c: others' configuration files: preprocessor_config.json, timm's config.json. What is
// taken from them can be carried out.
#include "model/config.h"

#include <string.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pipilo_error err = { 0 };
    struct plo_card card;
    memset(&card, 0, sizeof card);
    card.preprocess = PLO_PREPROCESS_INIT;
    if (fuzz_result(plo_config_parse(&card, (const char *)data, size, &err), &err) < 0)
        return 0;
    fuzz_require(plo_preprocess_check(&card.preprocess, &err) == 0,
                 "a preprocessing that is accepted can be carried out");
    struct plo_preprocess_plan plan;
    (void)fuzz_result(plo_preprocess_plan(&card.preprocess, 640, 480, &plan, &err), &err);
    return 0;
}
