// calibrate.h: `pipilo models calibrate` for other commands too. Threads: the main thread's alone.
#ifndef CLI_CALIBRATE_H
#define CLI_CALIBRATE_H

#include <stdbool.h>

struct calibrate_options {
    const char *precision, *reference; // reference: NULL, or the model whose f32 vectors count
    bool dry, json, quiet;
};

// Measures `model` over `count` pictures and prints what came out; the exit status.
int calibrate(const char *model, char **pictures, int count,
              const struct calibrate_options *options);

#endif
