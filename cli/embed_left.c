// embed_left.c: what a run that was stopped has left, by what lies where its OUTs go (see
// embed_left.h).
#include "embed_left.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "say.h"

static struct left_file file_now(const struct embed_options *options, int which)
{
    struct stat status;
    struct left_file now = { 0 };
    char *out = embed_out(options, which);
    if (stat(out, &status) == 0)
        now = (struct left_file){ true, status.st_dev, status.st_ino };
    free(out);
    return now;
}

void left_begin(struct left *left, const struct embed_options *options)
{
    for (int i = 0; i < options->models.count; i++)
        left->files[i] = file_now(options, i);
}

// Whether the run has given OUT's name to a file of its own: it does when that is whole, and the
// file that had the name is there until then, so that their numbers differ.
static bool is_written(const struct left *left, const struct embed_options *options, int which)
{
    struct left_file now = file_now(options, which);
    const struct left_file *before = &left->files[which];
    return now.there &&
           !(before->there && now.device == before->device && now.inode == before->inode);
}

// With several models a run may end between two OUTs.
static char *written_text(const struct left *left, const struct embed_options *options)
{
    char *names = NULL;
    int written = 0;
    for (int i = 0; i < options->models.count; i++) {
        if (!is_written(left, options, i))
            continue;
        char *out = embed_out(options, i);
        char *longer = written++ > 0 ? text_format("%s, %s", names, out) : text_format("%s", out);
        free(out);
        free(names);
        names = longer;
    }
    if (written == 0)
        return text_format("nothing was written");
    char *text = text_format("%s %s whole%s", names, written > 1 ? "are" : "is",
                             written < options->models.count ? ", nothing else was written" : "");
    free(names);
    return text;
}

char *left_text(const struct left *left, const struct embed_options *options)
{
    if (strcmp(options->out, "-") == 0)
        return text_format("the rows that were ready are written");
    if (options->resume)
        return text_format("the same command, with --resume%s, goes on from there",
                           options->force ? " --force" : "");
    // Of a store that is updated there is one.
    if (options->update && embed_keeps(options->out) && left->files[0].there)
        return text_format("OUT keeps the rows it has got");
    return written_text(left, options);
}
