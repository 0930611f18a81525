// merge.c: which shards there are, whether they belong together, and their rows in turn (see
// merge.h). How a row goes from one file to another is the kind's affair.
#include "table/merge.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/fail.h"
#include "table/kinds.h"

enum { ASK_EVERY = 256 }; // rows

static void close_parts(struct plo_part *parts, size_t count, const struct plo_table_kind *kind)
{
    for (size_t i = 0; parts != NULL && i < count; i++) {
        kind->close_part(&parts[i]);
        plo_rows_past_close(&parts[i].past);
        plo_table_close(parts[i].table);
        plo_table_meta_reset(&parts[i].meta);
    }
    plo_free(parts);
}

// A shard that is not there may be one that is still to be finished.
static int fail_missing(const char *path, struct pipilo_error *err)
{
    struct stat status;
    char *journal = plo_journal_path(path);
    bool begun = journal != NULL && stat(path, &status) < 0 && stat(journal, &status) == 0;
    plo_free(journal);
    if (!begun)
        return 0;
    return plo_fail(err, PIPILO_ENOTFOUND,
                    "%s is not finished: the command that makes it goes on with --resume", path);
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat first, second;
    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_ino == second.st_ino &&
           first.st_dev == second.st_dev;
}

static int open_part(struct plo_part *part, const char *path, const struct plo_table_kind *kind,
                     const char *out, struct pipilo_error *err)
{
    part->path = path;
    part->past = PLO_ROWS_PAST_INIT;
    if (plo_table_kind_of(path) != kind)
        return plo_fail(err, PIPILO_EINVALID,
                        "%.160s is another kind of file than %.160s, which is to be made of it",
                        path, out);
    if (is_same_file(path, out))
        return plo_fail(err, PIPILO_EINVALID,
                        "%s is one of the shards, which stay as they are: name another output",
                        out);
    PLO_TRY(fail_missing(path, err));
    PLO_TRY(kind->open_part(part, err));
    if (part->shard.of == 0)
        return plo_fail(err, PIPILO_EINVALID,
                        "%s is no shard: it was made without --shard, or added to since", path);
    return 0;
}

static int by_part(const void *a, const void *b)
{
    const struct plo_part *left = a, *right = b;
    return left->shard.part - right->shard.part;
}

// Whether `part` is of the same whole as `first`.
static int check_same(const struct plo_part *first, const struct plo_part *part,
                      struct pipilo_error *err)
{
    const struct plo_shard *a = &first->shard, *b = &part->shard;
    if (a->of != b->of)
        return plo_fail(err, PIPILO_EMISMATCH, "%.160s is one of %d shards, %.160s one of %d",
                        first->path, a->of, part->path, b->of);
    PLO_TRY(plo_table_meta_match(&part->meta, &first->meta, part->path, err));
    if (part->meta.halves != first->meta.halves)
        return plo_table_fail_width(part->path, part->meta.halves, err);
    if (a->inputs != b->inputs || strcmp(a->names, b->names) != 0)
        return plo_fail(err, PIPILO_EMISMATCH,
                        "%.140s was made of %lld inputs, %.140s of %lld%s: all shards are made of "
                        "the same list",
                        first->path, (long long)a->inputs, part->path, (long long)b->inputs,
                        a->inputs == b->inputs ? " others" : "");
    return 0;
}

// The parts, in order: each is there, once, whole and of the same whole.
static int check_parts(const struct plo_part *parts, size_t count, struct pipilo_error *err)
{
    int of = parts[0].shard.of;
    for (size_t i = 1; i < count; i++)
        PLO_TRY(check_same(&parts[0], &parts[i], err));
    for (size_t i = 1; i < count; i++)
        if (parts[i].shard.part == parts[i - 1].shard.part)
            return plo_fail(err, PIPILO_EINVALID, "%.180s and %.180s are both shard %d/%d",
                            parts[i - 1].path, parts[i].path, parts[i].shard.part, of);
    for (int part = 1; part <= of; part++)
        if ((size_t)part > count || parts[part - 1].shard.part != part)
            return plo_fail(err, PIPILO_ENOTFOUND, "shard %d/%d is missing", part, of);
    for (size_t i = 0; i < count; i++) {
        int64_t wanted = (parts[i].shard.inputs - parts[i].shard.part + of) / of;
        if (parts[i].rows != wanted)
            return plo_fail(err, PIPILO_ECORRUPT,
                            "%s has %lld rows, and shard %d/%d of %lld inputs has %lld",
                            parts[i].path, (long long)parts[i].rows, parts[i].shard.part, of,
                            (long long)parts[i].shard.inputs, (long long)wanted);
    }
    return 0;
}

static int join(struct plo_table *out, struct plo_part *parts, size_t count,
                const struct plo_merge_options *options, struct pipilo_error *err)
{
    int64_t rows = parts[0].shard.inputs;
    for (int64_t row = 0; row < rows; row++) {
        if (options->progress != NULL && row % ASK_EVERY == 0 &&
            options->progress(options->cookie, row, rows) != 0)
            return plo_fail(err, PIPILO_ECANCELED, "the merge was stopped");
        struct plo_part *part = &parts[row % (int64_t)count];
        PLO_TRY(out->kind->join(out, part, row / (int64_t)count, err));
    }
    PLO_TRY(plo_table_finish(out, err));
    if (options->progress != NULL)
        (void)options->progress(options->cookie, rows, rows);
    return 0;
}

int plo_table_merge(const char *out, const char *const *shards, size_t count,
                    const struct plo_merge_options *options, struct pipilo_error *err)
{
    const struct plo_table_kind *kind = plo_table_kind_of(out);
    struct plo_table_options how = { .force = options->force };
    struct plo_table *table = NULL;
    if (kind == NULL || strcmp(out, "-") == 0)
        return plo_fail(err, PIPILO_EINVALID,
                        "the output %s ends in none of .db, .sqlite, .npy, .jsonl", out);
    if (count == 0)
        return plo_fail(err, PIPILO_EINVALID, "there are no shards to merge");
    struct plo_part *parts = plo_alloc0(count, sizeof *parts);
    if (parts == NULL)
        return plo_fail_nomem(err, count * sizeof *parts);
    int result = 0;
    size_t opened = 0;
    while (result == 0 && opened < count) {
        result = open_part(&parts[opened], shards[opened], kind, out, err);
        opened++;
    }
    if (result == 0) {
        qsort(parts, count, sizeof *parts, by_part);
        result = check_parts(parts, count, err);
    }
    if (result == 0)
        result = plo_table_create(&table, out, &parts[0].meta, &how, err);
    if (result == 0)
        result = join(table, parts, count, options, err);
    plo_table_close(table);
    close_parts(parts, opened, kind);
    return result;
}
