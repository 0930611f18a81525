// route_openapi.c: GET /openapi.json: what all routes take and give, for programs.
#include "page.h"
#include "routes.h"

static void handle(struct exchange *exchange)
{
    exchange->status = 200;
    exchange->type = openapi_file.type;
    exchange->still = openapi_file.data;
    exchange->still_size = openapi_file.size;
}

const struct route route_openapi = { "GET", "/openapi.json", handle, .open = true, .own = true };
