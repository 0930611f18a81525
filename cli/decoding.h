// decoding.h: the options about how pictures are decoded that commands share. Threads: the main
// thread only.
#ifndef CLI_DECODING_H
#define CLI_DECODING_H

#include "options.h"

struct decoding_options {
    double time_limit; // seconds; 0: not given
    bool isolate;
};

// The rows of an option table for the member `decoding` of `type`.
#define DECODING_ROWS(type)                                                                        \
    { 0,                                                                                           \
      "time-limit",                                                                                \
      "SECONDS",                                                                                   \
      OPTION_SECONDS,                                                                              \
      offsetof(type, decoding) + offsetof(struct decoding_options, time_limit),                    \
      .help = "a picture that takes longer to decode is an error row (without it: no limit)" },    \
    {                                                                                              \
        0, "isolate", NULL, OPTION_FLAG,                                                           \
            offsetof(type, decoding) + offsetof(struct decoding_options, isolate),                 \
            .help = "decode in helper processes, so that a picture that makes a decoder crash or " \
                    "hang is an error row, and may do no more than that"                           \
    }

// Sets what is asked for, else what PIPILO_TIME_LIMIT and PIPILO_ISOLATE say. 0, or the exit status
// after the message.
int decoding_begin(const char *command, const struct decoding_options *options);

// The same for a command without these options.
int decoding_from_environment(const char *command);

// Ends helper processes, none of which is in use.
void decoding_end(void);

#endif
