// shard.c: the inputs of a part of a whole (see shard.h).
#include "ops/shard.h"

#include <stdio.h>
#include <string.h>

#include "base/sha256.h"
#include "core/fail.h"

_Static_assert((int)PLO_SHARD_NAMES == (int)PLO_SHA256_HEX, "the digest is a SHA-256");

int plo_shard_of_args(struct plo_shard *shard, const pipilo_args *args, struct pipilo_error *err)
{
    const char *text = pipilo_args_string(args, "shard");
    char rest;
    *shard = (struct plo_shard){ 0 };
    if (text == NULL)
        return 0;
    if (strspn(text, "0123456789/") != strlen(text) || strlen(text) > 15 ||
        sscanf(text, "%d/%d%c", &shard->part, &shard->of, &rest) != 2 || shard->part < 1 ||
        shard->part > shard->of || shard->of > PLO_SHARD_LIMIT)
        return plo_fail(err, PIPILO_EPIPELINE,
                        "a shard is I/N, I from 1 to N and N up to %d, not '%.40s'",
                        PLO_SHARD_LIMIT, text);
    // The digest of no inputs.
    plo_sha256_hex("", 0, shard->names);
    return 0;
}

int plo_shard_take(struct plo_shard *shard, const char *source, struct plo_str *text, bool *own,
                   struct pipilo_error *err)
{
    *own = shard->of == 0 || shard->inputs % shard->of == shard->part - 1;
    if (shard->of == 0)
        return 0;
    // A chain of digests: each of the one before and a source.
    text->length = 0;
    plo_str_add(text, shard->names);
    plo_str_add(text, source);
    if (text->failed)
        return plo_fail_nomem(err, strlen(source));
    plo_sha256_hex(text->data, text->length, shard->names);
    shard->inputs++;
    return 0;
}
