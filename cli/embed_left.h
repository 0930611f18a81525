// embed_left.h: what a run of `pipilo embed` that was stopped has left.
#ifndef CLI_EMBED_LEFT_H
#define CLI_EMBED_LEFT_H

#include <stdbool.h>
#include <sys/types.h>

#include "embed.h"

// Which file had the name of each model's OUT before the run.
struct left {
    struct left_file {
        bool there;
        dev_t device;
        ino_t inode;
    } files[OPTION_WORDS];
};

// Called before the run.
void left_begin(struct left *left, const struct embed_options *options);

// Called after it: what there is now, and what to do with it; the caller frees it.
char *left_text(const struct left *left, const struct embed_options *options);

#endif
