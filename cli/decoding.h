// decoding.h: the options about how pictures are decoded that commands share. Threads: the main
// thread only.
#ifndef CLI_DECODING_H
#define CLI_DECODING_H

#include "options.h"

struct decoding_options {
    double time_limit; // seconds; 0: not given
};

// The rows of an option table for the member `decoding` of `type`.
#define DECODING_ROWS(type)                                                                  \
    {                                                                                        \
        0, "time-limit", "SECONDS", OPTION_SECONDS,                                          \
            offsetof(type, decoding) + offsetof(struct decoding_options, time_limit),        \
            .help = "a picture that takes longer to decode is an error row (without it: no " \
                    "limit)"                                                                 \
    }

// Sets what is asked for, else what PIPILO_TIME_LIMIT says. 0, or the exit status after the
// message.
int decoding_begin(const char *command, const struct decoding_options *options);

#endif
