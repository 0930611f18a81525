// table.c: chooses the kind of a table by its path, checks arguments and keeps what all kinds
// share.
#include "table/table.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/file.h"
#include "core/fail.h"
#include "core/fingerprint.h"
#include "core/live.h"
#include "table/kinds.h"

// Vectors go to files as they lie in memory.
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tables are written little-endian");

const struct plo_table_kind *plo_table_kind_of(const char *path)
{
    static const struct {
        const char *suffix;
        const struct plo_table_kind *kind;
    } kinds[] = {
        { "db", &plo_table_sqlite },
        { "sqlite", &plo_table_sqlite },
        { "npy", &plo_table_npy },
        { "jsonl", &plo_table_jsonl },
    };
    if (strcmp(path, "-") == 0)
        return &plo_table_jsonl;
    const char *suffix = plo_file_suffix(path);
    for (size_t i = 0; i < PLO_COUNT(kinds); i++)
        if (strcasecmp(suffix, kinds[i].suffix) == 0)
            return kinds[i].kind;
    return NULL;
}

// --- meta ---

static const char *copy_text(const char *text, const char *otherwise)
{
    return plo_strdup(text != NULL ? text : otherwise);
}

int plo_table_meta_copy(struct plo_table_meta *to, const struct plo_table_meta *from,
                        struct pipilo_error *err)
{
    to->fingerprint = copy_text(from->fingerprint, "");
    to->fingerprint_json = copy_text(from->fingerprint_json, "{}");
    to->noted_json = copy_text(from->noted_json, "{}");
    to->model = copy_text(from->model, "");
    to->version = copy_text(from->version, "");
    to->settings_json = copy_text(from->settings_json, "{}");
    to->dim = from->dim;
    to->halves = from->halves;
    if (to->fingerprint != NULL && to->fingerprint_json != NULL && to->noted_json != NULL &&
        to->model != NULL && to->version != NULL && to->settings_json != NULL)
        return 0;
    plo_table_meta_reset(to);
    return plo_fail_nomem(err, 0);
}

void plo_table_meta_reset(struct plo_table_meta *meta)
{
    plo_free((char *)meta->fingerprint);
    plo_free((char *)meta->fingerprint_json);
    plo_free((char *)meta->noted_json);
    plo_free((char *)meta->model);
    plo_free((char *)meta->version);
    plo_free((char *)meta->settings_json);
    memset(meta, 0, sizeof *meta);
}

int plo_table_meta_match(const struct plo_table_meta *stored, const struct plo_table_meta *own,
                         const char *path, struct pipilo_error *err)
{
    struct pipilo_error what;
    if (strcmp(stored->fingerprint, own->fingerprint) != 0 &&
        plo_fingerprint_compare(stored->fingerprint_json, own->fingerprint_json, &what) ==
            PIPILO_EMISMATCH)
        return plo_fail(err, PIPILO_EMISMATCH, "%.160s: %s", path, what.message);
    if (strcmp(stored->fingerprint, own->fingerprint) != 0)
        return plo_fail(err, PIPILO_EMISMATCH,
                        "the vectors in %s have the fingerprint %s, this run's have %s", path,
                        stored->fingerprint, own->fingerprint);
    if (stored->dim != own->dim)
        return plo_fail(err, PIPILO_EMISMATCH, "the vectors in %s have %zu values, this run's %zu",
                        path, stored->dim, own->dim);
    return 0;
}

int plo_table_fail_width(const char *path, bool halves, struct pipilo_error *err)
{
    return plo_fail(err, PIPILO_EMISMATCH, "the vectors in %s are kept as %s, this run's as %s",
                    path, halves ? "f16" : "f32", halves ? "f32" : "f16");
}

uint64_t plo_table_mark(uint64_t size, int64_t mtime_ns)
{
    // The finalizer of MurmurHash3, once for each number.
    uint64_t mix = (uint64_t)mtime_ns;
    for (int i = 0; i < 2; i++) {
        mix = (mix ^ mix >> 33) * 0xff51afd7ed558ccdu;
        mix = (mix ^ mix >> 33) * 0xc4ceb9fe1a85ec53u;
        mix ^= mix >> 33;
        mix ^= i == 0 ? size : 0;
    }
    return mix >> 16;
}

bool plo_table_is_text(const void *data, size_t size)
{
    const unsigned char *s = data;
    for (size_t i = 0; i < size;) {
        size_t length = s[i] < 0x80 ? 1 : s[i] >= 0xf0 ? 4 : s[i] >= 0xe0 ? 3 : 2;
        bool bad = s[i] == 0 || (s[i] >= 0x80 && s[i] < 0xc2) || s[i] > 0xf4 || size - i < length;
        for (size_t j = 1; !bad && j < length; j++)
            bad = (s[i + j] & 0xc0) != 0x80;
        if (bad || (s[i] == 0xe0 && s[i + 1] < 0xa0) || (s[i] == 0xed && s[i + 1] > 0x9f) ||
            (s[i] == 0xf0 && s[i + 1] < 0x90) || (s[i] == 0xf4 && s[i + 1] > 0x8f))
            return false;
        i += length;
    }
    return true;
}

int plo_table_fail_exists(const char *path, struct pipilo_error *err)
{
    return plo_fail(err, PIPILO_EEXISTS,
                    "%s is there already: --update adds to it, --force replaces it", path);
}

// --- writing ---

static int new_table(struct plo_table **out, const struct plo_table_kind *kind, const char *path,
                     struct pipilo_error *err)
{
    struct plo_table *table = plo_alloc0(1, sizeof *table);
    char *copy = plo_strdup(path);
    if (table == NULL || copy == NULL) {
        plo_free(table);
        plo_free(copy);
        return plo_fail_nomem(err, 0);
    }
    table->kind = kind;
    table->path = copy;
    table->resume.journal = PLO_JOURNAL_INIT;
    plo_live_add(PLO_LIVE_TABLE, 1);
    *out = table;
    return 0;
}

// Where an OUT that is changed or replaced really is: behind a link, what it links to. `whole`
// holds PATH_MAX bytes.
static int follow_link(const char **path, char *whole, const struct plo_table_kind *kind,
                       struct pipilo_error *err)
{
    struct stat status;
    if (lstat(*path, &status) < 0 || !S_ISLNK(status.st_mode))
        return 0;
    if (realpath(*path, whole) == NULL)
        return plo_fail_errno(err, -errno, "cannot follow the link %s", *path);
    // The names beside it are made from its own.
    if (plo_table_kind_of(whole) != kind)
        return plo_fail(err, PIPILO_EINVALID, "%.160s links to %.160s, which ends in another way",
                        *path, whole);
    *path = whole;
    return 0;
}

// An OUT that is there, and whether this run may touch it.
static int check_present(const char *path, struct plo_table_options *options,
                         struct pipilo_error *err)
{
    struct stat status;
    bool there = lstat(path, &status) == 0;
    if (there && S_ISDIR(status.st_mode))
        return plo_fail(err, PIPILO_EEXISTS, "%s is a folder", path);
    // What a finished OUT is to a resume follows when it is known what lies beside it.
    if (there && !options->force && !options->update && !options->resume)
        return plo_table_fail_exists(path, err);
    options->update = options->update && there;
    return 0;
}

// What is wrong with the options, or with what they are to be used for; else 0.
static int check_options(const struct plo_table_kind *kind, const char *path,
                         const struct plo_table_meta *meta, const struct plo_table_options *options,
                         struct pipilo_error *err)
{
    if (kind == NULL)
        return plo_fail(err, PIPILO_EINVALID,
                        "the output %s ends in none of .db, .sqlite, .npy, .jsonl, and is not -",
                        path);
    if (meta->dim == 0 || meta->dim > PLO_TABLE_DIM_LIMIT)
        return plo_fail(err, PIPILO_EINVALID, "vectors of %zu values cannot be kept", meta->dim);
    if (options->force && options->update)
        return plo_fail(err, PIPILO_EINVALID, "an output is either replaced or updated");
    if (options->resume && options->update)
        return plo_fail(err, PIPILO_EINVALID,
                        "an update is not resumed: done again, it does what is left to do");
    if (options->update && options->shard.of > 0)
        return plo_fail(err, PIPILO_EINVALID, "a shard is not updated: merge the shards first");
    if (strcmp(path, "-") == 0 && (options->resume || options->shard.of > 0))
        return plo_fail(err, PIPILO_EINVALID,
                        "standard output cannot be %s: an output that is a file is needed",
                        options->resume ? "resumed" : "a shard");
    return 0;
}

static int begin_writing(struct plo_table *table, struct pipilo_error *err)
{
    bool done = false;
    int result = 0;
    if (table->options.resume)
        PLO_TRY(plo_resume_is_done(table, &done, err));
    result = done ? table->kind->reopen(table, err) : table->kind->create(table, err);
    if (table->options.resume && result == 0)
        table->resume.rows = table->rows;
    return result;
}

int plo_table_create(struct plo_table **out, const char *path, const struct plo_table_meta *meta,
                     const struct plo_table_options *options, struct pipilo_error *err)
{
    const struct plo_table_kind *kind = plo_table_kind_of(path);
    struct plo_table_options chosen = *options;
    struct plo_table *table = NULL;
    char whole[PATH_MAX];
    PLO_TRY(check_options(kind, path, meta, options, err));
    if (strcmp(path, "-") == 0)
        chosen.update = chosen.force = false;
    else if (chosen.update || chosen.force || chosen.resume)
        PLO_TRY(follow_link(&path, whole, kind, err));
    if (strcmp(path, "-") != 0)
        PLO_TRY(check_present(path, &chosen, err));
    PLO_TRY(new_table(&table, kind, path, err));
    table->writing = true;
    table->options = chosen;
    table->options.shard.inputs = -1;
    int result = plo_table_meta_copy(&table->meta, meta, err);
    if (result == 0)
        result = begin_writing(table, err);
    if (result < 0) {
        table->failed = true;
        plo_table_close(table);
        return result;
    }
    *out = table;
    return 0;
}

int plo_table_known(struct plo_table *table, const char *source, uint64_t size, int64_t mtime_ns,
                    int64_t *row, struct pipilo_error *err)
{
    *row = -1;
    if (table->options.resume)
        return plo_resume_known(table, source, size, mtime_ns, err);
    if (!table->options.update)
        return 0;
    return table->kind->known(table, source, size, mtime_ns, row, err);
}

int64_t plo_table_resumed(const struct plo_table *table)
{
    return table->resume.rows;
}

int64_t plo_table_resumed_errors(const struct plo_table *table)
{
    return table->resume.errors;
}

void plo_table_inputs(struct plo_table *table, int64_t inputs, const char *names)
{
    table->options.shard.inputs = inputs;
    memcpy(table->options.shard.names, names, PLO_SHARD_NAMES);
}

int plo_table_append(struct plo_table *table, const struct plo_row *row, struct pipilo_error *err)
{
    if (table->failed)
        return plo_fail(err, PIPILO_EIO, "an earlier row could not be written to %s", table->path);
    int result = plo_resume_check(table, err);
    if (result == 0)
        result = table->kind->append(table, row, err);
    if (result == 0)
        result = plo_resume_tick(table, err);
    table->failed = result < 0;
    table->appended += result == 0 ? 1 : 0;
    return result;
}

int plo_table_finish(struct plo_table *table, struct pipilo_error *err)
{
    if (table->failed)
        return plo_fail(err, PIPILO_EIO, "an earlier row could not be written to %s", table->path);
    if (table->options.shard.of > 0 && table->options.shard.inputs < 0)
        return plo_fail(err, PIPILO_EPIPELINE,
                        "%s is a shard: read_dir must have it among its tables", table->path);
    PLO_TRY(plo_resume_check_end(table, err));
    int result = table->resume.done ? 0 : table->kind->finish(table, err);
    table->finished = result == 0;
    table->failed = true;
    return result;
}

int64_t plo_table_appended(const struct plo_table *table)
{
    return table->appended;
}

// --- reading ---

int plo_table_open(struct plo_table **out, const char *path, struct pipilo_error *err)
{
    const struct plo_table_kind *kind = plo_table_kind_of(path);
    struct plo_table *table = NULL;
    if (kind == NULL || kind->open == NULL)
        return plo_fail(err, PIPILO_EFORMAT, "%s is no store: those end in .db, .sqlite or .npy",
                        path);
    PLO_TRY(new_table(&table, kind, path, err));
    // Looked at first: what comes to lie there in the meantime is then known to be another.
    plo_table_stamp_take(table);
    int result = kind->open(table, err);
    if (result < 0) {
        plo_table_close(table);
        return result;
    }
    *out = table;
    return 0;
}

const struct plo_table_meta *plo_table_meta(const struct plo_table *table)
{
    return &table->meta;
}

const struct plo_shard *plo_table_shard(const struct plo_table *table)
{
    return &table->shard;
}

int64_t plo_table_rows(const struct plo_table *table)
{
    return table->rows;
}

int plo_table_vectors(struct plo_table *table, int64_t first, size_t count, float *out,
                      uint8_t *valid, struct pipilo_error *err)
{
    if (first < 0 || first > table->rows || count > (uint64_t)(table->rows - first))
        return plo_fail(err, PIPILO_EINVALID, "rows %lld to %lld are not in the store",
                        (long long)first, (long long)first + (long long)count - 1);
    return count > 0 ? table->kind->vectors(table, first, count, out, valid, err) : 0;
}

int plo_table_map(struct plo_table *table, const void **out, struct pipilo_error *err)
{
    *out = NULL;
    return table->kind->map != NULL && table->rows > 0 ? table->kind->map(table, out, err) : 0;
}

int plo_table_row(struct plo_table *table, int64_t number, struct plo_row *row,
                  struct pipilo_error *err)
{
    memset(row, 0, sizeof *row);
    if (number < 0 || number >= table->rows)
        return plo_fail(err, PIPILO_ENOTFOUND, "row %lld is not in the store, which has %lld",
                        (long long)number, (long long)table->rows);
    return table->kind->row(table, number, row, err);
}

int plo_table_count_error(struct plo_table *table, const char *code, struct pipilo_error *err)
{
    size_t at = 0;
    while (at < table->count_count && strcmp(table->counts[at].code, code) < 0)
        at++;
    if (at < table->count_count && strcmp(table->counts[at].code, code) == 0) {
        table->counts[at].rows++;
        return 0;
    }
    // Codes are few; a store with more was not written by pipilo.
    if (table->count_count == 256)
        return plo_fail(err, PIPILO_ECORRUPT,
                        "%s has more than 256 error codes: pipilo did not write it", table->path);
    char *copy = plo_strdup(code);
    struct plo_table_count *counts =
        plo_realloc(table->counts, table->count_count + 1, sizeof *counts);
    if (counts != NULL)
        table->counts = counts;
    if (copy == NULL || counts == NULL) {
        plo_free(copy);
        return plo_fail_nomem(err, 0);
    }
    memmove(counts + at + 1, counts + at, (table->count_count - at) * sizeof *counts);
    counts[at] = (struct plo_table_count){ .code = copy, .rows = 1 };
    table->count_count++;
    return 0;
}

int plo_table_errors(struct plo_table *table, const struct plo_table_count **counts, size_t *count,
                     struct pipilo_error *err)
{
    if (!table->counted) {
        // One that broke off half-way is started again.
        for (size_t i = 0; i < table->count_count; i++)
            table->counts[i].rows = 0;
        PLO_TRY(table->kind->errors(table, err));
        table->counted = true;
    }
    *counts = table->counts;
    *count = table->count_count;
    return 0;
}

void plo_table_close(struct plo_table *table)
{
    if (table == NULL)
        return;
    if (table->options.resume && !table->finished)
        plo_resume_save(table);
    table->kind->close(table);
    plo_resume_close(table);
    plo_table_meta_reset(&table->meta);
    for (size_t i = 0; i < table->count_count; i++)
        plo_free((char *)table->counts[i].code);
    plo_free(table->counts);
    plo_free(table->path);
    plo_free(table);
    plo_live_add(PLO_LIVE_TABLE, -1);
}
