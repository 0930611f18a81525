// fetch.h: files over HTTP, by libcurl, which is opened at first use. The proxy variables are
// libcurl's own: http_proxy, https_proxy, no_proxy.
// Threads: any.
#ifndef PLO_MODEL_FETCH_H
#define PLO_MODEL_FETCH_H

#include <stddef.h>
#include <stdint.h>

#include <pipilo/error.h>

#include "base/sha256.h"

struct plo_fetch {
    const char *url;
    const char *accept; // the media type asked for; NULL: any
    const char *token;  // sent as a bearer token to the url's own host only; NULL: none
    const char *file;   // what progress and messages call it

    // Digest the file must have, or "". Where it is "" and the server states one (Hugging Face's
    // X-Linked-ETag), that is taken.
    char sha256[PLO_SHA256_HEX];

    // Called a few times a second with the bytes there, earlier attempts included, and their total
    // (0: not known); other than 0 stops. NULL: none.
    int (*progress)(void *cookie, const char *file, uint64_t done, uint64_t total);
    void *cookie;
};

// Fetches into `path`. What comes lies in `path`.part until it is whole; with a digest a later call
// goes on from there. Connections that break are taken up again a few times. Errors:
// PIPILO_ENOTFOUND (status 404), PIPILO_ENETWORK naming host and status, PIPILO_ETIMEOUT (nothing
// for a minute), PIPILO_ECORRUPT (the digest; nothing is kept), PIPILO_ECANCELED, PIPILO_EIO,
// PIPILO_ENOMEM.
int plo_fetch_file(struct plo_fetch *fetch, const char *path, struct pipilo_error *err);

// Fetches a short text that the caller frees. Errors: the same, and PIPILO_ELIMIT above 32 MB.
int plo_fetch_text(struct plo_fetch *fetch, char **out, struct pipilo_error *err);

#endif
