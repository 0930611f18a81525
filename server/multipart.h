// multipart.h: the parts of a multipart/form-data body (RFC 7578) that is whole in memory. Threads:
// any.
#ifndef SERVER_MULTIPART_H
#define SERVER_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

struct multipart_part {
    const char *data; // borrowed from the body
    size_t size;
    char name[64];      // of the field; cut where it is longer
    char filename[256]; // "" where there is none
};

// Calls `each` for every part until it returns false. 0; -1 where the body is none or ends early,
// 1 where `each` stopped it. `type` is the whole Content-Type, with its boundary.
int multipart_read(const char *type, const char *body, size_t size, void *cookie,
                   bool (*each)(void *cookie, const struct multipart_part *part));

#endif
