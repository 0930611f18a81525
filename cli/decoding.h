// decoding.h: the options about how pictures are decoded that commands share. Threads: the main
// thread only.
#ifndef CLI_DECODING_H
#define CLI_DECODING_H

#include "options.h"

struct decoding_options {
    double time_limit; // seconds; 0: not given
    bool isolate;
    int64_t max_pixels; // 0: not given
};

// The rows of an option table for the member `decoding` of `type`.
#define DECODING_AT(type, field) offsetof(type, decoding) + offsetof(struct decoding_options, field)
#define DECODING_ROWS(type)                                                                        \
    { 0,                                                                                           \
      "max-pixels",                                                                                \
      "N",                                                                                         \
      OPTION_INT,                                                                                  \
      DECODING_AT(type, max_pixels),                                                               \
      .min = 1,                                                                                    \
      .max = 1 << 28,                                                                              \
      .help = "a picture of more pixels, width x height, is an error row and is not "              \
              "decoded (without it: 268435456)" },                                                 \
        { 0,                                                                                       \
          "time-limit",                                                                            \
          "SECONDS",                                                                               \
          OPTION_SECONDS,                                                                          \
          DECODING_AT(type, time_limit),                                                           \
          .help =                                                                                  \
              "a picture that takes longer to decode is an error row (without it: no limit)" },    \
    {                                                                                              \
        0, "isolate", NULL, OPTION_FLAG, DECODING_AT(type, isolate),                               \
            .help = "decode in helper processes, so that a picture that makes a decoder crash or " \
                    "hang is an error row, and may do no more than that"                           \
    }

// Sets what is asked for, else what PIPILO_TIME_LIMIT and its kin say. 0, or the exit status
// after the message.
int decoding_begin(const char *command, const struct decoding_options *options);

// The same for a command without these options.
int decoding_from_environment(const char *command);

// Ends helper processes, none of which is in use.
void decoding_end(void);

#endif
