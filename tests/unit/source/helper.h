// helper.h: a scratch folder for a test, and walking through a source.
#ifndef TEST_SOURCE_HELPER_H
#define TEST_SOURCE_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "core/live.h"
#include "source/source.h"

static char scratch[64];
static char before[4096];

// Every test runs inside a folder of its own.
static int enter_scratch(void **state)
{
    (void)state;
    snprintf(scratch, sizeof scratch, "/tmp/pipilo-source-XXXXXX");
    return getcwd(before, sizeof before) == NULL || mkdtemp(scratch) == NULL || chdir(scratch) < 0;
}

static int leave_scratch(void **state)
{
    (void)state;
    char command[256];
    snprintf(command, sizeof command, "chmod -R u+rwx %s; rm -rf %s", scratch, scratch);
    return chdir(before) < 0 || system(command) != 0;
}

static inline void put(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static inline void put_text(const char *path, const char *text)
{
    put(path, text, strlen(text));
}

// All items as one text, "source" or "source!code" each followed by a space.
static char *walk(const struct plo_source_options *options, struct plo_source_counts *counts)
{
    static char text[65536];
    struct plo_source *source = NULL;
    struct plo_item item;
    struct pipilo_error err = { 0 };
    int64_t live = plo_alloc_live();
    size_t length = 0;
    assert_int_equal(plo_source_open(&source, options, &err), 0);
    int result = 0;
    while ((result = plo_source_next(source, &item, &err)) > 0) {
        const char *code = item.error.code < 0 ? pipilo_error_name(item.error.code) : "";
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%s%s ", item.source,
                                   item.error.code < 0 ? "!" : "", code);
        assert_true(item.error.code < 0 || (item.path != NULL) != (item.bytes != NULL));
        plo_item_reset(&item);
    }
    assert_int_equal(result, 0);
    // The end stays the end.
    assert_int_equal(plo_source_next(source, &item, &err), 0);
    if (counts != NULL)
        plo_source_skipped(source, counts);
    plo_source_close(source);
    assert_int_equal(plo_live_count(PLO_LIVE_SOURCE), 0);
    assert_int_equal(plo_alloc_live(), live);
    if (length > 0)
        text[length - 1] = '\0';
    else
        text[0] = '\0';
    return text;
}

#define WALK(...)                                                                         \
    walk(&(struct plo_source_options){ .inputs = (const char *const[]){ __VA_ARGS__ },    \
                                       .count = sizeof((const char *[]){ __VA_ARGS__ }) / \
                                                sizeof(char *) },                         \
         NULL)

// Makes every allocation on the way fail once; each time the source must end with PIPILO_ENOMEM or
// an item that says so, and free everything.
static inline void fail_each_allocation(const struct plo_source_options *options)
{
    int64_t live = plo_alloc_live();
    bool failed = true;
    for (int64_t nth = 1; failed; nth++) {
        struct plo_source *source = NULL;
        struct plo_item item;
        struct pipilo_error err = { 0 };
        failed = false;
        plo_alloc_fail_nth(nth);
        int result = plo_source_open(&source, options, &err);
        while (result >= 0 && (result = plo_source_next(source, &item, &err)) > 0) {
            failed = failed || item.error.code == PIPILO_ENOMEM;
            plo_item_reset(&item);
        }
        plo_source_close(source);
        plo_alloc_fail_nth(0);
        if (result < 0)
            assert_int_equal(err.code, PIPILO_ENOMEM);
        failed = failed || result < 0;
        assert_int_equal(plo_alloc_live(), live);
        assert_true(nth < 100000);
    }
}

#endif
