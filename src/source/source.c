// source.c: takes one input after the other, finds out what it is and hands on what its reader
// gives.
#include "source/source.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/fail.h"
#include "core/live.h"
#include "source/parts.h"

struct plo_source {
    struct plo_source_options options;
    size_t next_input;
    struct plo_list *list;
    // What is being expanded now; at most one of folder and tar, inside at most one pattern.
    struct plo_folder *folder;
    struct plo_tar *tar;
    glob_t matches;
    bool globbed;
    size_t next_match;
    struct plo_source_counts counts;
};

int plo_source_open(struct plo_source **out, const struct plo_source_options *options,
                    struct pipilo_error *err)
{
    struct plo_source *source = plo_alloc0(1, sizeof *source);
    if (source == NULL)
        return plo_fail_nomem(err, sizeof *source);
    source->options = *options;
    if (source->options.picture_limit == 0)
        source->options.picture_limit = PLO_SOURCE_PICTURE_LIMIT;
    plo_live_add(PLO_LIVE_SOURCE, 1);
    if (options->files_from != NULL) {
        int result = plo_list_open(&source->list, options->files_from, err);
        if (result < 0) {
            plo_source_close(source);
            return result;
        }
    }
    *out = source;
    return 0;
}

static bool is_pattern(const char *name)
{
    return strpbrk(name, "*?[") != NULL;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// Expands a pattern. Returns 0, or 1 with an item where nothing matches or memory ran out.
static int start_pattern(struct plo_source *source, const char *pattern, struct plo_item *item,
                         struct pipilo_error *err)
{
    int result = glob(pattern, GLOB_NOSORT, NULL, &source->matches);
    if (result == GLOB_NOSPACE) {
        globfree(&source->matches);
        return plo_fail_nomem(err, 0);
    }
    if (result != 0) {
        globfree(&source->matches);
        PLO_TRY(plo_item_init(item, pattern, err));
        plo_fail(&item->error, PIPILO_ENOTFOUND, "no file matches the pattern");
        return 1;
    }
    qsort(source->matches.gl_pathv, source->matches.gl_pathc, sizeof(char *), by_bytes);
    source->globbed = true;
    source->next_match = 0;
    return 0;
}

// Looks at one input: 1 with an item, 0 where it is now being expanded.
static int start_input(struct plo_source *source, const char *name, bool expand,
                       struct plo_item *item, struct pipilo_error *err)
{
    struct stat status;
    if (stat(name, &status) < 0) {
        int reason = -errno;
        struct stat link;
        if (expand && is_pattern(name) && lstat(name, &link) < 0)
            return start_pattern(source, name, item, err);
        PLO_TRY(plo_item_init(item, name, err));
        plo_fail_errno(&item->error, reason, "it cannot be opened");
        return 1;
    }
    if (S_ISDIR(status.st_mode))
        return plo_folder_open(&source->folder, name, &source->counts, err);
    if (!S_ISREG(status.st_mode)) {
        PLO_TRY(plo_item_init(item, name, err));
        plo_fail(&item->error, PIPILO_EINVALID, "it is %s, not a regular file",
                 plo_source_type(status.st_mode));
        return 1;
    }
    if (plo_tar_is_archive(name))
        return plo_tar_open(&source->tar, name, source->options.picture_limit, &source->counts,
                            err);
    PLO_TRY(plo_item_init_file(item, name, &status, err));
    return 1;
}

// The next item of what is being expanded: 1, PLO_SOURCE_LATER, or 0 where nothing is or it has
// ended.
static int expand_next(struct plo_source *source, struct plo_item *item, struct pipilo_error *err)
{
    int result = 0;
    if (source->folder != NULL) {
        result = plo_folder_next(source->folder, item, err);
        if (result == 0) {
            plo_folder_close(source->folder);
            source->folder = NULL;
        }
    } else if (source->tar != NULL) {
        result = plo_tar_next(source->tar, item, err);
        if (result == 0) {
            plo_tar_close(source->tar);
            source->tar = NULL;
        }
    }
    return result;
}

enum { NONE_LEFT = PLO_SOURCE_LATER + 1 };

// Starts the next match, argument or line, or returns NONE_LEFT.
static int start_next(struct plo_source *source, struct plo_item *item, struct pipilo_error *err)
{
    if (source->globbed) {
        if (source->next_match < source->matches.gl_pathc)
            return start_input(source, source->matches.gl_pathv[source->next_match++], false, item,
                               err);
        globfree(&source->matches);
        source->globbed = false;
    }
    if (source->next_input < source->options.count)
        return start_input(source, source->options.inputs[source->next_input++], true, item, err);
    if (source->list == NULL)
        return NONE_LEFT;
    const char *name = NULL;
    bool cut = false;
    int result = plo_list_next(source->list, &name, &cut, err);
    if (result <= 0)
        return result < 0 ? result : NONE_LEFT;
    if (!cut)
        return start_input(source, name, true, item, err);
    PLO_TRY(plo_item_init(item, name, err));
    plo_fail(&item->error, PIPILO_ELIMIT, "the name in the list is longer than %d bytes",
             PLO_SOURCE_NAME_LIMIT);
    return 1;
}

int plo_source_next(struct plo_source *source, struct plo_item *item, struct pipilo_error *err)
{
    for (;;) {
        int result = expand_next(source, item, err);
        if (result == 0)
            result = start_next(source, item, err);
        if (result == PLO_SOURCE_LATER && !source->options.pauses)
            continue;
        if (result != 0)
            return result == NONE_LEFT ? 0 : result;
    }
}

void plo_source_skipped(const struct plo_source *source, struct plo_source_counts *counts)
{
    *counts = source->counts;
}

int64_t plo_source_total_hint(const struct plo_source *source)
{
    if (source->list != NULL)
        return -1;
    for (size_t i = 0; i < source->options.count; i++) {
        const char *name = source->options.inputs[i];
        struct stat status;
        if (is_pattern(name) || plo_tar_is_archive(name))
            return -1;
        if (stat(name, &status) == 0 && S_ISDIR(status.st_mode))
            return -1;
    }
    return (int64_t)source->options.count;
}

void plo_source_close(struct plo_source *source)
{
    if (source == NULL)
        return;
    plo_list_close(source->list);
    plo_folder_close(source->folder);
    plo_tar_close(source->tar);
    if (source->globbed)
        globfree(&source->matches);
    plo_free(source);
    plo_live_add(PLO_LIVE_SOURCE, -1);
}
