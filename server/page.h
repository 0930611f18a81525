// page.h: the files of the page at "/", which are part of the library. Threads: any.
#ifndef SERVER_PAGE_H
#define SERVER_PAGE_H

#include <stddef.h>

struct page_file {
    const char *name; // "page.js"
    const char *type; // of the content
    const unsigned char *data;
    size_t size;
};

// Ends with a file without a name. Made from server/page/ by tools/page.py.
extern const struct page_file page_files[];

// What GET /openapi.json gives; made from server/openapi.json.
extern const struct page_file openapi_file;

#endif
