// helper.h: what the model tests share: a folder that goes away, files in it, and errors compared.
#ifndef TEST_MODEL_HELPER_H
#define TEST_MODEL_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "model/install.h"

// A new folder below TMPDIR, in `path`.
static inline void make_folder(char path[256])
{
    const char *base = getenv("TMPDIR");
    snprintf(path, 256, "%s/pipilo-test.XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(path));
}

// Writes folder/name, folders included.
static inline void write_file(const char *folder, const char *name, const void *data, size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    assert_int_equal(plo_file_make_folders(path), 0);
    *slash = '/';
    assert_int_equal(plo_file_replace(path, data, size), 0);
}

static inline void write_text(const char *folder, const char *name, const char *text)
{
    write_file(folder, name, text, strlen(text));
}

// The message must hold `part`.
#define assert_message(err, wanted_code, part)                    \
    do {                                                          \
        assert_int_equal((err).code, wanted_code);                \
        if (strstr((err).message, part) == NULL)                  \
            fail_msg("'%s' is not in '%s'", part, (err).message); \
    } while (0)

#endif
