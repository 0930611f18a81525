// decoding.c: how large a picture may be, how long it may take, and where it is decoded (see
// decoding.h).
#include "decoding.h"

#include <pipilo/pipilo.h>

#include "say.h"

int decoding_begin(const char *command, const struct decoding_options *options)
{
    struct pipilo_decoding decoding = PIPILO_DECODING_INIT;
    struct pipilo_error err;
    decoding.time_limit = options->time_limit;
    decoding.isolate = options->isolate;
    decoding.max_pixels = (uint64_t)options->max_pixels;
    if (pipilo_decoding_set(&decoding, &err) == 0)
        return 0;
    return err.code == PIPILO_EINVALID ? say_usage(command, "%s", err.message) : say_error(&err);
}

int decoding_from_environment(const char *command)
{
    static const struct decoding_options none = { 0 };
    return decoding_begin(command, &none);
}

void decoding_end(void)
{
    struct pipilo_decoding off = PIPILO_DECODING_INIT;
    off.time_limit = off.isolate = -1;
    pipilo_decoding_set(&off, NULL);
}
