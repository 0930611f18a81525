// inputs.c: counting inputs (the public side is <pipilo/inputs.h>).
#include <pipilo/inputs.h>

#include <string.h>
#include <sys/stat.h>

#include "core/fail.h"
#include "source/source.h"

// A member of an archive tells that there is one; counting on would mean to read it.
static int count_items(int64_t *out, struct plo_source *source, bool (*go_on)(void *cookie),
                       void *cookie, struct pipilo_error *err)
{
    enum { ASK_EVERY = 256 }; // calls between two questions whether to go on
    int64_t count = 0;
    for (int calls = 1;; calls++) {
        struct plo_item item;
        int result = plo_source_next(source, &item, err);
        if (go_on != NULL && (result == PLO_SOURCE_LATER || calls % ASK_EVERY == 0) &&
            !go_on(cookie)) {
            if (result == 1)
                plo_item_reset(&item);
            return plo_fail(err, PIPILO_ECANCELED, "counting was stopped");
        }
        if (result == PLO_SOURCE_LATER)
            continue;
        if (result <= 0) {
            *out = count;
            return result;
        }
        bool archive = item.key != NULL;
        plo_item_reset(&item);
        if (archive) {
            *out = -1;
            return 0;
        }
        count++;
    }
}

int pipilo_inputs_count(int64_t *out, const char *const *inputs, size_t count,
                        const char *files_from, bool (*go_on)(void *cookie), void *cookie,
                        struct pipilo_error *err)
{
    struct plo_source_options options = {
        .inputs = inputs, .count = count, .files_from = files_from, .pauses = true
    };
    struct plo_source *source = NULL;
    struct stat status;
    *out = -1;
    if (files_from != NULL && strcmp(files_from, "-") == 0)
        return 0;
    // What can be read once only is for the run to read.
    if (files_from != NULL && stat(files_from, &status) == 0 && !S_ISREG(status.st_mode))
        return 0;
    PLO_TRY(plo_source_open(&source, &options, err));
    int result = count_items(out, source, go_on, cookie, err);
    plo_source_close(source);
    return result;
}
