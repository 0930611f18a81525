// answer.c: what routes say, in one shape (see exchange.h).
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "exchange.h"

void answer_json(struct exchange *exchange, int status)
{
    exchange->status = status;
    exchange->type = "application/json";
}

void answer_header(struct exchange *exchange, const char *name, const char *format, ...)
{
    if (exchange->header_count == EXCHANGE_HEADERS)
        return;
    size_t at = exchange->header_count++;
    exchange->headers[at].name = name;
    va_list args;
    va_start(args, format);
    vsnprintf(exchange->headers[at].value, sizeof exchange->headers[at].value, format, args);
    va_end(args);
}

static const char *type_of(int status)
{
    return status == 401   ? "authentication_error"
           : status == 403 ? "permission_error"
           : status == 429 ? "rate_limit_error"
           : status >= 500 ? "server_error"
                           : "invalid_request_error";
}

void add_error_object(struct text *text, int status, const char *code, const char *param,
                      const char *message)
{
    text_add(text, "{\"message\": ");
    text_add_json(text, message);
    text_addf(text, ", \"type\": \"%s\", \"param\": ", type_of(status));
    if (param != NULL)
        text_add_json(text, param);
    else
        text_add(text, "null");
    text_add(text, ", \"code\": ");
    text_add_json(text, code);
    text_add(text, "}");
}

void answer_error(struct exchange *exchange, int status, const char *code, const char *param,
                  const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    text_reset(&exchange->answer);
    exchange->still = NULL;
    text_add(&exchange->answer, "{\"error\": ");
    add_error_object(&exchange->answer, status, code, param, message);
    text_add(&exchange->answer, "}\n");
    answer_json(exchange, status);
    if (status == 429 || status == 503)
        answer_header(exchange, "Retry-After", "1");
}

void answer_failure(struct exchange *exchange, const struct pipilo_error *err, const char *param)
{
    answer_error(exchange, pipilo_error_http_status(err->code), pipilo_error_name(err->code), param,
                 "%s", err->message[0] != '\0' ? err->message : pipilo_error_text(err->code));
}

bool exchange_number(struct exchange *exchange, const char *name, long long fallback,
                     long long least, long long most, long long *out)
{
    const char *text = exchange_query(exchange, name);
    char *end = NULL;
    *out = fallback;
    if (text == NULL)
        return true;
    errno = 0;
    *out = strtoll(text, &end, 10);
    if (end != text && *end == '\0' && errno == 0 && *out >= least && *out <= most)
        return true;
    answer_error(exchange, 400, "invalid_argument", name, "%s is a whole number from %lld to %lld",
                 name, least, most);
    return false;
}

void exchange_type(const struct exchange *exchange, char *out, size_t size)
{
    const char *type = exchange_header(exchange, "Content-Type");
    size_t length = type != NULL ? strcspn(type, "; \t") : 0;
    if (length >= size)
        length = size - 1;
    if (length > 0)
        memcpy(out, type, length);
    out[length] = '\0';
}

bool exchange_accepts(const struct exchange *exchange, const char *type)
{
    const char *accept = exchange_header(exchange, "Accept");
    size_t length = strlen(type);
    while (accept != NULL && *accept != '\0') {
        accept += strspn(accept, " \t,");
        if (strncasecmp(accept, type, length) == 0 && strchr(" \t,;", accept[length]) != NULL)
            return true;
        accept += strcspn(accept, ",");
    }
    return false;
}
