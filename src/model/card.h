// card.h: a model card, `model.json` beside `model.onnx`: all that fixes a vector. docs/models.md
// describes every field.
//
//     struct plo_card card;
//     if (plo_card_read(&card, "model.json", &err) < 0) ...     // PIPILO_EMODEL says what is wrong
//     card.output.dim                                           // length of a vector
//
// Ownership: a card is plain data without pointers; copying is assignment.
// Threads: any.
#ifndef PLO_MODEL_CARD_H
#define PLO_MODEL_CARD_H

#include <stdbool.h>
#include <stddef.h>

#include <pipilo/error.h>

#include "base/sha256.h"
#include "base/str.h"
#include "core/preprocess.h"

// How an output tensor becomes one vector a row (dim = the length of the vector).
enum plo_pool {
    PLO_POOL_NONE,        // [n, dim], or more dimensions that are all 1
    PLO_POOL_AVG,         // [n, dim, h, w] (or [n, h, w, dim] in an nhwc model): mean over h and w
    PLO_POOL_TOKEN0,      // [n, tokens, dim]: the first token
    PLO_POOL_MEAN_TOKENS, // [n, tokens, dim]: mean over the tokens
};

enum plo_precision { PLO_PRECISION_F32, PLO_PRECISION_BF16, PLO_PRECISION_AUTO };

extern const char *const plo_pool_names[];      // "none", "avg", "token0", "mean_tokens", NULL
extern const char *const plo_precision_names[]; // "f32", "bf16", "auto", NULL

// Agreement of a faster precision with f32 over some pictures, once measured; pictures = 0: never.
struct plo_card_measured {
    double worst_cosine, mean_cosine;
    int pictures;
    double speed; // times f32's rate where it was measured; 0: not known
};

struct plo_card {
    char name[128];              // [A-Za-z0-9._-]+, what `-m` finds in the model home
    char task[32];               // "image_embedding"
    char file[256];              // the weights, a file name in the card's folder
    char sha256[PLO_SHA256_HEX]; // of that file; "" = not stated, not checked
    char license[128];           // SPDX where there is one; may be ""
    char source[512];            // where the weights came from; may be ""
    struct {
        char name[128]; // the model's input, float32 [n, 3, h, w] or [n, h, w, 3]
    } input;
    struct plo_preprocess preprocess; // its `layout` is the card's input.layout
    struct {
        char name[128];
        enum plo_pool pool;
        size_t dim;
        bool normalize; // scale each vector to length 1
    } output;
    struct plo_card_measured bf16;
};

enum { PLO_CARD_CEILING = 64 * 1024 }; // bytes of a card's text

// A name that may stand in the model home: [A-Za-z0-9._-]+, not beginning with '.' or '-', at most
// 127 bytes.
bool plo_card_name_ok(const char *name);

// Parses and checks a card's text. An unknown key is refused, with the nearest known one. Errors:
// PIPILO_EMODEL with the field's path and what is wrong with it, PIPILO_ENOMEM.
int plo_card_parse(struct plo_card *out, const char *text, size_t size, struct pipilo_error *err);

// The same from a file. Errors also: PIPILO_EMODEL for what is no regular file; PIPILO_ENOTFOUND,
// PIPILO_EIO, PIPILO_ELIMIT (above 64 KiB).
int plo_card_read(struct plo_card *out, const char *path, struct pipilo_error *err);

// Whether the agreement is good enough for "auto": a worst cosine of at least 0.999.
bool plo_card_precision_good(const struct plo_card_measured *measured);

// Checks a card that was put together by hand. Errors: PIPILO_EMODEL.
int plo_card_check(const struct plo_card *card, struct pipilo_error *err);

// Appends the card as indented JSON that plo_card_parse reads back to the same card.
void plo_card_format(const struct plo_card *card, struct plo_str *str);

// Replaces the file in one step. Errors: PIPILO_EMODEL, PIPILO_EIO, PIPILO_ENOMEM.
int plo_card_write(const struct plo_card *card, const char *path, struct pipilo_error *err);

#endif
