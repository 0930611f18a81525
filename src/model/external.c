// external.c: a walk over the tags and lengths of an ONNX file (see external.h).
//
// The way to a path: ModelProto.graph (7) > GraphProto.initializer (5) or .node (1) >
// AttributeProto (5) > .t (5), .tensors (10), .g (6), .graphs (11) > TensorProto.external_data (13)
// > StringStringEntryProto { key (1) = "location", value (2) }. ModelProto.functions (25) hold
// nodes too (7), GraphProto.sparse_initializer (15) two tensors (1, 2), an attribute one (22).
#include "model/external.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "core/fail.h"

enum message { MODEL, GRAPH, NODE, ATTRIBUTE, TENSOR, SPARSE, FUNCTION, ENTRY, NONE };

enum { MAX_DEPTH = 24 }; // graphs within attributes within graphs

// What a field of a message holds, where it leads to a path.
static enum message inside(enum message message, uint64_t field)
{
    switch (message) {
    case MODEL:
        return field == 7 ? GRAPH : field == 25 ? FUNCTION : NONE;
    case GRAPH:
        return field == 1 ? NODE : field == 5 ? TENSOR : field == 15 ? SPARSE : NONE;
    case FUNCTION:
        return field == 7 ? NODE : NONE;
    case NODE:
        return field == 5 ? ATTRIBUTE : NONE;
    case ATTRIBUTE:
        if (field == 5 || field == 10)
            return TENSOR;
        if (field == 22 || field == 23)
            return SPARSE;
        return field == 6 || field == 11 ? GRAPH : NONE;
    case SPARSE:
        return field == 1 || field == 2 ? TENSOR : NONE;
    case TENSOR:
        return field == 13 ? ENTRY : NONE;
    default:
        return NONE;
    }
}

// The file through a window. It is read, not mapped: a mapped file that shrinks ends the process.
struct reader {
    const char *path;
    int fd;
    uint64_t start; // of the window
    size_t length;
    uint8_t window[16 * 1024];
};

// A stretch of the file.
struct bytes {
    uint64_t at, end;
};

static bool read_byte(struct reader *r, struct bytes *b, uint8_t *out)
{
    if (b->at >= b->end)
        return false;
    if (b->at < r->start || b->at - r->start >= r->length) {
        ssize_t got = pread(r->fd, r->window, sizeof r->window, (off_t)b->at);
        r->start = b->at;
        r->length = got > 0 ? (size_t)got : 0;
        if (got <= 0)
            return false;
    }
    *out = r->window[b->at++ - r->start];
    return true;
}

static bool read_varint(struct reader *r, struct bytes *b, uint64_t *out)
{
    uint8_t byte;
    *out = 0;
    for (int shift = 0; shift < 64 && read_byte(r, b, &byte); shift += 7) {
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

// The next field: its number, and its content where it is length-delimited (else empty).
static bool next_field(struct reader *r, struct bytes *b, uint64_t *field, struct bytes *content)
{
    uint64_t tag, length = 0;
    // Of a longer tag readers keep 32 bits: a field that is one here may be another there.
    if (!read_varint(r, b, &tag) || tag > UINT32_MAX)
        return false;
    *field = tag >> 3;
    *content = (struct bytes){ 0, 0 };
    switch (tag & 7) {
    case 0:
        return read_varint(r, b, &length);
    case 1:
        length = 8;
        break;
    case 5:
        length = 4;
        break;
    case 2:
        if (!read_varint(r, b, &length))
            return false;
        break;
    default:
        return false;
    }
    if (length > b->end - b->at)
        return false;
    if ((tag & 7) == 2)
        *content = (struct bytes){ b->at, b->at + length };
    b->at += length;
    return true;
}

// A short text of the file; false where it is longer, holds a NUL or cannot be read.
static bool read_text(struct reader *r, struct bytes b, char *out, size_t out_size)
{
    size_t length = 0;
    uint8_t byte;
    if (b.end - b.at >= out_size)
        return false;
    while (b.at < b.end) {
        if (!read_byte(r, &b, &byte) || byte == 0)
            return false;
        out[length++] = (char)byte;
    }
    out[length] = '\0';
    return true;
}

static int add_name(struct plo_external *out, const char *path, const char *name,
                    struct pipilo_error *err)
{
    size_t length = strlen(name);
    bool up = strcmp(name, "..") == 0 || strncmp(name, "../", 3) == 0 ||
              strstr(name, "/../") != NULL || (length > 2 && strcmp(name + length - 3, "/..") == 0);
    if (name[0] == '\0' || name[0] == '/' || up)
        return plo_fail(err, PIPILO_EMODEL, "%s asks for '%s', outside its own folder", path, name);
    // ONNX Runtime's word for weights at an address of the process. OpenVINO would read there.
    if (strstr(name, "_ORT_MEM_ADDR_") != NULL)
        return plo_fail(err, PIPILO_EMODEL, "%s asks for '%s', which is memory and no file", path,
                        name);
    for (size_t i = 0; i < out->count; i++)
        if (strcmp(out->names[i], name) == 0)
            return 0;
    if (out->count == PLO_EXTERNAL_FILES)
        return plo_fail(err, PIPILO_EMODEL, "%s names more than %d files of weights", path,
                        PLO_EXTERNAL_FILES);
    memcpy(out->names[out->count++], name, length + 1);
    return 0;
}

static int walk(struct plo_external *out, struct reader *r, enum message message, struct bytes b,
                int depth, struct pipilo_error *err)
{
    char key[16] = "", value[PLO_EXTERNAL_NAME] = "";
    bool readable = true, graph = message != MODEL;
    if (depth > MAX_DEPTH)
        return plo_fail(err, PIPILO_EMODEL, "%s: its graphs are nested too deeply", r->path);
    while (b.at < b.end) {
        uint64_t field;
        struct bytes content;
        if (!next_field(r, &b, &field, &content))
            return plo_fail(err, PIPILO_EMODEL, "%s is no ONNX model, or is cut short", r->path);
        if (message == ENTRY && field == 1 && !read_text(r, content, key, sizeof key))
            key[0] = '\0';
        else if (message == ENTRY && field == 2)
            readable = read_text(r, content, value, sizeof value);
        graph = graph || field == 7;
        enum message next = inside(message, field);
        if (next != NONE && content.end != 0)
            PLO_TRY(walk(out, r, next, content, depth + 1, err));
    }
    if (!graph)
        return plo_fail(err, PIPILO_EMODEL, "%s is no ONNX model, it holds no graph", r->path);
    if (strcmp(key, "location") != 0)
        return 0;
    if (!readable)
        return plo_fail(err, PIPILO_EMODEL, "%s names a file of weights by odd bytes", r->path);
    return add_name(out, r->path, value, err);
}

// Where the model's folder really is; `out` holds PATH_MAX bytes. That of the path the model is
// opened by: a model.onnx that is a link has its weights beside the link.
static int real_folder(char *out, const char *onnx, int folder, struct pipilo_error *err)
{
    char *path = folder > 0 ? plo_format("%.*s", folder, onnx) : plo_strdup(".");
    if (path == NULL)
        return plo_fail_nomem(err, 0);
    int result = realpath(path, out) != NULL ? 0 : -errno;
    plo_free(path);
    return result < 0 ? plo_fail_errno(err, result, "the folder of %s", onnx) : 0;
}

// What is no regular file may hold the engine for ever (a FIFO) or never end (a device); what links
// lead out of the folder to, the engine refuses in words of its own.
static int check_file(const char *path, const char *real, const char *onnx, const char *name,
                      struct pipilo_error *err)
{
    struct stat status;
    char whole[PATH_MAX];
    if (access(path, R_OK) < 0 || stat(path, &status) < 0 || realpath(path, whole) == NULL)
        return plo_fail_errno(err, -errno, "the weights %s of %s", name, onnx);
    if (!S_ISREG(status.st_mode))
        return plo_fail(err, PIPILO_EMODEL,
                        "%.160s keeps weights in '%.100s', which is no regular file: put the file "
                        "itself there",
                        onnx, name);
    size_t length = strlen(real);
    bool inside = strncmp(whole, real, length) == 0 &&
                  (whole[length] == '/' || (length == 1 && real[0] == '/'));
    if (!inside)
        return plo_fail(err, PIPILO_EMODEL,
                        "%.120s keeps weights in '%.80s', which leads to %.120s, outside its own "
                        "folder: put the file itself there (cp -L)",
                        onnx, name, whole);
    return 0;
}

static int check_files(const struct plo_external *external, const char *onnx,
                       struct pipilo_error *err)
{
    const char *slash = strrchr(onnx, '/');
    int folder = slash != NULL ? (int)(slash - onnx) + 1 : 0;
    char real[PATH_MAX];
    if (external->count > 0)
        PLO_TRY(real_folder(real, onnx, folder, err));
    for (size_t i = 0; i < external->count; i++) {
        char *path = plo_format("%.*s%s", folder, onnx, external->names[i]);
        if (path == NULL)
            return plo_fail_nomem(err, 0);
        int code = check_file(path, real, onnx, external->names[i], err);
        plo_free(path);
        PLO_TRY(code);
    }
    return 0;
}

int plo_external_names(struct plo_external *out, const char *onnx, struct pipilo_error *err)
{
    out->count = 0;
    struct stat status;
    int fd = open(onnx, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return plo_fail_errno(err, -errno, "%s", onnx);
    struct reader *r = plo_alloc0(1, sizeof *r);
    int code = 0;
    if (r == NULL)
        code = plo_fail_nomem(err, sizeof *r);
    else if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size == 0)
        code = plo_fail(err, PIPILO_EMODEL, "%s is empty or no regular file", onnx);
    if (code == 0) {
        r->path = onnx;
        r->fd = fd;
        code = walk(out, r, MODEL, (struct bytes){ 0, (uint64_t)status.st_size }, 0, err);
    }
    plo_free(r);
    close(fd);
    return code;
}

int plo_external_find(struct plo_external *out, const char *onnx, struct pipilo_error *err)
{
    PLO_TRY(plo_external_names(out, onnx, err));
    return check_files(out, onnx, err);
}
