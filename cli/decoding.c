// decoding.c: how long a picture may take (see decoding.h).
#include "decoding.h"

#include <pipilo/pipilo.h>

#include "say.h"

int decoding_begin(const char *command, const struct decoding_options *options)
{
    struct pipilo_decoding decoding = PIPILO_DECODING_INIT;
    struct pipilo_error err;
    decoding.time_limit = options->time_limit;
    if (pipilo_decoding_set(&decoding, &err) < 0)
        return say_usage(command, "%s", err.message);
    return 0;
}
