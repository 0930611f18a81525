// base64.h: base64 (RFC 4648, standard alphabet) both ways. Threads: any.
#ifndef SERVER_BASE64_H
#define SERVER_BASE64_H

#include <stddef.h>
#include <stdint.h>

// The most bytes that `length` characters can stand for.
size_t base64_decoded_most(size_t length);

// Decodes into `out`, which has that room and may be `text` itself; padding may be left out. The
// number of bytes, or SIZE_MAX where it is no base64.
size_t base64_decode(uint8_t *out, const char *text, size_t length);

size_t base64_encoded(size_t size);
void base64_encode(char *out, const void *data, size_t size);

#endif
