// fingerprint.h: what fixes a vector, in one short name. Two vectors may be compared when their
// fingerprints are equal; a store keeps it and refuses others.
//
//     struct plo_fingerprint print;
//     PLO_TRY(plo_fingerprint_create(&print, &parts, err));
//     print.id                              // "3f0a61c29be84d17"
//     plo_fingerprint_reset(&print);
//
// Threads: any; a fingerprint is one owner's.
#ifndef PLO_CORE_FINGERPRINT_H
#define PLO_CORE_FINGERPRINT_H

#include <stdbool.h>
#include <stddef.h>

#include <pipilo/error.h>

#include "core/preprocess.h"

// Raised whenever the pixels or numbers that reach a model change for any picture: the first
// without
// --fast, the second with it. 2: reduced pictures keep 2.25 times the target instead of twice.
enum { PLO_PREPROCESSING_VERSION = 1, PLO_FAST_VERSION = 2 };

// How pictures are decoded. Limits on size are no part of it: they make errors, not other vectors.
struct plo_decode_policy {
    bool fast;        // --fast: JPEG and WebP decoded at a reduced scale
    bool ignore_exif; // --exif ignore
};

struct plo_fingerprint_parts {
    const char *model_sha256; // of the weights
    const char *engine;       // "openvino"
    const char *precision;    // "f32"
    const char *input;        // names and pooling as in the card
    const char *output;
    const char *pool;
    size_t dim;
    bool normalize; // vectors are scaled to length 1
    struct plo_preprocess preprocess;
    struct plo_decode_policy decode;

    // Noted, no part of the id: they change the last bits of a vector at most.
    const char *engine_version;
    const char *model_name;
};

struct plo_fingerprint {
    char id[17]; // the first 16 hex digits of the SHA-256 of `json`
    char *json;  // canonical: one line, keys sorted
    char *noted; // {"cpu": .., "engine_version": .., "model": ..}
};

// Errors: PIPILO_ENOMEM. The caller frees with plo_fingerprint_reset.
int plo_fingerprint_create(struct plo_fingerprint *out, const struct plo_fingerprint_parts *parts,
                           struct pipilo_error *err);
void plo_fingerprint_reset(struct plo_fingerprint *print);

// The id of a fingerprint's JSON, as stored with vectors.
void plo_fingerprint_id(const char *json, char id[17]);

// 0 where two fingerprints' JSON texts say the same (key order and spaces do not matter), else
// PIPILO_EMISMATCH with both ids and the first fields that differ: "the store has fingerprint X,
// this would be Y: model_sha256 is A, not B". PIPILO_ECORRUPT where a text is no JSON object.
int plo_fingerprint_compare(const char *stored, const char *mine, struct pipilo_error *err);

#endif
