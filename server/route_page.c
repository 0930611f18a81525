// route_page.c: GET / and GET /page/FILE: the page, from the library itself. No other host is
// contacted, and the browser is told to contact none.
#include <string.h>

#include "page.h"
#include "routes.h"

static void answer_file(struct exchange *exchange, const char *name)
{
    const struct page_file *file = page_files;
    while (file->name != NULL && strcmp(file->name, name) != 0)
        file++;
    if (file->name == NULL) {
        answer_error(exchange, 404, "not_found", NULL, "the page has no file '%.100s'", name);
        return;
    }
    exchange->status = 200;
    exchange->type = file->type;
    exchange->still = file->data;
    exchange->still_size = file->size;
    answer_header(exchange, "Content-Security-Policy",
                  "default-src 'none'; script-src 'self'; style-src 'self'; "
                  "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; "
                  "form-action 'none'; frame-ancestors 'none'");
    answer_header(exchange, "Referrer-Policy", "no-referrer");
    answer_header(exchange, "Cache-Control", "no-cache");
}

static void page(struct exchange *exchange)
{
    answer_file(exchange, "index.html");
}

static void asset(struct exchange *exchange)
{
    answer_file(exchange, exchange->path + strlen("/page/"));
}

const struct route route_page = { "GET", "/", page, .open = true, .own = true };
const struct route route_asset = { "GET", "/page/*", asset, .open = true, .own = true };
