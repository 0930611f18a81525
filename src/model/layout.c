// layout.c: the table, and the file of what was measured (see layout.h): one line a model,
// "key streams threads batch". A line that is not so is passed over.
#include "model/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cpu_id.h"
#include "base/file.h"
#include "base/sha256.h"
#include "core/fail.h"
#include "model/cache_folder.h"

enum { KEY_DIGITS = 32, CEILING = 1 << 20, MOST = 1024 };

// Measured: a stream a core and batch 1 are best at f32; see docs/performance.md.
struct plo_model_layout plo_layout_usual(enum plo_precision precision, int cores)
{
    static const size_t batches[] = { [PLO_PRECISION_F32] = 1, [PLO_PRECISION_BF16] = 1 };
    size_t batch = precision < PLO_COUNT(batches) ? batches[precision] : 1;
    return (struct plo_model_layout){ .streams = cores, .threads = cores, .batch = batch };
}

char *plo_layout_key(const struct plo_engine *engine, const struct plo_engine_load *load, int cores)
{
    char features[80], hex[PLO_SHA256_HEX];
    plo_cpu_features(features, sizeof features);
    char *text = plo_format("%s %s %s %s %s %s %s %zu %zu %d", load->sha256, engine->name,
                            engine->version(), load->device, plo_cpu_name(), features,
                            plo_precision_names[load->precision], load->height, load->width, cores);
    if (text == NULL)
        return NULL;
    plo_sha256_hex(text, strlen(text), hex);
    plo_free(text);
    return plo_format("%.*s", KEY_DIGITS, hex);
}

// The file's text, *text NULL where there is none: 0 or a negative errno.
static int read_layouts(char **text)
{
    char *path = plo_cache_path("layouts");
    *text = NULL;
    int result = path != NULL ? plo_file_read_text(path, CEILING, text) : 0;
    if (result < 0)
        *text = NULL;
    plo_free(path);
    return result == -ENOENT || result == -ENOTDIR ? 0 : result;
}

static bool parse(const char *line, const char *key, struct plo_model_layout *out)
{
    char found[KEY_DIGITS + 1];
    struct plo_model_layout layout;
    if (sscanf(line, "%32[0-9a-f] %d %d %zu", found, &layout.streams, &layout.threads,
               &layout.batch) != 4 ||
        strcmp(found, key) != 0 || layout.streams < 1 || layout.streams > MOST ||
        layout.threads < 1 || layout.threads > MOST || layout.batch < 1 || layout.batch > MOST)
        return false;
    *out = layout;
    return true;
}

static const char *next_line(const char *line)
{
    const char *end = strchr(line, '\n');
    return end != NULL ? end + 1 : line + strlen(line);
}

bool plo_layout_find(const char *key, struct plo_model_layout *out)
{
    char *text;
    bool found = false;
    (void)read_layouts(&text);
    for (const char *line = text; !found && line != NULL && *line != '\0'; line = next_line(line))
        found = parse(line, key, out);
    plo_free(text);
    return found;
}

// The folder, made and locked against others who record at the same time, or a negative errno.
// Closing the descriptor lets it go.
static int lock_folder(const char *folder)
{
    int result = plo_file_make_folders(folder);
    int fd = result == 0 ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : result;
    if (result == 0 && fd < 0)
        return -errno;
    while (fd >= 0 && flock(fd, LOCK_EX) < 0) {
        if (errno == EINTR)
            continue;
        result = -errno;
        close(fd);
        return result;
    }
    return fd;
}

// With the folder locked: the file again, with another line for the key, or none.
static int replace_line(const char *path, const char *key, const struct plo_model_layout *layout)
{
    struct plo_str str = PLO_STR_INIT;
    char *text;
    // A file that is there and cannot be read keeps what others recorded.
    int result = read_layouts(&text);
    if (result < 0)
        return result;
    for (const char *line = text; line != NULL && *line != '\0'; line = next_line(line))
        if (strncmp(line, key, KEY_DIGITS) != 0)
            plo_str_add_bytes(&str, line, (size_t)(next_line(line) - line));
    if (str.length > 0 && str.data[str.length - 1] != '\n')
        plo_str_add(&str, "\n"); // the last line was cut off
    if (layout != NULL)
        plo_str_addf(&str, "%s %d %d %zu\n", key, layout->streams, layout->threads, layout->batch);
    result =
        str.failed ? -ENOMEM : plo_file_replace(path, str.data != NULL ? str.data : "", str.length);
    plo_str_reset(&str);
    plo_free(text);
    return result;
}

int plo_layout_record(const char *key, const struct plo_model_layout *layout,
                      struct pipilo_error *err)
{
    char *folder = plo_cache_folder(), *path = plo_cache_path("layouts");
    int code = 0;
    if (path == NULL || folder == NULL) {
        code = plo_fail(err, PIPILO_ENOTFOUND,
                        "there is no cache folder to record it in: PIPILO_CACHE is 0, or no "
                        "variable says where home is");
    } else {
        int fd = lock_folder(folder);
        int result = fd < 0 ? fd : replace_line(path, key, layout);
        if (fd >= 0)
            close(fd);
        if (result < 0)
            code = plo_fail_errno(err, result, "%s", path);
    }
    plo_free(path);
    plo_free(folder);
    return code;
}
