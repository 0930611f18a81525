// fail.c: the error table's texts and the functions that fill an error (see fail.h).
#include "core/fail.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

struct row {
    const char *name;
    const char *text;
    const char *python;
    int exit_status;
    int http_status;
};

// Indexed by the negated code.
static const struct row rows[] = { { "ok", "success", "", 0, 200 },
#define XX(symbol, number, name, text, exit_status, http_status, python) \
    [-(number)] = { name, text, python, exit_status, http_status },
                                   PIPILO_ERROR_MAP(XX)
#undef XX
};

static const struct row *row_of(int code)
{
    bool known = code <= 0 && code > -(int)PLO_COUNT(rows);
    return &rows[known ? -code : -PIPILO_EINTERNAL];
}

const char *pipilo_error_name(int code)
{
    return row_of(code)->name;
}

const char *pipilo_error_text(int code)
{
    return row_of(code)->text;
}

const char *pipilo_error_python(int code)
{
    return row_of(code)->python;
}

int pipilo_error_exit_status(int code)
{
    return row_of(code)->exit_status;
}

int pipilo_error_http_status(int code)
{
    return row_of(code)->http_status;
}

static void fill(struct pipilo_error *err, int code, const char *format, va_list args)
{
    err->code = code;
    err->where[0] = '\0';
    int whole = vsnprintf(err->message, sizeof err->message, format, args);
    if (whole >= (int)sizeof err->message)
        err->message[plo_str_whole(err->message, sizeof err->message - 1)] = '\0';
    // One line, whatever a library's text or a file's name holds.
    for (char *c = err->message; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20)
            *c = ' ';
}

int plo_fail(struct pipilo_error *err, int code, const char *format, ...)
{
    if (err != NULL) {
        va_list args;
        va_start(args, format);
        fill(err, code, format, args);
        va_end(args);
    }
    return code;
}

int plo_fail_nomem(struct pipilo_error *err, size_t bytes)
{
    if (bytes == 0)
        return plo_fail(err, PIPILO_ENOMEM, "the system gave no memory");
    return plo_fail(err, PIPILO_ENOMEM, "the system gave no memory for %zu bytes", bytes);
}

int plo_fail_errno(struct pipilo_error *err, int negative_errno, const char *format, ...)
{
    int code = PIPILO_EIO;
    if (negative_errno == -ENOENT || negative_errno == -ENOTDIR)
        code = PIPILO_ENOTFOUND;
    else if (negative_errno == -ENOMEM)
        code = PIPILO_ENOMEM;
    else if (negative_errno == -EFBIG)
        code = PIPILO_ELIMIT;
    if (err != NULL) {
        va_list args;
        va_start(args, format);
        fill(err, code, format, args);
        va_end(args);
        size_t used = strlen(err->message);
        char text[96];
        snprintf(err->message + used, sizeof err->message - used, ": %s",
                 strerror_r(-negative_errno, text, sizeof text));
    }
    return code;
}

void plo_fail_where(struct pipilo_error *err, const char *where)
{
    if (err != NULL && err->where[0] == '\0')
        snprintf(err->where, sizeof err->where, "%s", where);
}
