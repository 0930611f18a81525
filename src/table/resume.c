// resume.c: how a table outlives its writer, and how the next one goes on (see resume.h).
#include "table/resume.h"

#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "core/fail.h"
#include "table/kinds.h"
#include "table/meta_file.h"

// Rows are settled when this time has passed and a hundred times what settling last took: it costs
// a hundredth of the run at most, and a kill that much work.
enum { SETTLE_NS = 200000000, SETTLE_SHARE = 100 };

#define BEGIN_ANEW "without --resume and with --force it begins anew"

static bool is_there(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

int plo_resume_is_done(struct plo_table *table, bool *done, struct pipilo_error *err)
{
    char *partial = plo_format("%s.partial", table->path);
    if (partial == NULL)
        return plo_fail_nomem(err, 0);
    *done = !table->options.force && is_there(table->path) && !is_there(partial);
    table->resume.done = *done;
    plo_free(partial);
    return 0;
}

// --- what an earlier writer left ---

static int fail_part(const struct plo_table *table, const struct plo_shard *left,
                     struct pipilo_error *err)
{
    const struct plo_shard *own = &table->options.shard;
    if (left->of == 0)
        return plo_fail(err, PIPILO_EMISMATCH, "%s is no shard, and this run makes shard %d/%d",
                        table->path, own->part, own->of);
    if (own->of == 0)
        return plo_fail(err, PIPILO_EMISMATCH, "%s is shard %d/%d, and this run makes the whole",
                        table->path, left->part, left->of);
    return plo_fail(err, PIPILO_EMISMATCH, "%s is shard %d/%d, and this run makes shard %d/%d",
                    table->path, left->part, left->of, own->part, own->of);
}

static int check_head(const struct plo_table *table, const struct plo_journal_head *head,
                      struct pipilo_error *err)
{
    PLO_TRY(plo_table_meta_match(&head->meta, &table->meta, table->path, err));
    if (head->meta.halves != table->meta.halves)
        return plo_table_fail_width(table->path, head->meta.halves, err);
    if (head->thumbnails != table->options.thumbnails)
        return plo_fail(err, PIPILO_EMISMATCH,
                        "%s was begun %s --thumbnails: resume it so, or " BEGIN_ANEW, table->path,
                        head->thumbnails ? "with" : "without");
    if (head->max_pixels != table->options.max_pixels)
        return plo_fail(err, PIPILO_EMISMATCH,
                        "%s was begun with at most %llu pixels a picture, and this run takes %llu: "
                        "resume it with --max-pixels %llu; " BEGIN_ANEW,
                        table->path, (unsigned long long)head->max_pixels,
                        (unsigned long long)table->options.max_pixels,
                        (unsigned long long)head->max_pixels);
    if (head->shard.part != table->options.shard.part || head->shard.of != table->options.shard.of)
        return fail_part(table, &head->shard, err);
    return 0;
}

// A finished OUT, and beside it what a run that was to replace it has left.
static int fail_begun(const char *path, struct pipilo_error *err)
{
    return plo_fail(err, PIPILO_EEXISTS,
                    "%s is there already, and so is a run that was begun to replace it: --resume "
                    "--force goes on with that",
                    path);
}

static int look(struct plo_table *table, const char *path, uint64_t size,
                struct plo_journal_state *state, struct pipilo_error *err)
{
    int result = plo_journal_read(state, path, err);
    PLO_TRY(result);
    bool usable = result > 0 && size > 0;
    if (!(usable && state->complete) && !table->options.force && is_there(table->path))
        result = usable ? fail_begun(table->path, err) : plo_table_fail_exists(table->path, err);
    else if (!usable) {
        // Nothing whole was left; what there is goes when this run fails, too.
        table->resume.keep = false;
        plo_journal_state_reset(state);
        return 0;
    }
    if (result >= 0)
        result = check_head(table, &state->head, err);
    if (result == 0)
        result = plo_journal_open(&table->resume.journal, path, state, err);
    if (result < 0)
        plo_journal_state_reset(state);
    return result < 0 ? result : 1;
}

int plo_resume_look(struct plo_table *table, uint64_t size, struct plo_journal_state *state,
                    struct pipilo_error *err)
{
    char *path = plo_journal_path(table->path);
    int result = 0;
    memset(state, 0, sizeof *state);
    if (path == NULL)
        return plo_fail_nomem(err, 0);
    if (table->options.resume) {
        table->resume.keep = true;
        result = look(table, path, size, state, err);
    } else if (size > 0 && !table->options.force && is_there(path)) {
        table->resume.keep = true;
        result = plo_fail(err, PIPILO_EEXISTS,
                          "%s.partial holds the rows of a run that was stopped: --resume goes on "
                          "with it, --force begins anew",
                          table->path);
    } else {
        struct plo_journal journal = PLO_JOURNAL_INIT;
        journal.path = path;
        plo_journal_close(&journal, false);
        path = NULL;
    }
    plo_free(path);
    return result;
}

int plo_resume_begin(struct plo_table *table, uint64_t marks_at, struct pipilo_error *err)
{
    if (!table->options.resume)
        return 0;
    struct plo_journal_head head = {
        .meta = table->meta,
        .thumbnails = table->options.thumbnails,
        .max_pixels = table->options.max_pixels,
        .shard = table->options.shard,
        .marks_at = marks_at,
    };
    uint64_t lines = 0;
    PLO_TRY(table->kind->settle(table, &lines, err));
    char *path = plo_journal_path(table->path);
    if (path == NULL)
        return plo_fail_nomem(err, 0);
    int result = plo_journal_create(&table->resume.journal, path, &head, err);
    table->resume.settle_at = plo_clock_ns() + SETTLE_NS;
    plo_free(path);
    return result;
}

// --- the inputs again ---

int plo_resume_known(struct plo_table *table, const char *source, uint64_t size, int64_t mtime_ns,
                     struct pipilo_error *err)
{
    struct plo_resume *resume = &table->resume;
    struct plo_past past;
    char mark[PLO_MARK_TEXT];
    resume->told = true;
    if (resume->asked >= resume->rows) {
        if (resume->done)
            return plo_fail(err, PIPILO_EMISMATCH,
                            "%.160s is finished, with %lld rows, and the inputs go on with %.160s: "
                            "--update adds what is new",
                            table->path, (long long)resume->rows, source);
        return 0;
    }
    PLO_TRY(table->kind->past(table, resume->asked, &past, err));
    if (strcmp(past.source, source) != 0)
        return plo_fail(err, PIPILO_EMISMATCH,
                        "row %lld of %.100s was made of %.100s, and the inputs now have %.100s "
                        "there: resume it with the same inputs; " BEGIN_ANEW,
                        (long long)resume->asked, table->path, past.source, source);
    plo_mark_text(plo_table_mark(size, mtime_ns), mark);
    if (memcmp(mark, past.mark, sizeof mark) != 0)
        return plo_fail(err, PIPILO_EMISMATCH,
                        "%.160s has changed since row %lld of %.160s was made of it: %s", source,
                        (long long)resume->asked, table->path,
                        resume->done ? "--update makes it again" : BEGIN_ANEW);
    resume->errors += past.failed;
    resume->asked++;
    return 1;
}

int plo_resume_check(const struct plo_table *table, struct pipilo_error *err)
{
    const struct plo_resume *resume = &table->resume;
    if (!table->options.resume || (resume->told && resume->asked >= resume->rows && !resume->done))
        return 0;
    return plo_fail(err, PIPILO_EPIPELINE,
                    "%s is to be resumed: read_dir must have it among its tables", table->path);
}

int plo_resume_check_end(const struct plo_table *table, struct pipilo_error *err)
{
    const struct plo_resume *resume = &table->resume;
    if (resume->asked < resume->rows)
        return plo_fail(err, PIPILO_EMISMATCH,
                        "the inputs end after %lld, and %s has %lld rows of an earlier run: resume "
                        "it with the same inputs; " BEGIN_ANEW,
                        (long long)resume->asked, table->path, (long long)resume->rows);
    const struct plo_shard *own = &table->options.shard, *there = &table->shard;
    if (resume->done && (own->part != there->part || own->of != there->of))
        return fail_part(table, there, err);
    if (resume->done && own->of > 0 &&
        (own->inputs != there->inputs || strcmp(own->names, there->names) != 0))
        return plo_fail(err, PIPILO_EMISMATCH,
                        "%s is a shard of %lld inputs, and now there are %lld or others: %s",
                        table->path, (long long)there->inputs, (long long)own->inputs, BEGIN_ANEW);
    return 0;
}

// --- what is whole ---

static int settle(struct plo_table *table, struct pipilo_error *err)
{
    struct plo_resume *resume = &table->resume;
    uint64_t lines = 0;
    int64_t start = plo_clock_ns();
    PLO_TRY(table->kind->settle(table, &lines, err));
    PLO_TRY(plo_journal_add(&resume->journal, table->rows, lines, false, err));
    int64_t now = plo_clock_ns(), pause = SETTLE_SHARE * (now - start);
    resume->settle_at = now + (pause > SETTLE_NS ? pause : SETTLE_NS);
    resume->keep = true;
    return 0;
}

int plo_resume_tick(struct plo_table *table, struct pipilo_error *err)
{
    if (!table->options.resume || plo_clock_ns() < table->resume.settle_at)
        return 0;
    return settle(table, err);
}

int plo_resume_complete(struct plo_table *table, uint64_t lines, struct pipilo_error *err)
{
    if (!table->options.resume)
        return 0;
    table->resume.keep = true;
    return plo_journal_add(&table->resume.journal, table->rows, lines, true, err);
}

void plo_resume_save(struct plo_table *table)
{
    // What failed is not to be trusted; the journal's last line stands.
    if (!table->failed && table->appended > 0)
        (void)settle(table, NULL);
}

void plo_resume_close(struct plo_table *table)
{
    struct plo_resume *resume = &table->resume;
    // A writer that was killed between its last rename and this has left its journal.
    if (table->finished && resume->done && resume->journal.path == NULL)
        resume->journal.path = plo_journal_path(table->path);
    plo_journal_close(&resume->journal, !table->finished && resume->keep);
}
