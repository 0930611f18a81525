// tls.h: the only part that knows GnuTLS: the certificate that is served, and its key. They are
// read anew while connections are under way: each keeps what it began with.
//
// There is one certificate for the process, for GnuTLS asks without saying for whom. Threads: one
// calls these functions; GnuTLS asks on HTTP's.
#ifndef SERVER_TLS_H
#define SERVER_TLS_H

#include <pipilo/error.h>

// Reads the files, which are PEM, at the first time or anew; on failure those before stay. Errors:
// PIPILO_ENOTFOUND, PIPILO_EIO, PIPILO_EINVALID (they are none, or do not belong together),
// PIPILO_ENOMEM.
int tls_read(const char *certificate, const char *key, struct pipilo_error *err);

// What GnuTLS is to ask for a certificate, as MHD_OPTION_HTTPS_CERT_CALLBACK wants it.
void *tls_callback(void);

// When nothing is served any more.
void tls_forget(void);

#endif
