// error.h: every failure pipilo can name.
//
// A function that can fail returns int: 0, or one of the negative PIPILO_E codes below. Its last
// parameter is a `struct pipilo_error *` that belongs to the caller and may be NULL; on failure it
// holds the code, where it happened and one line that says what was wrong. On success it is left
// untouched. Nothing is kept in a global or per-thread variable.
//
//     struct pipilo_error err;
//     if (pipilo_pipeline_parse(&p, text, &err) < 0)
//         fprintf(stderr, "%s: %s\n", pipilo_error_name(err.code), err.message);
//
// Threads: everything here may be called from any thread at any time.
#ifndef PIPILO_ERROR_H
#define PIPILO_ERROR_H

#include "export.h"

#ifdef __cplusplus
extern "C" {
#endif

// XX(symbol, number, name, text, exit status, HTTP status, Python exception)
// The name is what rows, JSON and messages show; docs/errors.md explains each.
#define PIPILO_ERROR_MAP(XX)                                                                    \
    XX(INVALID, -1, "invalid_argument", "an argument is not valid", 2, 400, "ValueError")       \
    XX(PIPELINE, -2, "invalid_pipeline", "the pipeline is not valid", 2, 400, "ValueError")     \
    XX(NOTFOUND, -3, "not_found", "there is no such thing", 3, 404, "FileNotFoundError")        \
    XX(EXISTS, -4, "already_exists", "it exists already", 4, 409, "FileExistsError")            \
    XX(MISMATCH, -5, "fingerprint_mismatch", "the vectors were made in another way", 4, 409,    \
       "ValueError")                                                                            \
    XX(IO, -6, "io_error", "reading or writing failed", 5, 500, "OSError")                      \
    XX(FORMAT, -7, "unsupported_format", "the data are not of a known format", 6, 415,          \
       "ValueError")                                                                            \
    XX(CORRUPT, -8, "corrupt", "the data are damaged", 6, 422, "ValueError")                    \
    XX(TRUNCATED, -9, "truncated", "the data end early", 6, 422, "ValueError")                  \
    XX(LIMIT, -10, "limit_exceeded", "a limit is exceeded", 6, 413, "ValueError")               \
    XX(MODEL, -11, "invalid_model", "the model or its card is not valid", 7, 422, "ValueError") \
    XX(ENGINE, -12, "engine_error", "the inference engine failed", 7, 500, "RuntimeError")      \
    XX(OPERATOR, -13, "operator_failed", "an operator failed", 8, 500, "RuntimeError")          \
    XX(NOMEM, -14, "out_of_memory", "the system gave no memory", 9, 503, "MemoryError")         \
    XX(BUDGET, -15, "out_of_memory_budget", "it needs more than the memory budget", 9, 503,     \
       "MemoryError")                                                                           \
    XX(NETWORK, -16, "network_error", "a transfer failed", 10, 502, "OSError")                  \
    XX(TIMEOUT, -17, "timeout", "it took too long", 10, 504, "TimeoutError")                    \
    XX(CANCELED, -18, "canceled", "it was stopped", 130, 499, "RuntimeError")                   \
    XX(BUSY, -19, "busy", "something is still in use", 11, 503, "RuntimeError")                 \
    XX(INTERNAL, -20, "internal", "a defect in pipilo", 70, 500, "RuntimeError")

enum pipilo_error_code {
    PIPILO_OK = 0,
#define XX(symbol, number, name, text, exit_status, http_status, python) PIPILO_E##symbol = number,
    PIPILO_ERROR_MAP(XX)
#undef XX
};

// What went wrong. `where` names the part or node, e.g. "image_decode-0"; it may be empty.
// `message` is one line without a full stop and without the code's text.
struct pipilo_error {
    int code;
    char where[64];
    char message[448];
};

// The code's name ("truncated"), its general text, and the statuses it maps to. `code` is 0 or a
// negative code; any other number is treated as PIPILO_EINTERNAL. The strings are static.
PIPILO_API const char *pipilo_error_name(int code);
PIPILO_API const char *pipilo_error_text(int code);
PIPILO_API const char *pipilo_error_python(int code);
PIPILO_API int pipilo_error_exit_status(int code);
PIPILO_API int pipilo_error_http_status(int code);

#ifdef __cplusplus
}
#endif
#endif
