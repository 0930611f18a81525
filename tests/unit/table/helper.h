// helper.h: a scratch folder for a test, and rows to fill tables with.
#ifndef TEST_TABLE_HELPER_H
#define TEST_TABLE_HELPER_H

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
#include "base/file.h"
#include "core/live.h"
#include "table/table.h"

enum { DIM = 5 };

static const struct plo_table_meta meta = {
    .fingerprint = "id-1",
    .fingerprint_json = "{\"model\": \"m\"}",
    .model = "some model",
    .dim = DIM,
    .version = "0.1.0",
    .settings_json = "{\"precision\": \"f32\"}",
};

static char scratch[64];
static char before[4096];

static int enter_scratch(void **state)
{
    (void)state;
    snprintf(scratch, sizeof scratch, "/tmp/pipilo-table-XXXXXX");
    return getcwd(before, sizeof before) == NULL || mkdtemp(scratch) == NULL || chdir(scratch) < 0;
}

static int leave_scratch(void **state)
{
    (void)state;
    char command[256];
    snprintf(command, sizeof command, "rm -rf %s", scratch);
    return chdir(before) < 0 || system(command) != 0;
}

static inline bool exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

// The names in the scratch folder, in order, each followed by a space.
static inline const char *listing(void)
{
    static char text[4096];
    FILE *pipe = popen("ls -A | LC_ALL=C sort | tr '\\n' ' '", "r");
    assert_non_null(pipe);
    text[fread(text, 1, sizeof text - 1, pipe)] = '\0';
    pclose(pipe);
    return text;
}

// Row `n` of a test's table: each third one failed, values made from `n` and `salt`.
static inline void fill(struct plo_row *row, int n, int salt, char name[32], float vector[DIM])
{
    snprintf(name, 32, "photos/%03d.jpg", n);
    for (int i = 0; i < DIM; i++)
        vector[i] = (float)(n + 1) * 0.1f + (float)(i * i) * 0.7f + (float)salt;
    *row = (struct plo_row){
        .row = -1, .source = name, .size = 100 + (uint64_t)n, .mtime_ns = 1000 + n
    };
    if (n % 3 == 2) {
        row->code = n % 2 == 0 ? "truncated" : "corrupt";
        row->message = "the data end early";
    } else {
        row->vector = vector;
        row->width = 640;
        row->height = 480;
    }
}

static inline int write_rows(struct plo_table *table, int count, int salt, struct pipilo_error *err)
{
    for (int n = 0; n < count; n++) {
        struct plo_row row;
        char name[32];
        float vector[DIM];
        fill(&row, n, salt, name, vector);
        int known = plo_table_known(table, name, row.size, row.mtime_ns, &row.row, err);
        int result = known == 0 ? plo_table_append(table, &row, err) : known;
        if (result < 0)
            return result;
    }
    return 0;
}

// Makes a finished table of `count` rows.
static inline int make(const char *path, int count, int salt, struct plo_table_options options,
                       struct pipilo_error *err)
{
    struct plo_table *table = NULL;
    int result = plo_table_create(&table, path, &meta, &options, err);
    if (result == 0)
        result = write_rows(table, count, salt, err);
    if (result == 0)
        result = plo_table_finish(table, err);
    plo_table_close(table);
    return result;
}

#endif
