// tls.c: the certificate that is served (see tls.h).
#include "tls.h"

#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CERTIFICATES = 16 }; // of a chain

// A certificate with those that lead to it.
struct chain {
    struct chain *before; // what was served before: a handshake may be at it
    gnutls_pcert_st list[MOST_CERTIFICATES];
    unsigned count;
    gnutls_privkey_t key;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; // guards the next
static struct chain *served;

static int fail(struct pipilo_error *err, int code, const char *path, const char *why)
{
    *err = (struct pipilo_error){ .code = code };
    snprintf(err->message, sizeof err->message, "%.200s: %.200s", path, why);
    return code;
}

// A file, whole; its data are freed by the caller.
static int read_file(gnutls_datum_t *out, const char *path, struct pipilo_error *err)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return fail(err, errno == ENOENT ? PIPILO_ENOTFOUND : PIPILO_EIO, path, strerror(errno));
    ssize_t length = getdelim(&text, &size, '\0', file);
    fclose(file);
    if (length <= 0 || length > INT32_MAX) {
        free(text);
        return fail(err, PIPILO_EIO, path, "it cannot be read");
    }
    *out = (gnutls_datum_t){ (unsigned char *)text, (unsigned)length };
    return 0;
}

static void free_chain(struct chain *chain)
{
    if (chain == NULL)
        return;
    for (unsigned i = 0; i < chain->count; i++)
        gnutls_pcert_deinit(&chain->list[i]);
    if (chain->key != NULL)
        gnutls_privkey_deinit(chain->key);
    free(chain);
}

// Whether the key is the certificate's.
static int check_pair(const gnutls_datum_t *certificate, const gnutls_datum_t *key)
{
    gnutls_certificate_credentials_t both = NULL;
    int code = gnutls_certificate_allocate_credentials(&both);
    if (code == 0)
        code = gnutls_certificate_set_x509_key_mem(both, certificate, key, GNUTLS_X509_FMT_PEM);
    if (both != NULL)
        gnutls_certificate_free_credentials(both);
    return code < 0 ? code : 0;
}

static int fill(struct chain *chain, const gnutls_datum_t *certificate, const gnutls_datum_t *key)
{
    unsigned count = MOST_CERTIFICATES;
    int code = check_pair(certificate, key);
    if (code == 0)
        code = gnutls_pcert_list_import_x509_raw(chain->list, &count, certificate,
                                                 GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_SORT);
    if (code < 0)
        return code;
    chain->count = count;
    code = gnutls_privkey_init(&chain->key);
    if (code == 0)
        code = gnutls_privkey_import_x509_raw(chain->key, key, GNUTLS_X509_FMT_PEM, NULL, 0);
    return code;
}

static int make_chain(struct chain **out, const char *path, const gnutls_datum_t *certificate,
                      const gnutls_datum_t *key, struct pipilo_error *err)
{
    struct chain *chain = calloc(1, sizeof *chain);
    if (chain == NULL)
        return fail(err, PIPILO_ENOMEM, path, "no memory");
    int code = fill(chain, certificate, key);
    if (code == 0) {
        *out = chain;
        return 0;
    }
    free_chain(chain);
    return fail(err, code == GNUTLS_E_MEMORY_ERROR ? PIPILO_ENOMEM : PIPILO_EINVALID, path,
                gnutls_strerror(code));
}

int tls_read(const char *certificate, const char *key, struct pipilo_error *err)
{
    struct chain *chain = NULL;
    gnutls_datum_t first = { 0 }, second = { 0 };
    int result = read_file(&first, certificate, err);
    if (result == 0)
        result = read_file(&second, key, err);
    if (result == 0)
        result = make_chain(&chain, certificate, &first, &second, err);
    if (second.data != NULL)
        explicit_bzero(second.data, second.size);
    free(first.data);
    free(second.data);
    if (result < 0)
        return result;
    pthread_mutex_lock(&lock);
    chain->before = served;
    served = chain;
    pthread_mutex_unlock(&lock);
    return 0;
}

// For a handshake that begins.
static int give(gnutls_session_t session, const gnutls_datum_t *authorities, int authority_count,
                const gnutls_pk_algorithm_t *kinds, int kind_count, gnutls_pcert_st **list,
                unsigned *count, gnutls_privkey_t *key)
{
    (void)session, (void)authorities, (void)authority_count, (void)kinds, (void)kind_count;
    pthread_mutex_lock(&lock);
    *list = served->list;
    *count = served->count;
    *key = served->key;
    pthread_mutex_unlock(&lock);
    return 0;
}

void *tls_callback(void)
{
    int (*callback)(gnutls_session_t, const gnutls_datum_t *, int, const gnutls_pk_algorithm_t *,
                    int, gnutls_pcert_st **, unsigned *, gnutls_privkey_t *) = give;
    void *out;
    memcpy(&out, &callback, sizeof out);
    return out;
}

void tls_forget(void)
{
    while (served != NULL) {
        struct chain *before = served->before;
        free_chain(served);
        served = before;
    }
}
