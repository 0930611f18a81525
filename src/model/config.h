// config.h: what others' configuration files say about preparing a picture, put into a model card:
// Hugging Face's preprocessor_config.json, timm's config.json, and a model card itself.
// Threads: any.
#ifndef PLO_MODEL_CONFIG_H
#define PLO_MODEL_CONFIG_H

#include "model/card.h"

// Fills `card->preprocess` (but for its layout) and, where the file says them, license, source and
// output.dim. The rest of the card stays. A model card gives all it says. A setting that cannot be
// carried out exactly is refused rather than passed over. Errors: PIPILO_EMODEL with the field,
// PIPILO_ENOMEM.
int plo_config_parse(struct plo_card *card, const char *text, size_t size,
                     struct pipilo_error *err);

// The same from a file. Errors also: PIPILO_ENOTFOUND, PIPILO_EIO, PIPILO_ELIMIT.
int plo_config_read(struct plo_card *card, const char *path, struct pipilo_error *err);

#endif
