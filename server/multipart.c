// multipart.c: the parts of a form (see multipart.h).
#include "multipart.h"

#include <string.h>
#include <strings.h>

enum { BOUNDARY = 70 }; // RFC 2046's most

// "--" and the boundary, in `out`; its length, or 0 where the type has none.
static size_t find_boundary(const char *type, char *out)
{
    const char *at = type != NULL ? strcasestr(type, "boundary=") : NULL;
    if (at == NULL)
        return 0;
    at += strlen("boundary=");
    bool quoted = *at == '"';
    at += quoted;
    size_t length = strcspn(at, quoted ? "\"" : "; \t");
    if (length == 0 || length > BOUNDARY)
        return 0;
    memcpy(out, "--", 2);
    memcpy(out + 2, at, length);
    return length + 2;
}

// The value of name="..." in a Content-Disposition of `length` bytes, cut to `size`.
static void read_value(const char *line, size_t length, const char *name, char *out, size_t size)
{
    size_t name_length = strlen(name);
    out[0] = '\0';
    for (size_t i = 0; i + name_length + 2 <= length; i++) {
        bool begins = i == 0 || line[i - 1] == ' ' || line[i - 1] == ';';
        if (!begins || strncasecmp(line + i, name, name_length) != 0 ||
            line[i + name_length] != '=' || line[i + name_length + 1] != '"')
            continue;
        size_t used = 0;
        for (i += name_length + 2; i < length && line[i] != '"' && used + 1 < size; i++) {
            if (line[i] == '\\' && i + 1 < length)
                i++;
            out[used++] = line[i] != '\0' ? line[i] : '?';
        }
        out[used] = '\0';
        return;
    }
}

// The head of a part, up to the empty line; where its content begins, or NULL.
static const char *read_head(const char *at, const char *end, struct multipart_part *part)
{
    static const char disposition[] = "content-disposition:";
    part->name[0] = part->filename[0] = '\0';
    for (;;) {
        const char *line_end = memmem(at, (size_t)(end - at), "\r\n", 2);
        if (line_end == NULL)
            return NULL;
        size_t length = (size_t)(line_end - at);
        if (length == 0)
            return line_end + 2;
        if (length > sizeof disposition &&
            strncasecmp(at, disposition, sizeof disposition - 1) == 0) {
            read_value(at, length, "name", part->name, sizeof part->name);
            read_value(at, length, "filename", part->filename, sizeof part->filename);
        }
        at = line_end + 2;
    }
}

int multipart_read(const char *type, const char *body, size_t size, void *cookie,
                   bool (*each)(void *cookie, const struct multipart_part *part))
{
    char mark[BOUNDARY + 4] = "\r\n";
    size_t length = find_boundary(type, mark + 2);
    const char *end = body + size;
    if (length == 0)
        return -1;
    // The first mark has no line before it.
    const char *at = memmem(body, size, mark + 2, length);
    while (at != NULL) {
        struct multipart_part part;
        at += at[0] != '\r' ? length : length + 2;
        if (end - at >= 2 && memcmp(at, "--", 2) == 0)
            return 0;
        if (end - at < 2 || memcmp(at, "\r\n", 2) != 0)
            return -1;
        const char *content = read_head(at + 2, end, &part);
        if (content == NULL)
            return -1;
        at = memmem(content - 2, (size_t)(end - content + 2), mark, length + 2);
        if (at == NULL)
            return -1;
        part.data = content;
        // An empty part's mark shares the line's end before it.
        part.size = at > content ? (size_t)(at - content) : 0;
        if (!each(cookie, &part))
            return 1;
    }
    return -1;
}
